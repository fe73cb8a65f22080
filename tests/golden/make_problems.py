#!/usr/bin/env python3
"""Write tests/golden/problems.json: runs of Trainer with several labels a sample, with numbers, and with one of 1,000 labels.

The model is that of tests/golden/trainer_small, with a head of as many of its rows as there are targets, or of 1,000 rows of cosines. Needs torch, transformers and
accelerate; the tests need only the file. The figures in the repository are from PyTorch 2.13.0 and Transformers 5.24.0.

usage: make_problems.py [OUTPUT]"""
import json
import math
import random
import sys
import tempfile
from pathlib import Path

import torch
from transformers import GPT2ForSequenceClassification, Trainer, TrainingArguments

from make_trainer_small import END, SAMPLES, Record

MODEL = Path(__file__).parent / "trainer_small/model"
TRAIN, EVAL = range(48), range(48, 64)
draw = random.Random(3)
TARGETS = {
    "multi_label_classification": [[float(draw.random() < 0.4) for _ in range(3)] for _ in SAMPLES["ids"]],
    # Multiples of 1/8, which JSON and float32 hold exactly.
    "regression": [[round(8 * draw.gauss(1, 2)) / 8] for _ in SAMPLES["ids"]],
    "regression2": [[round(8 * draw.gauss(k, 1)) / 8 for k in range(2)] for _ in SAMPLES["ids"]],
    "thousand": [draw.randrange(1000) for _ in SAMPLES["ids"]],
}


def make_model(name):
    """Trainer's model: problem_type is what run_classification.py sets."""
    labels = 1000 if name == "thousand" else len(TARGETS[name][0])
    whole = GPT2ForSequenceClassification.from_pretrained(MODEL)
    config = whole.config
    config.problem_type = "single_label_classification" if name == "thousand" else name.rstrip("2")
    config.id2label = {k: f"t{k}" for k in range(labels)}
    config.label2id = {f"t{k}": k for k in range(labels)}
    model = GPT2ForSequenceClassification(config)
    state = whole.state_dict()
    width = state["score.weight"].shape[1]
    cosines = torch.tensor([[math.cos(k * width + c) / 8 for c in range(width)] for k in range(labels)])
    state["score.weight"] = cosines if name == "thousand" else state["score.weight"][:labels]
    model.load_state_dict(state)
    return model


def make_batch(name, which):
    length = max(len(SAMPLES["ids"][i]) for i in which)
    rows = [SAMPLES["ids"][i] for i in which]
    targets = torch.tensor([TARGETS[name][i] for i in which])
    return {"input_ids": torch.tensor([row + [END] * (length - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows]),
            "labels": targets.squeeze(1) if targets.shape[1:] == (1,) else targets}


def run(name, batch, accumulation, **options):
    model, record = make_model(name), Record()
    arguments = TrainingArguments(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
                                  num_train_epochs=2, logging_steps=1, report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True,
                                  seed=42, per_device_eval_batch_size=4, **options)
    trainer = Trainer(model=model, train_dataset=list(TRAIN), eval_dataset=list(EVAL), data_collator=lambda which: make_batch(name, which),
                      callbacks=[record], args=arguments)
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    return {"targets": TARGETS[name], "per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation, "options": options,
            "log": record.rows, "eval_loss_before": before, "eval_loss": trainer.evaluate()["eval_loss"],
            "logits": [row[:3] for row in trainer.predict(list(EVAL)).predictions.tolist()], "problem_type": model.config.problem_type}


def main():
    output = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "problems.json")
    # Trainer clips by a norm that the accumulation multiplies: with no norm or every one above the limit the update is the same.
    runs = {
        "multi_label_classification": run("multi_label_classification", 4, 2, learning_rate=1e-3, max_grad_norm=1000.0),
        "regression": run("regression", 4, 3, learning_rate=1e-3, max_grad_norm=0.5),
        "regression2": run("regression2", 6, 1, learning_rate=3e-3, weight_decay=0.1, lr_scheduler_type="cosine"),
        "thousand": run("thousand", 8, 1, learning_rate=3e-3, max_grad_norm=1000.0),
    }
    output.write_text(json.dumps(runs))


if __name__ == "__main__":
    main()
