#!/usr/bin/env python3
"""Write tests/golden/trainer_small/loss_runs.json: runs of Trainer with class weights, with label smoothing and with the focal loss.

usage: make_loss_runs.py [OUTPUT.json]

The models and samples are those of make_trainer_small.py, which need not be made again. The loss is a compute_loss_func of
Trainer: torch's cross_entropy(weight=, label_smoothing=, reduction="sum") or the focal loss of arXiv:1708.02002, divided by the
weights of all labels of the update, which _get_num_items_in_batch() counts over its micro-batches. "balanced" is scikit-learn's
formula. eval_loss is torch's weighted mean over all evaluation samples; where the loss has weights only, it must be what
Trainer.evaluate() reports. The figures in the repository are from PyTorch 2.13.0 and Transformers 5.24.0."""
import json
import sys
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import Trainer

import make_trainer_small as small
from make_trainer_frozen import PLAIN, make_prepare

THREE = [0.5, 2.0, 1.25]
TRAINERS = []


def trainer_of(weights, smoothing, gamma):
    """A class of Trainer with this loss; its objects are in TRAINERS."""
    w = torch.tensor(weights)

    def loss(outputs, labels, num_items_in_batch):
        if gamma == 0:
            return cross_entropy(outputs.logits, labels, weight=w, label_smoothing=smoothing, reduction="sum") / num_items_in_batch
        minus_log = cross_entropy(outputs.logits, labels, reduction="none")
        return (w[labels] * (1 - torch.exp(-minus_log)) ** gamma * minus_log).sum() / num_items_in_batch

    class Weighted(Trainer):
        def __init__(self, **options):
            super().__init__(compute_loss_func=loss, **options)
            TRAINERS.append(self)

        def _get_num_items_in_batch(self, batch_samples, device):
            return sum(w[batch["labels"]].sum() for batch in batch_samples)

    return Weighted


def run(model, labels, batch, accumulation, epochs, pooling, samples, class_weights=None, label_smoothing_factor=0.0, focal_gamma=0.0, own=None,
        **options):
    """own: what of the model learns, and at which rates (make_trainer_frozen.py)."""
    truth = small.SAMPLES["labels"][str(labels)]
    weights = class_weights or [1.0] * labels
    if class_weights == "balanced":
        weights = [samples / (labels * truth[:samples].count(k)) for k in range(labels)]
    elif isinstance(class_weights, dict):
        weights = [class_weights.get(name, 1.0) for name in small.NAMES[labels]]
    small.Trainer = trainer_of(weights, label_smoothing_factor, focal_gamma)
    if own:
        options["prepare"] = make_prepare({**PLAIN, **own})
    made = small.run(model, labels, batch, accumulation, epochs, pooling, samples=samples, **options)
    made["own"] = own or {}
    logits, labels = torch.tensor(made["eval_logits"], dtype=torch.float64), torch.tensor([truth[i] for i in made["eval_samples"]])
    made["eval_loss"] = cross_entropy(logits, labels, weight=torch.tensor(weights, dtype=torch.float64)).item()
    if label_smoothing_factor == 0 and focal_gamma == 0:
        trainer = TRAINERS[-1]
        trainer.args.per_device_eval_batch_size = len(made["eval_samples"])
        trainer.model.float()
        assert abs(trainer.evaluate(made["eval_samples"])["eval_loss"] - made["eval_loss"]) < 1e-6
    for key, value in (("class_weights", class_weights), ("label_smoothing_factor", label_smoothing_factor), ("focal_gamma", focal_gamma)):
        if value:
            made["options"][key] = value
    return made


def main():
    output = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "trainer_small/loss_runs.json")
    three, five = small.make_model(3), small.make_model(5)
    # The last update of an epoch has fewer samples, in micro-batches of different sizes.
    runs = {
        "class_weights": run(three, 3, 4, 3, 2, "last_token", 46, class_weights=THREE, learning_rate=1e-3),
        "zero_weight_and_smoothing": run(three, 3, 1, 10, 2, "padded_end", 48, class_weights={"neutral": 3.0, "negative": 0.0},
                                         label_smoothing_factor=0.2, learning_rate=1e-3, weight_decay=0.1, max_grad_norm=0.5),
        "balanced": run(five, 5, 6, 1, 2, "last_token", 47, class_weights="balanced", learning_rate=1e-3, warmup_steps=3),
        "focal": run(three, 3, 4, 2, 2, "last_token", 45, focal_gamma=2.0, learning_rate=1e-3),
        "focal_with_weights": run(three, 3, 4, 3, 2, "last_token", 46, class_weights=THREE, focal_gamma=0.5, learning_rate=1e-3),
        "part_of_the_model": run(three, 3, 4, 3, 2, "last_token", 46, class_weights=THREE, focal_gamma=0.5, learning_rate=2e-3,
                                 weight_decay=0.1, warmup_steps=5, lr_scheduler_type="cosine", max_grad_norm=0.5,
                                 own={"freeze_layers": 1, "layerwise_lr_decay": 0.8, "head_learning_rate": 2e-2}),
    }
    output.write_text(json.dumps(runs))


if __name__ == "__main__":
    main()
