#!/usr/bin/env python3
"""Write tests/golden/trainer_small/: reference figures for a model small enough to be committed.

GPT2ForSequenceClassification computes logits and gradients in float64, Trainer does complete runs. Needs torch, transformers and
accelerate; the tests need only the files. The figures in the repository are from PyTorch 2.13.0 and Transformers 5.24.0.

usage: make_trainer_small.py [OUTPUT]"""
import json
import random
import sys
import tempfile
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2ForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

END = 256  # <|endoftext|>, after the 256 bytes
POSITIONS = 64
NAMES = {3: ["negative", "neutral", "positive"], 5: ["awful", "bad", "so-so", "good", "great"]}


def make_samples():
    """64 token lists: random ids, most as long as a tweet, and some special cases."""
    draw = random.Random(11)
    ids = [[draw.randrange(256) for _ in range(draw.randint(2, 30))] for _ in range(64)]
    ids[3].insert(2, END)  # an end-of-text inside
    ids[5] = [103]  # a single token
    ids[6].append(END)  # an end-of-text at the end
    ids[9] = [END]  # an empty text
    ids[12] = [draw.randrange(256) for _ in range(POSITIONS)]  # the maximum length: no room for padding
    return {"ids": ids, "labels": {str(n): [draw.randrange(n) for _ in range(64)] for n in NAMES}}


SAMPLES = make_samples()


def make_config(labels, pad):
    names = NAMES[labels]
    config = GPT2Config(vocab_size=END + 1, n_positions=POSITIONS, n_embd=16, n_head=2, n_layer=2, num_labels=labels, resid_pdrop=0.0,
                        embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=END, eos_token_id=END)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    if pad:
        config.pad_token_id = END
    return config


def make_model(labels):
    """A random model in which no parameter, also no bias, has its initial value."""
    torch.manual_seed(7)
    model = GPT2ForSequenceClassification(make_config(labels, True))
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    return model


def make_batch(which, labels, length):
    length = length or max(len(SAMPLES["ids"][i]) for i in which)
    rows = [SAMPLES["ids"][i] for i in which]
    return {"input_ids": torch.tensor([row + [END] * (length - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows]),
            "labels": torch.tensor([SAMPLES["labels"][str(labels)][i] for i in which])}


def copy_model(model, labels, pooling):
    copy = GPT2ForSequenceClassification(make_config(labels, pooling == "last_token"))
    copy.load_state_dict(model.state_dict())
    return copy


def padded_to(pooling):
    return POSITIONS if pooling == "padded_end" else None


def forward_backward(model, pooling):
    copy = copy_model(model, 3, pooling).double().train()
    logits, losses = [], []
    for i in range(16):
        output = copy(**make_batch([i], 3, padded_to(pooling)))
        (output.loss / 16).backward()
        logits.append(output.logits[0].tolist())
        losses.append(output.loss.item())
    gradients = {}
    for name, parameter in copy.named_parameters():
        flat = parameter.grad.flatten()
        probe = (flat * torch.cos(torch.arange(flat.numel(), dtype=torch.float64))).sum()
        gradients[name] = {"norm": float(flat.norm()), "sum": float(flat.sum()), "first": flat[:8].tolist(), "probe": float(probe)}
    norm = sum(gradient["norm"] ** 2 for gradient in gradients.values()) ** 0.5
    return {"samples": list(range(16)), "logits": logits, "loss_each": losses, "loss_mean": sum(losses) / 16, "grad_norm": norm,
            "grads": gradients}


class Record(TrainerCallback):
    def __init__(self):
        self.rows = []

    def on_log(self, arguments, state, control, logs=None, **_):
        if "loss" in logs:
            self.rows.append({"step": state.global_step, **logs})


def run(model, labels, batch, accumulation, epochs, pooling, samples=48, prepare=None, **options):
    """A run of Trainer. `prepare` may change the model before it, and return an optimizer in place of Trainer's."""
    copy, record, seen = copy_model(model, labels, pooling), Record(), []

    def collate(which):
        seen.extend(which)
        return make_batch(which, labels, padded_to(pooling))

    arguments = TrainingArguments(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
                                  num_train_epochs=epochs, logging_steps=1, report_to=[], use_cpu=True, save_strategy="no",
                                  disable_tqdm=True, seed=42, **options)
    optimizer = prepare(copy, arguments) if prepare else None
    Trainer(model=copy, train_dataset=list(range(samples)), data_collator=collate, callbacks=[record], args=arguments,
            optimizers=(optimizer, None)).train()
    copy.eval().double().requires_grad_(False)
    logits = [copy(**make_batch([i], labels, padded_to(pooling))).logits[0].tolist() for i in range(48, 64)]
    final = {name: {"norm": float(p.norm()), "sum": float(p.sum()), "first": p.flatten()[:4].tolist()} for name, p in copy.named_parameters()}
    return {"labels": labels, "per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation, "epochs": epochs,
            "pooling": pooling, "options": options, "train_samples": samples, "order": seen, "log": record.rows,
            "eval_samples": list(range(48, 64)), "eval_logits": logits, "final": final}


def main():
    output = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "trainer_small")
    output.mkdir(parents=True, exist_ok=True)
    models = {labels: make_model(labels) for labels in NAMES}
    models[3].save_pretrained(output / "model")
    models[5].save_pretrained(output / "model5")
    three, five = models[3], models[5]
    # Trainer clips by a norm that the accumulation multiplies; if the true norm is above the limit, too, the update is the same.
    runs = {
        "batch4": run(three, 3, 4, 1, 2, "last_token", learning_rate=1e-3),
        "tutorial_ga4": run(three, 3, 1, 4, 1, "padded_end", learning_rate=1e-3, max_grad_norm=0.5),
        # 44 samples in global batches of 12: the last update has two full micro-batches.
        "partial_global_batch": run(three, 3, 4, 3, 2, "last_token", samples=44, learning_rate=1e-3),
        "warmup_decay_smoothing": run(three, 3, 4, 1, 2, "last_token", learning_rate=3e-3, weight_decay=0.1, warmup_steps=5,
                                      lr_scheduler_type="cosine", label_smoothing_factor=0.1, max_grad_norm=0.5),
        "five_labels": run(five, 5, 6, 1, 2, "last_token", learning_rate=1e-3, lr_scheduler_type="constant_with_warmup", warmup_steps=3,
                           adam_beta1=0.8, adam_beta2=0.99, adam_epsilon=1e-6),
    }
    for name, content in (("samples", SAMPLES), ("trainer_runs", runs),
                          ("forward_backward", {pooling: forward_backward(three, pooling) for pooling in ("last_token", "padded_end")})):
        (output / f"{name}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
