// safetensors.mjs: arrays of f32 in files: the length of a JSON header, the header, the values, all little-endian.

import { readFileSync, writeFileSync } from 'node:fs';

/// The arrays of a file by name, each `{ shape, values }`, and the strings of its header.
export function read(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const { __metadata__: metadata, ...tensors } = JSON.parse(bytes.toString('utf8', 8, start));
  const arrays = {};
  for (const [name, { shape, data_offsets: [from, to] }] of Object.entries(tensors)) {
    // A copy, for values have to lie at a multiple of four bytes.
    const copy = new Uint8Array(bytes.subarray(start + from, start + to));
    arrays[name] = { shape, values: new Float32Array(copy.buffer) };
  }
  return { arrays, metadata };
}

/// A file of one array.
export function write(path, name, { shape, values }) {
  const tensor = { dtype: 'F32', shape, data_offsets: [0, values.byteLength] };
  const header = Buffer.from(JSON.stringify({ [name]: tensor }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  writeFileSync(path, Buffer.concat([length, header, bytes]));
}
