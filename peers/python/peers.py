"""PyTorch and onnxruntime as peers: answers the requests of src/protocol.rs, checks nothing itself.

Usage: peers.py PEER FOLDER
"""

import json
import sys
import time
from pathlib import Path


class Refused(Exception):
    """Why a request is not done; goes back as the answer."""


class Torch:
    """nn.LSTM, nn.GRU or nn.RNN, on CUDA by cuDNN."""

    def __init__(self, name, weights, facts):
        import torch

        self.torch = torch
        self.device = "cuda" if name.startswith("torch-cuda") else "cpu"
        if self.device == "cuda" and not torch.cuda.is_available():
            raise Refused("torch has no CUDA device")
        if facts.get("reset_after") == "false":
            raise Refused("unsupported: reset before")
        self.dtype = torch.float16 if name.endswith("f16") else torch.float32
        torch.backends.cuda.matmul.allow_tf32 = name.endswith("tf32")
        torch.backends.cudnn.allow_tf32 = name.endswith("tf32")
        rows, input_size = weights["weight_ih_l0"].shape
        hidden_size = weights["weight_hh_l0"].shape[1]
        self.module = getattr(torch.nn, facts["cell"])(
            input_size,
            hidden_size,
            num_layers=int(facts["num_layers"]),
            bidirectional=facts["bidirectional"] == "true",
        )
        state = {name: torch.from_numpy(array) for name, array in weights.items()}
        self.module.load_state_dict(state)
        self.module.to(self.device, self.dtype)

    def about(self):
        torch = self.torch
        if self.device == "cuda":
            version = f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}"
            return version, torch.cuda.get_device_name()
        return f"torch {torch.__version__}", f"CPU, {torch.get_num_threads()} threads"

    def prepare(self, arrays):
        to_device = lambda array: self.torch.from_numpy(array).to(self.device, self.dtype)
        self.x = to_device(arrays["x"])
        self.d_y = to_device(arrays["d_y"]) if "d_y" in arrays else None
        if self.d_y is not None:
            self.x.requires_grad_()

    def run(self):
        torch = self.torch
        self.module.zero_grad(set_to_none=True)
        self.x.grad = None
        on_cuda = self.device == "cuda"
        if on_cuda:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
        begin = time.perf_counter()
        if on_cuda:
            start.record()
        if self.d_y is None:
            with torch.no_grad():
                self.y, _ = self.module(self.x)
        else:
            self.y, _ = self.module(self.x)
            self.y.backward(self.d_y)
        if on_cuda:
            end.record()
            torch.cuda.synchronize()
        wall = time.perf_counter() - begin
        return wall, start.elapsed_time(end) * 1e-3 if on_cuda else None

    def results(self):
        named = {"y": self.y}
        if self.d_y is not None:
            named["d_input"] = self.x.grad
            for name, parameter in self.module.named_parameters():
                named[f"grad.{name}"] = parameter.grad
        return {name: tensor.detach().float().cpu().numpy() for name, tensor in named.items()}


class Onnxruntime:
    """A graph of LSTM, GRU or RNN nodes, on the CPU."""

    # Which of PyTorch's gates stands where: i o f g; z r n.
    GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}

    def __init__(self, name, weights, facts):
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper
        import numpy

        self.onnxruntime = onnxruntime
        cell = facts["cell"]
        directions = ["", "_reverse"] if facts["bidirectional"] == "true" else [""]
        hidden_size = weights["weight_hh_l0"].shape[1]

        def gates(name):
            parts = numpy.split(weights[name], len(self.GATES[cell]))
            return numpy.concatenate([parts[gate] for gate in self.GATES[cell]])

        attributes = {"hidden_size": hidden_size}
        if len(directions) == 2:
            attributes["direction"] = "bidirectional"
        if cell == "GRU":
            attributes["linear_before_reset"] = int(facts["reset_after"] == "true")
        nodes, constants = [], {"shape": numpy.array([0, 0, -1])}
        x = "x"
        for layer in range(int(facts["num_layers"])):
            suffixes = [f"_l{layer}{direction}" for direction in directions]
            stack = lambda of: numpy.stack([of(suffix) for suffix in suffixes])
            constants[f"w{layer}"] = stack(lambda suffix: gates("weight_ih" + suffix))
            constants[f"r{layer}"] = stack(lambda suffix: gates("weight_hh" + suffix))
            biases = lambda suffix: numpy.concatenate([gates("bias_ih" + suffix), gates("bias_hh" + suffix)])
            constants[f"b{layer}"] = stack(biases)
            inputs = [x, f"w{layer}", f"r{layer}", f"b{layer}"]
            nodes.append(helper.make_node(cell, inputs, [f"split{layer}"], **attributes))
            # [T, D, B, H] to [T, B, D·H].
            nodes.append(helper.make_node("Transpose", [f"split{layer}"], [f"moved{layer}"], perm=[0, 2, 1, 3]))
            x = f"y{layer}"
            nodes.append(helper.make_node("Reshape", [f"moved{layer}", "shape"], [x]))
        array = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3)
        initializers = [numpy_helper.from_array(constants[name], name) for name in constants]
        graph = helper.make_graph(nodes, "stack", [array("x")], [array(x)], initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=providers)

    def about(self):
        import os

        return f"onnxruntime {self.onnxruntime.__version__}", f"CPU, {os.cpu_count()} cores"

    def prepare(self, arrays):
        if "d_y" in arrays:
            raise Refused("unsupported: backward")
        self.x = arrays["x"]

    def run(self):
        begin = time.perf_counter()
        [self.y] = self.session.run(None, {"x": self.x})
        return time.perf_counter() - begin, None

    def results(self):
        return {"y": self.y}


def read(folder, name):
    """The arrays of a file and the strings of its header."""
    from safetensors import safe_open

    with safe_open(folder / f"{name}.safetensors", "numpy") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


def answers(peer, folder):
    """An answer to being started, then one to each request."""
    weights, facts = read(folder, "weights")
    contestant = (Torch if peer.startswith("torch") else Onnxruntime)(peer, weights, facts)
    version, device = contestant.about()
    yield {"version": version, "device": device}
    for request in sys.stdin:
        match request.split():
            case ["prepare", name]:
                contestant.prepare(read(folder, name)[0])
                yield {"note": None}
            case ["run"]:
                wall, device = contestant.run()
                yield {"wall": wall, "device": device}
            case ["results", name]:
                from safetensors.numpy import save_file
                import numpy

                arrays = {key: numpy.ascontiguousarray(array) for key, array in contestant.results().items()}
                save_file(arrays, folder / f"{name}.safetensors")
                yield {"note": None}
            case _:
                raise Refused(f"asked to {request!r}")


def main():
    try:
        for answer in answers(sys.argv[1], Path(sys.argv[2])):
            print(json.dumps(answer), flush=True)
    except (Refused, ImportError) as why:
        print(json.dumps({"refused": str(why)}), flush=True)


main()
