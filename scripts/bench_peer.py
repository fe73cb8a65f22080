#!/usr/bin/env python3
"""Time PyTorch, Trainer or tokenizers for bench.py; print one line of JSON. Needs torch (CPU), transformers, accelerate, tokenizers.

usage: bench_peer.py --tokenizer FOLDER --tweets FILE.csv tokenize | loop BATCH | loop-bf16 BATCH | trainer BATCH | tutorial BATCH
BATCH is the global batch: samples per update.
  tokenize   the tokenizers library on all tweets, one by one
  loop       a hand-written loop with texts of one length, no padding, fused AdamW: the fastest way with PyTorch
  loop-bf16  the same with autocast to bfloat16
  trainer    Hugging Face Trainer, each batch padded to its longest text
  tutorial   Trainer as in the tutorial: padded to 1024 tokens, batch 1, BATCH accumulation steps"""
import argparse
import csv
import json
import statistics
import tempfile
import time

LABELS = {"negative": 0, "neutral": 1, "positive": 2}


def load(arguments):
    from tokenizers import Tokenizer, models, pre_tokenizers
    tokenizer = Tokenizer(models.BPE.from_file(f"{arguments.tokenizer}/vocab.json", f"{arguments.tokenizer}/merges.txt"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    with open(arguments.tweets, encoding="utf-8", newline="") as file:
        return tokenizer, list(csv.DictReader(file))


def tokenize(tokenizer, rows):
    started = time.time()
    for row in rows:
        tokenizer.encode(row["text"])
    return dict(seconds=time.time() - started)


def loop(global_batch, bf16, length=18, updates=9):
    """Samples per second, each of `length` tokens (LOOP_TOKENS in bench.py)."""
    import torch
    from transformers import GPT2Config, GPT2ForSequenceClassification
    model = GPT2ForSequenceClassification(GPT2Config(num_labels=3, pad_token_id=50256)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=True)
    ids, labels, times = torch.randint(0, 50000, (global_batch, length)), torch.randint(0, 3, (global_batch,)), []
    for _ in range(updates):
        started = time.time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.time() - started)
    return dict(samples_per_second=global_batch / statistics.median(times[2:]))


def trainer(tokenizer, rows, global_batch, padded):
    import torch
    from transformers import GPT2Config, GPT2ForSequenceClassification, Trainer, TrainerCallback, TrainingArguments
    end = tokenizer.token_to_id("<|endoftext|>")
    data = [(tokenizer.encode(row["text"]).ids or [end], LABELS[row["sentiment"]]) for row in rows[:1000]]
    ends = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.time())

    def collate(batch):
        longest = 1024 if padded else max(len(ids) for ids, _ in batch)
        return dict(input_ids=torch.tensor([ids + [end] * (longest - len(ids)) for ids, _ in batch]),
                    attention_mask=torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in batch]),
                    labels=torch.tensor([label for _, label in batch]))

    config = GPT2Config(num_labels=3, **({} if padded else {"pad_token_id": end}))
    batch, accumulated, steps = (1, global_batch, 4) if padded else (global_batch, 1, 12)
    options = TrainingArguments(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch, max_steps=steps,
                                gradient_accumulation_steps=accumulated, report_to=[], use_cpu=True, disable_tqdm=True,
                                save_strategy="no", logging_steps=10**6)
    Trainer(model=GPT2ForSequenceClassification(config), train_dataset=data, data_collator=collate, callbacks=[Clock()],
            args=options).train()
    times = [end - start for start, end in zip(ends, ends[1:])]
    return dict(samples_per_second=global_batch / statistics.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--tweets", required=True)
    parser.add_argument("what", choices=["tokenize", "loop", "loop-bf16", "trainer", "tutorial"])
    parser.add_argument("global_batch", type=int, nargs="?", default=8)
    arguments = parser.parse_args()
    what, global_batch = arguments.what, arguments.global_batch
    if what.startswith("loop"):
        result = loop(global_batch, what == "loop-bf16")
    else:
        loaded = load(arguments)
        result = tokenize(*loaded) if what == "tokenize" else trainer(*loaded, global_batch, what == "tutorial")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
