"""Makes tests/unit/optim/plateau_golden.h: the learning rates that torch's ReduceLROnPlateau gives.

    build/peer/bin/python tests/golden/make_plateau.py

Needs torch (made with 2.13). Each rate is the optimizer's `lr` after scheduler.step(metric), as Trainer calls it after each evaluation."""
import json
from pathlib import Path

import torch

PEAK = 3e-4
FALLING = [1.0, 0.9, 0.8, 0.79995, 0.7999, 0.79985, 0.8, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]
RISING = [0.1, 0.3, 0.2, 0.3, 0.3, 0.4, 0.4, 0.39, 0.40001, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.6]
RUNS = [
    ({}, [1.0] * 13 + [0.5, 0.5, 0.4]),
    ({"patience": 1, "factor": 0.5}, FALLING),
    ({"patience": 0, "cooldown": 2, "factor": 0.25}, FALLING),
    ({"patience": 1, "mode": "max", "factor": 0.3}, RISING),
    ({"patience": 1, "mode": "max", "threshold": 0.15, "threshold_mode": "abs", "factor": 0.3}, RISING),
    ({"patience": 0, "threshold": 0.1, "threshold_mode": "rel", "min_lr": 1e-4, "factor": 0.6}, FALLING),
    ({"patience": 0, "factor": 0.9, "eps": 2.5e-5}, FALLING),
    ({"patience": 0, "threshold_mode": "abs", "threshold": 0}, [-1.0, -2.0, -2.0, -1.5, -3.0, float("nan"), -4.0, 0.0]),
    ({"patience": 1, "mode": "max"}, [float("nan"), -0.5, -0.5, -0.49, float("nan"), float("nan"), 0.0, 0.1]),
    ({"patience": 0, "factor": 0}, [1.0, 1.0, 0.5, 0.5]),
    ({"patience": 0, "threshold": 1}, [1.0, 0.5, -1.0]),
]


def number(value):
    return "NAN" if value != value else repr(value)


def rates(options, metrics):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    for metric in metrics:
        scheduler.step(metric)
        yield optimizer.param_groups[0]["lr"]


def main():
    lines = [f"/* Made by tests/golden/make_plateau.py with torch {torch.__version__.split('+')[0]}. */", "/* clang-format off */",
             "static const Golden GOLDEN[] = {"]
    for options, metrics in RUNS:
        text = json.dumps(options).replace('"', '\\"')
        lines.append(f'    {{"{text}", {len(metrics)}, {{{", ".join(map(number, metrics))}}},\n'
                     f'     {{{", ".join(map(number, rates(options, metrics)))}}}}},')
    lines += ["};", "/* clang-format on */", ""]
    (Path(__file__).parents[1] / "unit/optim/plateau_golden.h").write_text("\n".join(lines))


main()
