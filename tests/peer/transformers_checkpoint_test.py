"""Checkpoints against Transformers: TrainerState reads linnet's trainer_state.json, Trainer goes on from linnet's checkpoint, and linnet
tells Trainer's checkpoints by name.

Run by `make test-peers`, whose Python has PyTorch and Transformers.
"""

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import transformers
from transformers import AutoModelForSequenceClassification, TrainerState, TrainingArguments

ROOT = Path(__file__).resolve().parents[2]
LINNET = os.environ.get("LINNET", "build/linnet")


def linnet(*arguments, code=0):
    done = subprocess.run([LINNET, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done
    return done


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, ROOT / "scripts/make_sample.py", folder, "--train", "60", "--test", "20", "--merges", "50"], check=True,
                   timeout=60)
    for part in "train", "test":
        linnet("prepare", "--input", folder / f"{part}.csv", "--output", folder / f"{part}.h5", "--tokenizer", folder / "tokenizer")
    linnet("init", "--output", folder / "model", "--tokenizer", folder / "tokenizer", "--layers", 1, "--width", 16, "--heads", 2)
    return folder


def settings(sample, **changes):
    return {"model_name_or_path": str(sample / "model"), "train_file": str(sample / "train.h5"), "global_batch_size": 10, "max_steps": 4,
            "logging_steps": 1, "save_steps": 2, "learning_rate": 1e-3, **changes}


def train(sample, folder, code=0, **changes):
    folder.mkdir(exist_ok=True)
    (folder / "c.json").write_text(json.dumps({"output_dir": str(folder / "run"), **settings(sample, **changes)}))
    return linnet("train", folder / "c.json", code=code)


def test_trainer_state_reads_it(sample, tmp_path):
    """With early stopping and a best model, which fill the most members."""
    train(sample, tmp_path, eval_file=str(sample / "test.h5"), eval_strategy="steps", eval_steps=2, load_best_model_at_end=True,
          early_stopping_patience=3)
    path = tmp_path / "run/checkpoint-4/trainer_state.json"
    state = TrainerState.load_from_json(str(path))
    assert (state.global_step, state.max_steps, state.num_train_epochs, state.save_steps, state.eval_steps) == (4, 4, 1, 2, 2)
    assert state.best_global_step in (2, 4) and state.best_model_checkpoint.endswith(f"checkpoint-{state.best_global_step}")
    assert [entry["step"] for entry in state.log_history if "loss" in entry] == [1, 2, 3, 4]
    assert sorted(state.stateful_callbacks) == ["EarlyStoppingCallback", "TrainerControl"]
    assert transformers.EarlyStoppingCallback.from_state(state.stateful_callbacks["EarlyStoppingCallback"]).early_stopping_patience == 3
    assert transformers.TrainerControl.from_state(state.stateful_callbacks["TrainerControl"]).should_training_stop
    # Exactly the members that Trainer writes, in its order.
    assert list(json.loads(path.read_text())) == sorted(field.name for field in dataclasses.fields(TrainerState))
    state.save_to_json(str(tmp_path / "again.json"))
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())


def trainers(sample, folder, model, **changes):
    """A Trainer on eight sequences of token ids."""
    rows = [{"input_ids": [i + 1, 2, 3], "attention_mask": [1, 1, 1], "labels": i % 3} for i in range(8)]
    arguments = TrainingArguments(output_dir=str(folder), per_device_train_batch_size=2, max_steps=4, save_steps=2, logging_steps=1,
                                  report_to="none", use_cpu=True, disable_tqdm=True, **changes)
    return transformers.Trainer(model=AutoModelForSequenceClassification.from_pretrained(model), args=arguments, train_dataset=rows)


def test_members_are_those_that_trainer_writes(sample, tmp_path):
    train(sample, tmp_path)
    trainers(sample, tmp_path / "trainers", sample / "model").train()
    ours, theirs = (json.loads((folder / "checkpoint-2/trainer_state.json").read_text()) for folder in (tmp_path / "run", tmp_path / "trainers"))
    assert list(ours) == list(theirs)
    same = [key for key in theirs if key not in ("epoch", "log_history", "total_flos", "train_batch_size", "num_train_epochs")]
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert {"epoch", "grad_norm", "learning_rate", "loss", "step"} <= set(theirs["log_history"][0]) & set(ours["log_history"][0])


def test_trainer_goes_on_from_linnets_checkpoint(sample, tmp_path):
    """With linnet's weights, step and log; it has no optimizer state to read."""
    train(sample, tmp_path)
    trainer = trainers(sample, tmp_path / "trainers", sample / "model")
    trainer.train(resume_from_checkpoint=str(tmp_path / "run/checkpoint-2"))
    steps = [entry["step"] for entry in trainer.state.log_history if "loss" in entry]
    assert steps == [1, 2, 3, 4] and trainer.state.global_step == 4
    assert all(math.isfinite(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry)


@pytest.mark.parametrize("folder", ["run", "run/checkpoint-2"])
def test_linnets_own_file_disturbs_nobody(sample, tmp_path, folder):
    train(sample, tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / folder)
    assert model.config.num_labels == 3 and (tmp_path / folder / "linnet_state.json").exists()


@pytest.mark.parametrize("changes", [{}, {"save_only_model": True}], ids=["complete", "only the model"])
def test_trainers_checkpoint_is_told_by_name(sample, tmp_path, changes):
    trainers(sample, tmp_path / "trainers", sample / "model", **changes).train()
    checkpoint = tmp_path / "trainers/checkpoint-4"
    line = "is a checkpoint of Hugging Face Trainer: its weights can be the model_name_or_path of a new run; linnet cannot resume its optimizer state"
    assert (checkpoint / "optimizer.pt").exists() == (not changes)
    assert "checkpoint of Hugging Face Trainer" in linnet("inspect", checkpoint).stdout
    refused = train(sample, tmp_path / "named", code=1, resume_from_checkpoint=str(checkpoint))
    assert f"{checkpoint} {line}" in refused.stderr
    for resume in True, None:
        refused = train(sample, tmp_path / "over", code=1, output_dir=str(tmp_path / "trainers"), resume_from_checkpoint=resume)
        assert "Hugging Face Trainer" in refused.stderr
    train(sample, tmp_path / "new", model_name_or_path=str(checkpoint), train_file=str(sample / "train.h5"))
