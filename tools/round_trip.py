#!/usr/bin/env python3
"""Loads a saved model into PyTorch modules with load_state_dict and compares what they compute with given arrays.

    tools/round_trip.py MODEL.safetensors X.npy Y.npy [--batch-first] STAGE...

X is [T, B, I], or token ids [T, B] where the first stage is an Embedding; [B, T, ..] with --batch-first. A stage is

    NAME=MODULE:ARGUMENTS   one of torch.nn: embed=Embedding:20,4   rnn=LSTM:4,5,num_layers=2,bidirectional=True
    MODULE                  one without weights: ReLU, Tanh, Sigmoid, Softmax, LogSoftmax (over the features)
    step | states           the last time step; the final hidden states of the stage before, side by side

NAME is what stands before the names of the tensors, nothing at the top level: =GRU:4,5. All tensors of the file must
be taken, and all that the modules have must be there. Needs torch, safetensors and numpy.
"""

import argparse
import ast
import sys

import numpy
import torch
from safetensors.torch import load_file

RECURRENT = (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)
OVER_FEATURES = ("Softmax", "LogSoftmax")


def stage_of(text, batch_first):
    """The name and the module of a stage; a string for a choice of time steps."""
    if text in ("step", "states"):
        return None, text
    name, has_name, module = text.partition("=")
    if not has_name:
        arguments = {"dim": -1} if text in OVER_FEATURES else {}
        return None, getattr(torch.nn, text)(**arguments)
    kind, _, arguments = module.partition(":")
    call = ast.parse(f"f({arguments})", mode="eval").body
    positional = [ast.literal_eval(value) for value in call.args]
    named = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    kind = getattr(torch.nn, kind)
    if kind in RECURRENT:
        named["batch_first"] = batch_first
    return name, kind(*positional, **named)


def load(stages, tensors):
    """Each module's state_dict from the file, and no tensor left."""
    for name, module in stages:
        if name is not None:
            prefix = f"{name}." if name else ""
            wanted = {key: prefix + key for key in module.state_dict()}
            state = {key: tensors.pop(path) for key, path in wanted.items() if path in tensors}
            module.load_state_dict(state)  # strict: a missing tensor or a wrong shape is an error
    if tensors:
        sys.exit(f"tensors that no stage takes: {sorted(tensors)}")


def run(stages, x, batch_first):
    h_n, before = None, None
    for _, module in stages:
        if module == "step":
            x = x[:, -1:] if batch_first else x[-1:]
        elif module == "states":
            directions = 2 if before.bidirectional else 1
            x = torch.cat(list(h_n[-directions:]), -1).unsqueeze(1 if batch_first else 0)
        elif isinstance(module, RECURRENT):
            x, state = module(x)
            h_n = state[0] if isinstance(state, tuple) else state
        else:
            x = module(x)
        before = module
    return x


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("model")
    parser.add_argument("x")
    parser.add_argument("y")
    parser.add_argument("stages", nargs="+")
    parser.add_argument("--batch-first", action="store_true")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    arguments = parser.parse_args()

    stages = [stage_of(text, arguments.batch_first) for text in arguments.stages]
    load(stages, load_file(arguments.model))
    x = torch.from_numpy(numpy.load(arguments.x))
    x = x.float() if x.is_floating_point() else x.long()
    with torch.no_grad():
        y = run(stages, x, arguments.batch_first).numpy()
    expected = numpy.load(arguments.y)
    if y.shape != expected.shape:
        sys.exit(f"y is {list(y.shape)}, the file has {list(expected.shape)}")
    error = numpy.abs(y - expected).max() / max(1, numpy.abs(expected).max())
    print(f"{arguments.model}: max error {error:.1e}, {arguments.tolerance:.0e} allowed")
    if not error <= arguments.tolerance:  # NaN fails, too
        sys.exit(1)


if __name__ == "__main__":
    main()
