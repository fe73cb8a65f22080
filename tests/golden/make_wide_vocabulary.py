#!/usr/bin/env python3
"""Write tests/golden/wide_vocabulary.json: what PyTorch gives for the model and samples of wide_model.py.

The loss and gradient norm of each update of Transformers' GPT2ForSequenceClassification under torch.optim.AdamW, clipped and with the
linear schedule as Trainer has them by default, and the logits of the final model. The samples of an update run one by one, unpadded,
since padding would have to be told from an end-of-text inside a sample. Needs torch and transformers; the test needs only the file. The
figures in the repository are from PyTorch 2.13.0 and Transformers 5.24.0."""
import json
import sys
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2ForSequenceClassification, get_scheduler

sys.path.insert(0, str(Path(__file__).parents[1]))
from wide_model import CONFIG, GLOBAL_BATCH, RATE, STEPS, samples, weights  # noqa: E402


def main():
    ids, labels = samples()
    model = GPT2ForSequenceClassification(GPT2Config(**{**CONFIG, "id2label": {int(i): name for i, name in CONFIG["id2label"].items()}}))
    missing, unexpected = model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights().items()}, strict=False)
    assert not unexpected and not missing, (missing, unexpected)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=STEPS)
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(42)).tolist()
    log = []
    model.train()
    for step in range(STEPS):
        batch, total = order[step * GLOBAL_BATCH : (step + 1) * GLOBAL_BATCH], 0.0
        for i in batch:
            loss = model(input_ids=torch.tensor([ids[i]]), labels=torch.tensor([labels[i]])).loss / len(batch)
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        log.append({"loss": total, "grad_norm": norm})
    model.eval().requires_grad_(False)
    logits = [model(input_ids=torch.tensor([row])).logits[0].tolist() for row in ids]
    (Path(__file__).parent / "wide_vocabulary.json").write_text(json.dumps({"log": log, "logits": logits}) + "\n")


if __name__ == "__main__":
    main()
