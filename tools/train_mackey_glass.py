#!/usr/bin/env python3
"""Train a two-layer LSTM forecaster of the Mackey-Glass series (tau = 17).

    python tools/train_mackey_glass.py [--out examples/data/mackey_glass_lstm.safetensors]

Needs torch, numpy and safetensors; about six minutes on one CPU thread.

The series solves the delay equation

    dx/dt = f(x(t), x(t - tau)),   f(x, d) = 0.2 d / (1 + d^10) - 0.1 x,
    x(t) = 1.2 for t <= 0,

by Heun's method with step dt = 0.1. tau is 170 whole steps, so both delayed
values that a step needs lie on the grid:

    k1 = f(x[k], x[k - 170])
    k2 = f(x[k] + dt * k1, x[k - 169])
    x[k + 1] = x[k] + 0.5 * dt * (k1 + k2)

Sample n is x at step 10 * (transient + n): one sample per time unit. The first
`train_steps` samples are the training part, everything after is held out.

The equation is chaotic: one rounding error grows to a different series within
some thousand time units. `mackey_glass` therefore uses only + - * / on float64,
in a fixed order and with d^10 spelled out, so that any IEEE 754 program
repeating the same expressions without fused multiply-add gets the same bits.

The model sees (x - mean) / std of sample t and predicts that of t + 1, carrying
its state. Training is teacher forcing, then a fine tune in which the
model feeds on its own output and is penalised for leaving the true path.
"""
import argparse
import json
import pathlib
import time

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

TAU, DT, HISTORY = 17, 0.1, 1.2
STEPS_PER_SAMPLE, LAG = 10, 170  # 1 / DT and TAU / DT, exact
TRANSIENT, TRAIN_STEPS, HELD_OUT_STEPS = 1000, 6000, 2000
CHECK_STEPS, WARM_UP = 200, 300
HIDDEN_SIZE, NUM_LAYERS, SEED = 32, 2, 17

# Teacher forcing (free_steps = 0) first. The fine tune then lengthens the free
# run step by step: gradients through a long one are useless while it still diverges.
# Free-run errors exceed one-step errors and crowd them out of the loss; the last
# stage weighs them down to win back one-step accuracy.
STAGES = [
    dict(updates=2500, lr=1e-2, free_steps=0),
    dict(updates=500, lr=2e-3, free_steps=10),
    dict(updates=500, lr=2e-3, free_steps=30),
    dict(updates=500, lr=2e-3, free_steps=60),
    dict(updates=1100, lr=2e-3, free_steps=120),
    dict(updates=700, lr=4e-4, free_steps=80, free_weight=0.2),
]


def mackey_glass(samples: int) -> np.ndarray:
    """The first `samples` samples after the transient."""

    def f(x, d):
        d2 = d * d
        d4 = d2 * d2
        return 0.2 * d / (1.0 + d4 * d4 * d2) - 0.1 * x

    x = [HISTORY] * (LAG + 1)  # x[LAG] is t = 0
    for k in range(LAG, LAG + STEPS_PER_SAMPLE * (TRANSIENT + samples)):
        k1 = f(x[k], x[k - LAG])
        k2 = f(x[k] + DT * k1, x[k - LAG + 1])
        x.append(x[k] + 0.5 * DT * (k1 + k2))
    first = LAG + STEPS_PER_SAMPLE * TRANSIENT
    return np.array(x[first::STEPS_PER_SAMPLE][:samples])


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, HIDDEN_SIZE, NUM_LAYERS)
        self.head = nn.Linear(HIDDEN_SIZE, 1)

    def forward(self, x, state=None):
        """(T, B, 1) -> predictions of the next step (T, B, 1), state."""
        output, state = self.lstm(x, state)
        return self.head(output), state

    def free_run(self, x, state, steps):
        """`steps` predictions (steps, B, 1) from x (1, B, 1), each fed back."""
        path = []
        for _ in range(steps):
            x, state = self(x, state)
            path.append(x)
        return torch.cat(path)


def train(model, series, *, updates, lr, free_steps, free_weight=1.0, batch=32, wash_in=50, forced_steps=100):
    """Adam with a cosine schedule on random windows of the series.

    Each window is a wash-in, so that the state forgets its zero start before
    errors count, `forced_steps` steps on true inputs, and `free_steps` steps on
    the model's own predictions.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates, lr * 1e-2)
    forced = wash_in + forced_steps
    windows = series.unfold(0, forced + free_steps + 1, 1)
    start = time.time()
    for update in range(1, updates + 1):
        x = windows[torch.randint(len(windows), (batch,))].T.unsqueeze(-1)
        y, state = model(x[:forced])
        loss = (y - x[1 : forced + 1])[wash_in:].square().mean()
        if free_steps:
            path = model.free_run(y[-1:], state, free_steps)
            loss = loss + free_weight * (path - x[forced + 1 :]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        schedule.step()
        if update % (updates // 5) == 0:
            print(f"  update {update:5}  loss {loss.item():.2e}  {time.time() - start:.0f} s", flush=True)


def nrmse(prediction, truth):
    return ((prediction - truth).square().mean().sqrt() / truth.std()).item()


@torch.no_grad()
def evaluate(model, series):
    """Print errors on `series` (float64, held out) and return them as text."""
    x = series.view(-1, 1, 1)
    y, _ = model(x[:-1])
    now, truth = x[WARM_UP:-1], x[WARM_UP + 1 :]
    figures = {"one_step_nrmse": nrmse(y[WARM_UP:], truth), "persistence_nrmse": nrmse(now, truth)}

    # column b: warm up on x[b*100 ..][:WARM_UP], then run free
    horizons, starts = (100, 200, 300), range(0, len(series) - WARM_UP - 300, 100)
    windows = torch.stack([series[s : s + WARM_UP + 300] for s in starts], 1).unsqueeze(-1)
    y, state = model(windows[:WARM_UP])
    path = torch.cat([y[-1:], model.free_run(y[-1:], state, 299)])
    error = path - windows[WARM_UP:]
    for steps in horizons:
        by_start = error[:steps].square().mean(0).sqrt().flatten() / series.std()
        figures[f"free_run_{steps}_nrmse"] = by_start[0].item()
        figures[f"free_run_{steps}_nrmse_median_of_{len(starts)}_starts"] = by_start.median().item()
    figures = {name: f"{value:.5f}" for name, value in figures.items()}
    print(json.dumps(figures, indent=2), flush=True)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default="examples/data/mackey_glass_lstm.safetensors")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    x = mackey_glass(TRAIN_STEPS + HELD_OUT_STEPS)
    mean, std = x[:TRAIN_STEPS].mean().item(), x[:TRAIN_STEPS].std().item()
    series = torch.from_numpy((x - mean) / std).float()
    seen, held_out = series[:TRAIN_STEPS], series[TRAIN_STEPS:].double()

    model = Forecaster()
    for stage in STAGES:
        print(", ".join(f"{name} {value}" for name, value in stage.items()))
        train(model.float(), seen, **stage)
        figures = evaluate(model.double(), held_out)

    # weights are float32 values, so this is the float64 truth about what is stored
    check_input = held_out[:CHECK_STEPS]
    with torch.no_grad():
        check_output = model(check_input.view(-1, 1, 1))[0].flatten()
    tensors = {**model.state_dict(), "check.input": check_input, "check.output": check_output}
    metadata = {
        "task": "one-step-ahead forecast of the Mackey-Glass series",
        "tau": TAU,
        "dt": DT,
        "history": HISTORY,
        "integrator": "heun",
        "sample_interval": DT * STEPS_PER_SAMPLE,
        "transient": TRANSIENT,
        "train_steps": TRAIN_STEPS,
        "mean": repr(mean),
        "std": repr(std),
        "check_start": TRAIN_STEPS,
        "warm_up": WARM_UP,
        "input_size": 1,
        "hidden_size": HIDDEN_SIZE,
        "num_layers": NUM_LAYERS,
        "seed": SEED,
        **figures,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: t.float().contiguous() for name, t in tensors.items()},
        args.out,
        {key: str(value) for key, value in metadata.items()},
    )
    print(f"{args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
