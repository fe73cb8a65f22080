"""Makes tests/unit/optim/schedule_golden.h: the learning rates that Transformers' schedules give, with options.

    build/peer/bin/python tests/golden/make_schedules.py

Needs torch and transformers (made with 5.24). Each rate is the optimizer's `lr` before an update, as Trainer makes the scheduler:
get_scheduler(lr_scheduler_type, optimizer, get_warmup_steps(total), total, scheduler_specific_kwargs=lr_scheduler_kwargs)."""
import json
import warnings
from pathlib import Path

import torch
import transformers
from transformers import TrainingArguments, get_scheduler

PEAK = 3e-4
RUNS = [
    ("cosine", {"num_cycles": 1.25}, 11, 2),
    ("cosine_with_restarts", {}, 9, 2),
    ("cosine_with_restarts", {"num_cycles": 3}, 13, 0.2),
    ("polynomial", {}, 9, 0),
    ("polynomial", {"lr_end": 1e-5, "power": 2}, 11, 3),
    ("polynomial", {"lr_end": 0, "power": 0.7}, 8, 1),
    ("inverse_sqrt", {}, 7, 0),
    ("inverse_sqrt", {}, 11, 4),
    ("inverse_sqrt", {"timescale": 50}, 9, 3),
    ("cosine_with_min_lr", {"min_lr": 3e-5}, 11, 2),
    ("cosine_with_min_lr", {"min_lr_rate": 0.25, "num_cycles": 1.5}, 13, 0),
    ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}, 11, 4),
    ("cosine_warmup_with_min_lr", {"min_lr": 1e-5, "warmup_lr_rate": 0.3}, 11, 4),
    ("cosine_warmup_with_min_lr", {"min_lr_rate": 0, "warmup_lr_rate": 0.3}, 5, 1),
    ("warmup_stable_decay", {"num_decay_steps": 4}, 13, 3),
    ("warmup_stable_decay", {"num_decay_steps": 3, "num_stable_steps": 2, "min_lr_ratio": 0.1}, 12, 0.25),
    ("warmup_stable_decay", {"num_decay_steps": 5, "warmup_type": "cosine", "decay_type": "linear"}, 12, 4),
    ("warmup_stable_decay", {"num_decay_steps": 5, "warmup_type": "1-sqrt", "decay_type": "1-sqrt", "min_lr_ratio": 0.05}, 12, 4),
    ("warmup_stable_decay", {"num_decay_steps": 6, "num_cycles": 1.5}, 12, 0),
]


def rates(kind, options, total, warmup_steps):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    warmup = TrainingArguments(output_dir="unused", warmup_steps=warmup_steps, report_to="none").get_warmup_steps(total)
    scheduler = get_scheduler(kind, optimizer, warmup, total, scheduler_specific_kwargs=dict(options))
    for _ in range(total):
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()


def main():
    warnings.simplefilter("ignore")
    lines = [f"/* Made by tests/golden/make_schedules.py with transformers {transformers.__version__}. */",
             "/* clang-format off */",
             "static const Golden GOLDEN[] = {"]
    for kind, options, total, warmup_steps in RUNS:
        text = json.dumps(options).replace('"', '\\"')
        values = ", ".join(f"{rate!r}" for rate in rates(kind, options, total, warmup_steps))
        lines.append(f'    {{"{kind}", "{text}", {total}, "{warmup_steps}", {{{values}}}}},')
    lines += ["};", "/* clang-format on */", ""]
    (Path(__file__).parents[1] / "unit/optim/schedule_golden.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
