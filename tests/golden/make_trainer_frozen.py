#!/usr/bin/env python3
"""Write tests/golden/trainer_small/trainer_frozen.json: runs of Trainer in which a part of the model does not learn (requires_grad is
False), or parts of it have learning rates of their own (parameter groups of torch.optim.AdamW). The models are those of
make_trainer_small.py, whose figures must be there. The figures in the repository are from PyTorch 2.13.0 and Transformers 5.24.0.

usage: make_trainer_frozen.py [OUTPUT]"""
import json
import re
import sys
from pathlib import Path

import torch
from transformers import GPT2ForSequenceClassification

from make_trainer_small import run

LAYERS = 2
PLAIN = {"freeze_layers": 0, "freeze_embeddings": False, "layerwise_lr_decay": 1.0, "head_learning_rate": None}


def depth_of(name):
    """How far below the head: 0 for what follows the last layer, LAYERS + 1 for the embeddings. BEiT's exponents."""
    layer = re.match(r"transformer\.h\.(\d+)\.", name)
    if layer:
        return LAYERS - int(layer.group(1))
    return LAYERS + 1 if re.match(r"transformer\.w[tp]e\.", name) else 0


def is_frozen(name, own):
    depth = depth_of(name)
    return own["freeze_embeddings"] if depth == LAYERS + 1 else depth > LAYERS - own["freeze_layers"]


def make_prepare(own):
    def prepare(model, arguments):
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not is_frozen(name, own))
        if own["layerwise_lr_decay"] == 1 and own["head_learning_rate"] is None:
            return None  # Trainer makes the optimizer of what requires a gradient
        groups = []
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            peak = arguments.learning_rate
            if name == "score.weight" and own["head_learning_rate"] is not None:
                peak = own["head_learning_rate"]
            plain = name.endswith(".bias") or ".ln_" in name  # as Trainer's get_decay_parameter_names()
            groups.append({"params": [parameter], "lr": peak * own["layerwise_lr_decay"] ** depth_of(name),
                           "weight_decay": 0.0 if plain else arguments.weight_decay})
        # Trainer logs the rate of the first group; that of ln_f is the one without factors.
        groups.sort(key=lambda group: group["lr"] != arguments.learning_rate)
        return torch.optim.AdamW(groups, lr=arguments.learning_rate, betas=(arguments.adam_beta1, arguments.adam_beta2),
                                 eps=arguments.adam_epsilon)

    return prepare


def main():
    output = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "trainer_small")
    model = GPT2ForSequenceClassification.from_pretrained(output / "model")

    def made(own, *arguments, **options):
        own = {**PLAIN, **own}
        return {**run(model, 3, *arguments, prepare=make_prepare(own), **options), "own": own}

    decayed = {"weight_decay": 0.1, "warmup_steps": 5, "lr_scheduler_type": "cosine", "max_grad_norm": 0.5}
    runs = {
        "layer": made({"freeze_layers": 1}, 4, 1, 2, "last_token", learning_rate=1e-3),
        "embeddings": made({"freeze_embeddings": True}, 4, 1, 2, "last_token", learning_rate=3e-3, **decayed),
        "layer_and_embeddings": made({"freeze_layers": 1, "freeze_embeddings": True}, 4, 1, 2, "last_token", learning_rate=3e-3, **decayed),
        "all_layers": made({"freeze_layers": 2}, 4, 1, 2, "last_token", learning_rate=1e-3, weight_decay=0.1),
        "head": made({"freeze_layers": 2, "freeze_embeddings": True}, 4, 1, 2, "last_token", learning_rate=1e-2, max_grad_norm=0.2),
        "layerwise": made({"layerwise_lr_decay": 0.65}, 4, 1, 2, "last_token", learning_rate=3e-3, **decayed),
        "head_rate": made({"head_learning_rate": 1e-2}, 4, 1, 2, "last_token", learning_rate=1e-3, weight_decay=0.1,
                          lr_scheduler_type="polynomial"),
        "together": made({"freeze_layers": 1, "freeze_embeddings": True, "layerwise_lr_decay": 0.8, "head_learning_rate": 2e-2}, 4, 1, 2,
                         "last_token", learning_rate=2e-3, **decayed),
    }
    (output / "trainer_frozen.json").write_text(json.dumps(runs))


if __name__ == "__main__":
    main()
