#!/usr/bin/env python3
"""ONNX to PyTorch by way of this library: models that PyTorch exported (tests/fixtures/onnx) are read, saved as safetensors
(examples/onnx.rs), loaded into PyTorch again and compared with what PyTorch computed before.

    tools/round_trip_onnx.py

Needs cargo, a GPU or a software one, onnx, and what tools/round_trip.py needs.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "tests" / "fixtures" / "onnx"
# The stages as round_trip.py takes them.
STAGES = {
    "torch_rnn_relu2_steps_torchscript": ["rnn=RNN:4,6,2,nonlinearity='relu'", "ReLU", "head=Linear:6,4", "LogSoftmax"],
    "torch_bigru2_steps": ["rnn=GRU:4,6,2,bidirectional=True", "ReLU", "head=Linear:12,4"],
    "torch_lstm_last_dynamic": ["rnn=LSTM:4,6", "step", "ReLU", "head=Linear:6,4"],
    "torch_tokens_states": ["embedding=Embedding:11,4", "rnn=GRU:4,6,bidirectional=True", "states", "head=Linear:12,3",
                            "Softmax"],
}


def array(path):
    return numpy_helper.to_array(onnx.load_tensor(path))


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, stages in STAGES.items():
            for case in sorted(MODELS.glob(f"{name}*")):
                y = array(case / "test_data_set_0" / "output_0.pb")
                if y.ndim == 2:
                    y = y[:, None]  # the graph leaves out the axis of the only step
                numpy.save(folder / "x.npy", array(case / "test_data_set_0" / "input_0.pb"))
                numpy.save(folder / "y.npy", y)
                saved = folder / f"{case.name}.safetensors"
                example = ["cargo", "run", "--quiet", "--all-features", "--example", "onnx", "--"]
                subprocess.run([*example, case / "model.onnx", saved], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
                check = [sys.executable, ROOT / "tools" / "round_trip.py", saved, folder / "x.npy", folder / "y.npy"]
                subprocess.run([*check, "--batch-first", *stages], check=True)


if __name__ == "__main__":
    main()
