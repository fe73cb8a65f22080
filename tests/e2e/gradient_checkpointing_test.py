"""gradient_checkpointing: activations are computed again in the backward pass, to the same bits and in less memory."""
import json
import re

import pytest

from support import finish, linnet, start, train, weights_digest, write_config


@pytest.fixture(scope="module")
def deep(sample, tmp_path_factory):
    """A model of several layers, most of whose memory is activations."""
    folder = tmp_path_factory.mktemp("deep") / "model"
    linnet("init", "--output", folder, "--tokenizer", sample.tokenizer, "--layers", "6", "--width", "32", "--heads", "4")
    return folder


@pytest.fixture(scope="module")
def kept(deep, sample, tmp_path_factory):
    """The settings of a run, and the run with all activations."""
    settings = dict(model_name_or_path=deep, train_file=sample.train, global_batch_size=20, reduction_units=4, max_steps=6,
                    learning_rate=1e-3, logging_steps=1, save_strategy="steps", save_steps=3, dropout=0.1)
    return settings, train(tmp_path_factory.mktemp("kept"), **settings)


@pytest.mark.parametrize("ranks, changes", [(0, {}), (2, {}), (3, {"overlap_comm": False})])
def test_the_same_bits(kept, tmp_path, ranks, changes):
    settings, run = kept
    again = train(tmp_path, ranks, gradient_checkpointing=True, **{**settings, **changes})
    assert weights_digest(again) == weights_digest(run)


def test_a_resumed_run_may_begin_or_end_it(kept, tmp_path):
    settings, run = kept
    for first in (False, True):
        folder = tmp_path / str(first)
        train(folder, gradient_checkpointing=first, **{**settings, "max_steps": 6, "num_train_epochs": 3})
        resumed = train(folder, 2, gradient_checkpointing=not first,
                        **{**settings, "resume_from_checkpoint": folder / "run/checkpoint-3", "overwrite_output_dir": True})
        assert weights_digest(resumed) == weights_digest(run)


def activations(text):
    return int(re.search(r"activations up to (\d+) MB", text)[1])


def test_memory_is_said_and_planned(kept, tmp_path):
    """A batch of 90 samples whose activations are some MB."""
    settings, _ = kept
    told, planned = {}, {}
    for on in (False, True):
        config = write_config(tmp_path / "config.json", output_dir=tmp_path / f"run-{on}",
                              **{**settings, "gradient_checkpointing": on, "global_batch_size": 90, "reduction_units": 1, "max_steps": 1})
        result = finish(start(["train", config]))
        assert result.code == 0, result
        told[on] = activations(result.stderr)
        if not on:
            linnet("plan", "--measure", config, "--constants", tmp_path / "constants.json")
        planned[on] = json.loads(linnet("plan", config, "--json", "--ranks", 1, "--constants", tmp_path / "constants.json").stdout)
    assert told[True] < 0.6 * told[False]
    assert planned[True]["rank_activation_bytes"] < 0.6 * planned[False]["rank_activation_bytes"]
    assert planned[False]["pass_seconds"] < planned[True]["pass_seconds"] < 4 / 3 * planned[False]["pass_seconds"]


@pytest.mark.parametrize("ranks", [0, 2])
def test_a_loss_that_is_not_finite_has_the_same_cause(kept, tmp_path, ranks):
    settings, _ = kept
    causes = set()
    for on in (False, True):
        config = write_config(tmp_path / f"{on}.json", output_dir=tmp_path / f"run-{on}",
                              **{**settings, "gradient_checkpointing": on, "learning_rate": 1e30, "lr_scheduler_type": "constant"})
        result = finish(start(["train", config], ranks))
        assert result.code == 2 and len(result.errors) == 1, result
        causes.add(re.search(r"update 2: (.*); nothing", result.errors[0])[1])
    assert len(causes) == 1, causes
