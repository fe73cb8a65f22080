#!/usr/bin/env python3
"""Write tests/golden/language_small/: reference figures for pre-training, with a model small enough to be committed.

GPT2LMHeadModel computes losses and gradients in float64, Trainer does complete runs. Needs torch, transformers and accelerate; the tests
need only the files. The figures in the repository are from PyTorch 2.13.0 and Transformers 5.24.0.

usage: make_language_model.py [OUTPUT]"""
import json
import random
import sys
import tempfile
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

END = 256  # <|endoftext|>, after the 256 bytes
POSITIONS = 64
BLOCK = 32  # tokens of a packed sample


def make_samples():
    """Texts that a model can learn something of (few different tokens), and the same tokens in blocks."""
    draw = random.Random(5)
    texts = [[97 + min(draw.randrange(26), draw.randrange(26)) for _ in range(draw.randint(2, 30))] for _ in range(64)]
    texts[3].insert(2, END)  # an end-of-text inside
    texts[5] = [103]  # a single token predicts nothing
    texts[9] = [END]  # an empty text
    texts[12] = [97 + draw.randrange(26) for _ in range(POSITIONS)]  # the maximum length
    stream = [token for text in texts for token in [*text, END]]
    blocks = [stream[first:first + BLOCK] for first in range(0, len(stream) - BLOCK + 1, BLOCK)]
    return {"texts": texts, "blocks": blocks}


SAMPLES = make_samples()


def make_model():
    """A random model in which no parameter, also no bias, has its initial value."""
    torch.manual_seed(7)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=END + 1, n_positions=POSITIONS, n_embd=16, n_head=2, n_layer=2, resid_pdrop=0.0,
                                       embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=END, eos_token_id=END))
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    return model


def copy_model(model):
    copy = GPT2LMHeadModel(model.config)
    copy.load_state_dict(model.state_dict())
    return copy


def make_batch(rows):
    """Texts of a batch are padded; padding is neither seen nor predicted."""
    length = max(map(len, rows))
    return {"input_ids": torch.tensor([row + [END] * (length - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows]),
            "labels": torch.tensor([row + [-100] * (length - len(row)) for row in rows])}


def figures_of(tensor, count=8):
    flat = tensor.detach().double().flatten()
    probe = (flat * torch.cos(torch.arange(flat.numel(), dtype=torch.float64))).sum()
    return {"norm": float(flat.norm()), "sum": float(flat.sum()), "first": flat[:count].tolist(), "probe": float(probe)}


def forward_backward(model):
    copy = copy_model(model).double().train()
    rows = SAMPLES["texts"][:16]
    predictions = sum(len(row) - 1 for row in rows)
    losses = []
    for row in rows:
        if len(row) == 1:
            losses.append(0.0)
            continue
        loss = copy(**make_batch([row])).loss * (len(row) - 1)
        (loss / predictions).backward()
        losses.append(loss.item())
    gradients = {name: figures_of(parameter.grad) for name, parameter in copy.named_parameters()}
    norm = sum(gradient["norm"] ** 2 for gradient in gradients.values()) ** 0.5
    return {"samples": 16, "predictions": predictions, "loss_mean": sum(losses) / predictions, "grad_norm": norm, "grads": gradients}


class Record(TrainerCallback):
    def __init__(self):
        self.rows = []

    def on_log(self, arguments, state, control, logs=None, **_):
        if "loss" in logs:
            self.rows.append({"step": state.global_step, **logs})


def mean_loss(model, rows):
    """Over all predictions, in float64."""
    total = sum(model(**make_batch([row])).loss.item() * (len(row) - 1) for row in rows if len(row) > 1)
    return total / sum(len(row) - 1 for row in rows)


def run(model, kind, train, evaluated, batch, accumulation, epochs, **options):
    copy, record, rows = copy_model(model), Record(), SAMPLES[kind]
    # Trainer divides the summed loss of a causal language model by the tokens that are predicted. It knows one by its loss_type, which
    # GPT2LMHeadModel of Transformers 5.24 lacks: there it divides by all tokens, those that nothing predicts, too.
    copy.loss_type = "ForCausalLM"
    arguments = TrainingArguments(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
                                  num_train_epochs=epochs, logging_steps=1, report_to=[], use_cpu=True, save_strategy="no",
                                  disable_tqdm=True, seed=42, **options)
    Trainer(model=copy, train_dataset=list(range(train)), data_collator=lambda which: make_batch([rows[i] for i in which]),
            callbacks=[record], args=arguments).train()
    copy.eval().double().requires_grad_(False)
    return {"kind": kind, "train": train, "evaluated": evaluated, "per_device_train_batch_size": batch,
            "gradient_accumulation_steps": accumulation, "epochs": epochs, "options": options, "log": record.rows,
            "eval_loss": mean_loss(copy, [rows[i] for i in evaluated]),
            "final": {name: figures_of(parameter, 4) for name, parameter in copy.named_parameters()}}


def main():
    output = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "language_small")
    output.mkdir(parents=True, exist_ok=True)
    model = make_model()
    model.save_pretrained(output / "model")
    (output / "model/generation_config.json").unlink(missing_ok=True)
    blocks = len(SAMPLES["blocks"])
    runs = {"packed": run(model, "blocks", blocks - 6, list(range(blocks - 6, blocks)), 4, 1, 2, learning_rate=2e-3, weight_decay=0.1),
            "texts": run(model, "texts", 48, list(range(48, 64)), 3, 2, 2, learning_rate=2e-3, warmup_steps=3, max_grad_norm=0.5)}
    for name, content in (("samples", SAMPLES), ("runs", runs), ("forward_backward", forward_backward(model))):
        (output / f"{name}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
