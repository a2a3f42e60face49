#!/usr/bin/env python3
"""Keras to PyTorch by way of this library: each model of tests/fixtures/keras that PyTorch's modules can hold is read,
saved as safetensors (examples/keras.rs), loaded into PyTorch and compared with what Keras computed.

    tools/round_trip_keras.py

Needs cargo, a GPU or a software one, and what tools/round_trip.py needs.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "tests" / "fixtures" / "keras"
# The stages as round_trip.py takes them, the last ones those of the output.
STAGES = {
    "lstm": ("head_output", ["lstm=LSTM:5,16", "head=Linear:16,3"]),
    "gru_reset_after": ("head_output", ["gru_reset_after=GRU:5,16", "head=Linear:16,3"]),
    "bilstm": ("head_output", ["bi=LSTM:5,7,bidirectional=True", "head=Linear:14,3"]),
    "embedding_gru": ("y", ["embedding=Embedding:11,4", "gru=GRU:4,5", "states", "dense=Linear:5,3", "Softmax"]),
    "lstm_stack": ("y", ["lstm=LSTM:5,6", "lstm_1=LSTM:6,4", "states", "dense=Linear:4,3", "ReLU", "dense_1=Linear:3,2",
                         "LogSoftmax"]),
    "simple_rnn_relu": ("y", ["simple_rnn=RNN:5,5,nonlinearity='relu'", "time_distributed=Linear:5,3", "Tanh"]),
    "activation_layers": ("y", ["lstm=LSTM:5,4", "ReLU", "dense=Linear:4,3", "Tanh", "dense_1=Linear:3,4", "Softmax"]),
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, (output, stages) in STAGES.items():
            arrays = load_file(MODELS / f"{name}.safetensors")
            y = arrays[output]
            if y.ndim == 2:
                y = y[:, None]  # Keras leaves out the axis of the only step
            numpy.save(folder / "x.npy", arrays["x"])
            numpy.save(folder / "y.npy", y)
            saved = folder / f"{name}.safetensors"
            example = ["cargo", "run", "--quiet", "--all-features", "--example", "keras", "--"]
            subprocess.run([*example, MODELS / f"{name}.keras", saved], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            check = [sys.executable, ROOT / "tools" / "round_trip.py", saved, folder / "x.npy", folder / "y.npy"]
            print(name, flush=True)
            subprocess.run([*check, "--batch-first", *stages], check=True)


if __name__ == "__main__":
    main()
