// onnx.mjs: a stack of recurrent layers as an ONNX model. A protobuf message is a list of numbered fields, so the few
// kinds of message that a model needs are written here rather than with a library and ONNX's schema.

/// By PyTorch's order, which of its gates stands where: i o f g; z r n.
const GATES = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2], RNN: [0] };

// onnx.proto's TensorProto.DataType and AttributeProto.AttributeType.
const FLOAT = 1;
const INT64 = 7;
const OF_INT = 2;
const OF_STRING = 3;
const OF_INTS = 7;

/// The bytes of a model that makes `y` of `x`, both `[T, B, features]`.
export function model({ arrays, metadata }) {
  const cell = metadata.cell;
  const isBidirectional = metadata.bidirectional === 'true';
  const attributes = [intAttribute('hidden_size', arrays.weight_hh_l0.shape[1])];
  if (isBidirectional) attributes.push(stringAttribute('direction', 'bidirectional'));
  if (cell === 'GRU') {
    attributes.push(intAttribute('linear_before_reset', Number(metadata.reset_after === 'true')));
  }
  const nodes = [];
  const constants = [tensor('shape', INT64, [3], new BigInt64Array([0n, 0n, -1n]))];
  const layers = Number(metadata.num_layers);
  for (let layer = 0; layer < layers; layer++) {
    const directions = isBidirectional ? ['', '_reverse'] : [''];
    const suffixes = directions.map((direction) => `_l${layer}${direction}`);
    const gates = (name) => reordered(arrays[name].values, GATES[cell]);
    const stack = (name, of, shape) => {
      const values = concatenated(suffixes.map(of));
      constants.push(tensor(name + layer, FLOAT, [suffixes.length, ...shape], values));
    };
    const shape = (name) => arrays[name + suffixes[0]].shape;
    stack('w', (suffix) => gates(`weight_ih${suffix}`), shape('weight_ih'));
    stack('r', (suffix) => gates(`weight_hh${suffix}`), shape('weight_hh'));
    const biases = (suffix) => concatenated([gates(`bias_ih${suffix}`), gates(`bias_hh${suffix}`)]);
    stack('b', biases, [2 * shape('bias_ih')[0]]);
    const x = layer === 0 ? 'x' : `y${layer - 1}`;
    const y = layer === layers - 1 ? 'y' : `y${layer}`;
    nodes.push(node(cell, [x, `w${layer}`, `r${layer}`, `b${layer}`], `split${layer}`, attributes));
    // [T, D, B, H] to [T, B, D·H].
    const order = intsAttribute('perm', [0, 2, 1, 3]);
    nodes.push(node('Transpose', [`split${layer}`], `moved${layer}`, [order]));
    nodes.push(node('Reshape', [`moved${layer}`, 'shape'], y, []));
  }
  const graph = message(
    ...nodes.map((node) => [1, node]),
    [2, 'stack'],
    ...constants.map((constant) => [5, constant]),
    [11, value('x')],
    [12, value('y')],
  );
  const opset = message([1, ''], [2, 14]);
  // Not a Buffer: playwright hands over plain arrays only.
  return new Uint8Array(message([1, 8], [8, opset], [7, graph]));
}

/// Rows of gates, in another order.
function reordered(values, order) {
  const length = values.length / order.length;
  return concatenated(order.map((gate) => values.subarray(gate * length, (gate + 1) * length)));
}

function concatenated(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

function node(operator, inputs, output, attributes) {
  return message(
    ...inputs.map((input) => [1, input]),
    [2, output],
    [4, operator],
    ...attributes.map((attribute) => [5, attribute]),
  );
}

const intAttribute = (name, value) => message([1, name], [3, value], [20, OF_INT]);
const stringAttribute = (name, value) => message([1, name], [4, value], [20, OF_STRING]);
const intsAttribute = (name, values) =>
  message([1, name], ...values.map((value) => [8, value]), [20, OF_INTS]);

function tensor(name, type, shape, values) {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return message(...shape.map((size) => [1, size]), [2, type], [8, name], [9, bytes]);
}

/// An array of three dimensions of any size, as an input or output of the graph.
function value(name) {
  const shape = message([1, message()], [1, message()], [1, message()]);
  return message([1, name], [2, message([1, message([1, FLOAT], [2, shape])])]);
}

/// Of fields `[number, content]`: natural numbers as varints; text, bytes and messages with their length before them.
function message(...fields) {
  const parts = fields.flatMap(([number, content]) => {
    if (typeof content === 'number') return [varint(number << 3), varint(content)];
    const bytes = Buffer.from(content);
    return [varint((number << 3) | 2), varint(bytes.length), bytes];
  });
  return Buffer.concat(parts);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}
