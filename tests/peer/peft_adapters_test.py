"""LoRA adapters: linnet opens those of PEFT, and PEFT opens linnet's, with equal probabilities. Run by `make test-peers`."""
import json
import re
import shutil

import peft
import pytest
import torch
import transformers

from support import LABELS, linnet, train

torch.set_num_threads(1)  # more would only wait for each other in models this small
TEXTS = ["the bird sings over hills", "a", "happy day", "sad rain " * 300, "they fly quickly, it's today!!!", "naïve café"]
# Two implementations in float32; merged weights are rounded once more.
CLOSE = 1e-5
KINDS = [dict(r=2), dict(r=4, target_modules="all-linear", lora_alpha=3), dict(r=3, target_modules=["c_proj"], use_rslora=True, lora_dropout=0.3)]


@pytest.fixture(scope="module")
def tokenizer(sample):
    made = transformers.GPT2Tokenizer.from_pretrained(sample.tokenizer)
    made.pad_token, made.model_max_length = made.eos_token, 64
    return made


@pytest.fixture(scope="module")
def base(tokenizer, tmp_path_factory):
    """A language model, with the tokenizer and without a head, as gpt2 is published."""
    folder = tmp_path_factory.mktemp("base")
    config = transformers.GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3,
                                     bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ours(*options):
    lines = linnet("predict", *options, "--json", "--", *TEXTS).stdout.splitlines()
    return [list(json.loads(line)["probabilities"].values()) for line in lines]


def theirs(model, tokenizer):
    model.eval()
    with torch.no_grad():
        logits = [model(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0] for text in TEXTS]
    return torch.softmax(torch.stack(logits).double(), 1).tolist()


def assert_close(found, expected):
    for row, wanted in zip(found, expected, strict=True):
        assert row == pytest.approx(wanted, abs=CLOSE)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"rank {kind['r']}")
def test_adapter_of_peft(tokenizer, base, tmp_path, kind):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3, pad_token_id=tokenizer.pad_token_id)
    adapter = peft.get_peft_model(model, peft.LoraConfig(task_type="SEQ_CLS", init_lora_weights=False, fan_in_fan_out=True, **kind))
    adapter.save_pretrained(tmp_path / "lora")
    expected = theirs(adapter, tokenizer)
    linnet("inspect", tmp_path / "lora")
    assert_close(ours("--model", tmp_path / "lora"), expected)
    assert_close(ours("--model", base, "--adapter", tmp_path / "lora"), expected)
    linnet("merge", "--model", tmp_path / "lora", "--output", tmp_path / "merged")
    assert_close(ours("--model", tmp_path / "merged"), expected)
    merged = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    assert_close(theirs(merged, tokenizer), expected)


def test_adapter_of_linnet(sample, tokenizer, base, tmp_path):
    """By each of PEFT's ways, and as the card says."""
    linnet("prepare", "--input", sample.train_csv, "--output", tmp_path / "train.h5", "--tokenizer", base)
    run = train(tmp_path, model_name_or_path=base, train_file=tmp_path / "train.h5", max_steps=6, learning_rate=1e-2, lora_r=4, lora_alpha=8,
                lora_target_modules=["c_attn", "mlp.c_proj"], save_strategy="no")
    expected = ours("--model", run)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    assert_close(theirs(peft.PeftModel.from_pretrained(model, run), tokenizer), expected)
    found = peft.AutoPeftModelForSequenceClassification.from_pretrained(run, num_labels=3)
    assert_close(theirs(found, tokenizer), expected)
    python = re.search(r"```python\n(.*?)```", (run / "README.md").read_text(), re.S)[1]
    assert f'"{run.name}"' in python
    names = {}
    exec(python.replace(f'"{run.name}"', f'"{run}"'), names)  # noqa: S102
    for answer, row in zip(names["classify"](TEXTS[:1]), expected):
        assert answer["score"] == pytest.approx(max(row), abs=CLOSE) and answer["label"] == LABELS[row.index(max(row))]


def test_trained_further_by_peft(sample, base, tmp_path):
    """An adapter of linnet is one that PEFT can train."""
    linnet("prepare", "--input", sample.train_csv, "--output", tmp_path / "train.h5", "--tokenizer", base)
    run = train(tmp_path, model_name_or_path=base, train_file=tmp_path / "train.h5", max_steps=2, lora_r=2, save_strategy="no")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    adapter = peft.PeftModel.from_pretrained(model, run, is_trainable=True)
    learns = {name for name, parameter in adapter.named_parameters() if parameter.requires_grad}
    assert len(learns) == 2 * 2 + 1 and any("score" in name for name in learns)
    adapter.save_pretrained(tmp_path / "again")
    shutil.copytree(run, tmp_path / "copy")
    assert ours("--model", tmp_path / "again") == ours("--model", run)
