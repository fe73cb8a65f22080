"""What users of Trainer bring, against Transformers itself: options, complete configurations, names of wrapped models, and the
commands in linnet's error lines.

Run by `make test-peers`, whose Python has PyTorch and Transformers.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers
from transformers_folder_test import linnet, new_model, peer_config, tokenizer  # noqa: F401

KEYS = ["learning_rate", "weight_decay", "adam_epsilon", "max_grad_norm", "warmup_steps", "seed", "max_steps", "bf16", "eval_strategy",
        "save_strategy", "lr_scheduler_type", "save_steps", "per_device_train_batch_size", "load_best_model_at_end", "save_total_limit"]
OPTIONS = [
    ["--learning_rate", "3e-5", "--weight_decay=.01", "--adam-epsilon", "1e-6", "--max_grad_norm", "2"],
    ["--seed", "7", "--seed=8", "--save-total-limit", "2", "--per-device-train-batch-size=4"],
    ["--bf16", "False", "--load_best_model_at_end", "no", "--do_train", "--logging_first_step", "f"],
    ["--bf16=0", "--do_eval", "True", "--remove_unused_columns", "--dataloader_pin_memory", "y"],
    ["--warmup_steps", "0.25", "--lr_scheduler_type", "cosine", "--save_strategy", "no"],
    ["--save_strategy=steps", "--save_steps", "0.5", "--report_to", "none", "--optim", "adamw_torch"],
]


@pytest.fixture(scope="module")
def data(tokenizer, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("data")
    (folder / "t.csv").write_text("text,sentiment\n" + "".join(f"he {i},{i % 3}\n" for i in range(12)))
    done = linnet("prepare", "--input", folder / "t.csv", "--output", folder / "t.h5", "--tokenizer", tokenizer, "--quiet")
    assert done.returncode == 0, done.stderr
    return folder / "t.h5"


def resolved(run, model, file, *words):
    """The settings of a run of one update."""
    done = linnet("train", *words, "--model_name_or_path", model, "--train_file", file, "--output_dir", run, "--max_steps", 1)
    assert done.returncode == 0, done.stderr
    return json.loads((run / "config.resolved.json").read_text()), done.stderr


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_options_mean_what_they_mean_to_hf_argument_parser(new_model, data, tmp_path, words):  # noqa: F811
    ours, _ = resolved(tmp_path / "run", new_model, data, *words)
    theirs, = transformers.HfArgumentParser(transformers.TrainingArguments).parse_args_into_dataclasses(
        [*words, "--output_dir", "run", "--max_steps", "1", "--use_cpu"])
    assert {key: ours[key] for key in KEYS} == {key: json.loads(theirs.to_json_string())[key] for key in KEYS}


def test_complete_arguments_are_accepted(new_model, data, tmp_path):  # noqa: F811
    """What Trainer saves as training_args.bin, printed by the command in linnet's line."""
    arguments = transformers.TrainingArguments(str(tmp_path / "run"), use_cpu=True, learning_rate=1e-3, save_strategy="no", run_name="mine")
    torch.save(arguments, tmp_path / "training_args.bin")
    refused = linnet("train", tmp_path / "training_args.bin")
    command = re.search(r'python3 (-c ".*") > run.json', refused.stderr)
    done = subprocess.run(f"{sys.executable} {command[1]}", shell=True, capture_output=True, text=True, check=True)
    (tmp_path / "run.json").write_text(done.stdout)
    ours, said = resolved(tmp_path / "run", new_model, data, tmp_path / "run.json")
    assert ours["learning_rate"] == 1e-3
    assert [line.split(": ")[-1] for line in said.splitlines() if "warning" in line] == ["run_name"]


def test_every_default_of_this_version_is_accepted(new_model, data, tmp_path):  # noqa: F811
    """As to_json_string() prints it: all keys, and placeholders for the tokens of an account."""
    arguments = transformers.TrainingArguments(str(tmp_path / "run"), use_cpu=True, hub_token="secret")
    text = arguments.to_json_string()
    assert "<HUB_TOKEN>" in text and "secret" not in text
    (tmp_path / "run.json").write_text(text)
    ours, said = resolved(tmp_path / "run", new_model, data, tmp_path / "run.json")
    theirs = json.loads(text)
    assert "warning" not in said and len(theirs) > 90
    same = [key for key in KEYS if key != "max_steps"]
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}


def predictions(model):
    done = linnet("predict", "--model", model, "--json", "he", "she said hello")
    assert done.returncode == 0, done.stderr
    return done.stdout


def saved(folder, tokenizer, model, state=None):  # noqa: F811
    model.save_pretrained(folder, state_dict=state)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).write_bytes((tokenizer / name).read_bytes())
    return folder


def test_names_of_wrapped_models(tokenizer, tmp_path):  # noqa: F811
    """state_dict() of torch.compile's module, of compiled layers, and of DataParallel's."""
    torch.manual_seed(1)
    model = transformers.GPT2ForSequenceClassification(peer_config(pad_token_id=257))
    right = predictions(saved(tmp_path / "plain", tokenizer, model))
    states = {"compiled": torch.compile(model).state_dict(), "parallel": torch.nn.DataParallel(model).state_dict()}
    layers = transformers.GPT2ForSequenceClassification(peer_config(pad_token_id=257))
    layers.load_state_dict(model.state_dict())
    layers.transformer.h = torch.nn.ModuleList(torch.compile(block) for block in layers.transformer.h)
    states["layers"] = layers.state_dict()
    for name, state in states.items():
        folder = tmp_path / name
        folder.mkdir()
        for file in (tmp_path / "plain").iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        safetensors.torch.save_file({key: value.clone() for key, value in state.items()}, folder / "model.safetensors")
        assert any("_orig_mod" in key or "module" in key for key in state), name
        assert predictions(folder) == right, name


@pytest.mark.parametrize("kind", ["classifier", "language model"])
def test_the_line_converts_pytorch_weights(tokenizer, tmp_path, kind):  # noqa: F811
    torch.manual_seed(2)
    make = transformers.GPT2ForSequenceClassification if kind == "classifier" else transformers.GPT2LMHeadModel
    model = make(peer_config(pad_token_id=257))
    folder = saved(tmp_path / "m", tokenizer, model)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    refused = linnet("inspect", folder)
    assert refused.returncode == 1
    command = re.search(r'python3 (-c ".*")', refused.stderr)
    subprocess.run(f"{sys.executable} {command[1]}", shell=True, check=True, capture_output=True)
    done = linnet("inspect", folder)
    assert done.returncode == 0, done.stderr
    assert ("none: training makes a new one" in done.stdout) == (kind == "language model")


def test_checkpoint_of_trainer_is_a_model(tokenizer, tmp_path):  # noqa: F811
    model = transformers.GPT2ForSequenceClassification(peer_config(pad_token_id=257))
    rows = [{"input_ids": [1, 2, 3], "labels": i % 3} for i in range(4)]
    arguments = transformers.TrainingArguments(str(tmp_path / "out"), max_steps=1, save_steps=1, use_cpu=True, report_to="none")
    transformers.Trainer(model, arguments, train_dataset=rows).train()
    checkpoint = Path(tmp_path / "out/checkpoint-1")
    for name in ("vocab.json", "merges.txt"):
        (checkpoint / name).write_bytes((tokenizer / name).read_bytes())
    refused = linnet("predict", "--model", tmp_path / "out", "he")
    assert "out/checkpoint-1 has: give that" in refused.stderr
    assert predictions(checkpoint)
