"""Writes the ONNX cases of tests/fixtures/onnx, in the layout of ONNX' own tests:

    pip install numpy onnx onnxruntime onnxscript torch
    python tools/gen_onnx_fixtures.py tests/fixtures/onnx

`ort_*` are single nodes with the attributes that ONNX' own node tests leave out; expected values are onnxruntime's.
`torch_*` are models exported by PyTorch, by both exporters; expected values are PyTorch's, in float64. Seeds are fixed by
the name of a case.
"""

import argparse
import pathlib
import warnings
import zlib

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
T, B, I, H = 5, 3, 4, 6


def save(folder, model, inputs, outputs):
    """`inputs`, `outputs`: arrays by name, in the order of the graph."""
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for kind, arrays in (("input", inputs), ("output", outputs)):
        for k, (name, array) in enumerate(arrays.items()):
            tensor = numpy_helper.from_array(np.asarray(array), name)
            (data / f"{kind}_{k}.pb").write_bytes(tensor.SerializeToString())
    print(folder.name)


def random_of(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def node_case(root, name, op, opset=22, directions=1, lens=None, init=False, peepholes=False, **attributes):
    random = random_of(name)
    uniform = lambda *shape: random.uniform(-0.6, 0.6, shape).astype(np.float32)
    rows = GATES[op] * H
    weights = {"W": uniform(directions, rows, I), "R": uniform(directions, rows, H), "B": uniform(directions, 2 * rows)}
    inputs = {"X": uniform(T, B, I) * 3}
    names = ["X", "W", "R", "B", "", "", "", ""]
    if lens is not None:
        names[4], inputs["sequence_lens"] = "sequence_lens", np.array(lens, np.int32)
    if init:
        names[5], inputs["initial_h"] = "initial_h", uniform(directions, B, H)
        if op == "LSTM":
            names[6], inputs["initial_c"] = "initial_c", uniform(directions, B, H)
    if peepholes:
        names[7], weights["P"] = "P", uniform(directions, 3 * H)
    if directions == 2:
        attributes["direction"] = "bidirectional"
    while not names[-1]:
        names.pop()
    outputs = ["Y", "Y_h", "Y_c"] if op == "LSTM" else ["Y", "Y_h"]
    node = helper.make_node(op, names, outputs, hidden_size=H, **attributes)
    info = lambda name, array: helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
    )
    shapes = {"Y": [T, directions, B, H], "Y_h": [directions, B, H], "Y_c": [directions, B, H]}
    graph = helper.make_graph(
        [node],
        name,
        [info(name, array) for name, array in inputs.items()],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, shapes[o]) for o in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="fixtures")
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    results = session.run(outputs, inputs)
    save(root / name, model, inputs, dict(zip(outputs, results)))


def nodes(root):
    case = lambda *args, **kwargs: node_case(root, *args, **kwargs)
    lens = [T, 2, 4]
    case("ort_lstm_bidir_lens_peephole_clip", "LSTM", directions=2, lens=lens, init=True, peepholes=True, clip=0.4)
    case("ort_lstm_reverse_coupled_peephole", "LSTM", init=True, peepholes=True, input_forget=1, direction="reverse")
    case("ort_lstm_opset7_bidir", "LSTM", opset=7, directions=2, lens=lens)
    case(
        "ort_lstm_bidir_activations",
        "LSTM",
        directions=2,
        activations=["HardSigmoid", "ScaledTanh", "Elu", "Sigmoid", "Affine", "Softsign"],
        activation_alpha=[0.3, 1.1, 0.7, 0.8],
        activation_beta=[0.4, 0.9, 0.1],
    )
    for reset, text in ((0, "before"), (1, "after")):
        case(f"ort_gru_bidir_reset_{text}", "GRU", directions=2, lens=lens, init=True, linear_before_reset=reset)
        case(f"ort_gru_reset_{text}_clip", "GRU", clip=0.3, linear_before_reset=reset)
    case(
        "ort_gru_activations",
        "GRU",
        opset=14,
        activations=["ThresholdedRelu", "LeakyRelu"],
        activation_alpha=[0.05, 0.2],
        linear_before_reset=1,
    )
    case("ort_rnn_bidir_lens_init", "RNN", directions=2, lens=lens, init=True, activations=["Tanh", "Softplus"])
    case("ort_rnn_relu_clip", "RNN", opset=7, activations=["Relu"], clip=0.5)


class Steps(nn.Module):
    """Recurrent layers and a head over each step."""

    def __init__(self, rnn, features, last=False, softmax=False):
        super().__init__()
        self.rnn, self.head, self.last, self.softmax = rnn, nn.Linear(features, 4), last, softmax

    def forward(self, x):
        y, _ = self.rnn(x)
        y = self.head(torch.relu(y[:, -1] if self.last else y))
        return torch.log_softmax(y, -1) if self.softmax else y


class Tokens(nn.Module):
    """An embedding, a GRU, and a head on its final states."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, I)
        self.rnn = nn.GRU(I, H, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * H, 3)

    def forward(self, ids):
        _, h_n = self.rnn(self.embedding(ids))
        return torch.softmax(self.head(torch.cat([h_n[0], h_n[1]], 1)), 1)


class Stateful(nn.Module):
    """A step of a stream: states go in and come out."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(I, H, 2)

    def forward(self, x, h0, c0):
        y, (h_n, c_n) = self.lstm(x, (h0, c0))
        return y, h_n, c_n


def torch_case(root, name, model, inputs, dynamic=None, exporters=("torchscript", "dynamo")):
    """`dynamic`: the names of axes that the exported model leaves open, by input."""
    torch.manual_seed(zlib.crc32(name.encode()))
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    model.eval()
    arguments = tuple(inputs.values())
    as_f64 = lambda x: x.double() if x.is_floating_point() else x
    with torch.no_grad():
        results = model.double()(*map(as_f64, arguments))
    results = results if isinstance(results, tuple) else (results,)
    outputs = {f"out{k}": result.float().numpy() for k, result in enumerate(results)}
    model.float()
    for exporter in exporters:
        folder = root / f"{name}_{exporter}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "model.onnx"
        names = dict(input_names=list(inputs), output_names=list(outputs))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if exporter == "torchscript":
                torch.onnx.export(model, arguments, str(path), dynamo=False, dynamic_axes=dynamic, **names)
            else:
                shapes = None
                if dynamic:
                    dim = lambda axis: torch.export.Dim(axis)
                    dims = {axis: dim(axis) for axes in dynamic.values() for axis in axes.values()}
                    shapes = tuple({k: dims[a] for k, a in dynamic[i].items()} for i in inputs if i in dynamic)
                torch.onnx.export(
                    model, arguments, str(path), dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False, **names
                )
        arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
        save(folder, onnx.load(path), arrays, outputs)


def models(root):
    x = torch.rand(B, T, I) * 2 - 1
    steps = {"x": {0: "batch", 1: "time"}}
    relu = nn.RNN(I, H, 2, batch_first=True, nonlinearity="relu")
    # Today's exporter writes a plain RNN step by step, without an RNN node.
    torch_case(root, "torch_rnn_relu2_steps", Steps(relu, H, softmax=True), {"x": x}, exporters=("torchscript",))
    gru = nn.GRU(I, H, 2, batch_first=True, bidirectional=True, dropout=0.3)
    torch_case(root, "torch_bigru2_steps", Steps(gru, 2 * H), {"x": x})
    lstm = nn.LSTM(I, H, batch_first=True)
    torch_case(root, "torch_lstm_last_dynamic", Steps(lstm, H, last=True), {"x": x}, steps)
    torch_case(root, "torch_tokens_states", Tokens(), {"ids": torch.randint(0, 11, (B, T))})
    h0, c0 = torch.rand(2, B, H), torch.rand(2, B, H)
    torch_case(root, "torch_lstm2_stateful", Stateful(), {"x": x.transpose(0, 1).contiguous(), "h0": h0, "c0": c0})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    root = parser.parse_args().folder
    nodes(root)
    torch.manual_seed(0)
    models(root)


if __name__ == "__main__":
    main()
