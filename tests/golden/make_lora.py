#!/usr/bin/env python3
"""Write tests/golden/lora/: adapters that PEFT has made for the model of make_trainer_small.py, and reference figures: their logits and
those of the merged model in float64, and runs in which Trainer trains them. The figures in the repository are from PyTorch 2.13.0,
Transformers 5.24.0 and PEFT 0.21.2.

usage: make_lora.py [OUTPUT]"""
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import GPT2ForSequenceClassification, Trainer, TrainingArguments

from make_trainer_small import NAMES, Record, make_batch

HERE = Path(__file__).parent
BASE = HERE / "trainer_small/model"
# r, lora_alpha, targets, use_rslora, whether B and the head are drawn too, labels
ADAPTERS = {
    "all": dict(r=4, lora_alpha=6, target_modules="all-linear", random=True, labels=3),
    "some": dict(r=3, lora_alpha=5, target_modules=["attn.c_proj", "h.1.mlp.c_fc"], use_rslora=True, random=True, labels=5),
    "fresh": dict(r=2, lora_alpha=8, target_modules=None, random=False, labels=3),
}


def load_base(labels):
    names = NAMES[labels]
    return GPT2ForSequenceClassification.from_pretrained(BASE, num_labels=labels, ignore_mismatched_sizes=True, id2label=dict(enumerate(names)),
                                                         label2id={name: number for number, name in enumerate(names)})


def make_adapter(folder, random, labels, **options):
    torch.manual_seed(11)
    model = get_peft_model(load_base(labels), LoraConfig(task_type="SEQ_CLS", fan_in_fan_out=True, **options))
    for name, parameter in model.named_parameters():
        if random and parameter.requires_grad:
            parameter.data.normal_(0, 0.3 if "lora_" in name else 0.1)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "../model"  # where the tests put it
    config["target_modules"] = sorted(config["target_modules"])  # a set, in any order
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def open_adapter(folder, labels, trainable=False):
    return PeftModel.from_pretrained(load_base(labels), folder, is_trainable=trainable)


def logits_of(model, labels, which=range(16)):
    model = model.double().eval()
    with torch.no_grad():
        return [model(**make_batch([i], labels, None)).logits[0].tolist() for i in which]


def figures(folder, labels):
    merged = open_adapter(folder, labels).double().merge_and_unload()
    return {"labels": labels, "samples": list(range(16)), "logits": logits_of(open_adapter(folder, labels), labels),
            "merged_logits": logits_of(merged, labels),
            "merged": {name: {"norm": float(p.norm()), "first": p.flatten()[:4].tolist()} for name, p in merged.state_dict().items()}}


def run(folder, batch, accumulation, epochs, samples=48, **options):
    model, record, seen = open_adapter(folder, 3, True), Record(), []

    def collate(which):
        seen.extend(which)
        return make_batch(which, 3, None)

    arguments = TrainingArguments(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
                                  num_train_epochs=epochs, logging_steps=1, report_to=[], use_cpu=True, save_strategy="no",
                                  disable_tqdm=True, seed=42, label_names=["labels"], **options)
    Trainer(model=model, train_dataset=list(range(samples)), data_collator=collate, callbacks=[record], args=arguments).train()
    saved = Path(tempfile.mkdtemp())
    model.save_pretrained(saved)
    final = {name.replace(".default", "").replace(".modules_to_save", ""): {"norm": float(p.norm()), "first": p.flatten()[:4].tolist()}
             for name, p in model.named_parameters() if p.requires_grad}
    logits = logits_of(open_adapter(saved, 3), 3, range(48, 64))
    shutil.rmtree(saved)
    return {"labels": 3, "per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation, "epochs": epochs,
            "pooling": "last_token", "options": options, "train_samples": samples, "log": record.rows, "eval_samples": list(range(48, 64)),
            "eval_logits": logits, "final": final}


def main():
    output = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "lora")
    for name, options in ADAPTERS.items():
        make_adapter(output / name, **options)
    runs = {
        "all": run(output / "all", 4, 1, 2, learning_rate=3e-3, weight_decay=0.1, warmup_steps=5, lr_scheduler_type="cosine",
                   max_grad_norm=0.5),
        "fresh": run(output / "fresh", 4, 1, 2, learning_rate=3e-3),
    }
    content = {"adapters": {name: figures(output / name, options["labels"]) for name, options in ADAPTERS.items()}, "runs": runs}
    (output / "figures.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
