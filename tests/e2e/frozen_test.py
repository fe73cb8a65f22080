"""Frozen layers and embeddings, and learning rates of layers and head: ranks, resuming, checkpoints, plans and what is refused."""
import json
import re
import shutil
import struct

import numpy as np
import pytest

from support import (checkpoints, linnet, losses, read_safetensors, refused, start, train, training_events, update_met, weights_digest,
                     without_timing, write_config)

APART = {"LINNET_SHARED_MEMORY": "0"}
VARIANTS = {
    "layer": dict(freeze_layers=1),
    "embeddings": dict(freeze_embeddings=True),
    "both": dict(freeze_layers=1, freeze_embeddings=True),
    "head": dict(freeze_layers=2, freeze_embeddings=True),
    "rates": dict(layerwise_lr_decay=0.7, head_learning_rate=5e-3),
    "all": dict(freeze_layers=1, freeze_embeddings=True, layerwise_lr_decay=0.7, head_learning_rate=5e-3),
}


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, reduction_units=8,
                max_steps=8, learning_rate=1e-3, logging_steps=1, eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=4,
                dropout=0.1, weight_decay=0.01)


@pytest.fixture(scope="module")
def alone(settings, tmp_path_factory):
    """A function that returns a run of a variant on one rank, made once; "": nothing is frozen."""
    runs = {}

    def run(name):
        if name not in runs:
            runs[name] = train(tmp_path_factory.mktemp(name or "plain"), ranks=1, **settings, **VARIANTS.get(name, {}))
        return runs[name]

    return run


def is_frozen(name, freeze_layers=0, freeze_embeddings=False, **_):
    layer = re.match(r"transformer\.h\.(\d+)\.", name)
    return int(layer.group(1)) < freeze_layers if layer else freeze_embeddings and name.startswith("transformer.w")


@pytest.mark.parametrize("name", VARIANTS)
def test_only_what_learns_changes(sample, alone, name):
    before, after = read_safetensors(sample.model / "model.safetensors"), read_safetensors(alone(name) / "model.safetensors")
    for tensor in after:
        if tensor != "score.weight":
            assert np.array_equal(before[tensor], after[tensor]) == is_frozen(tensor, **VARIANTS[name]), tensor


@pytest.mark.parametrize("name, ranks, env", [("layer", 3, None), ("embeddings", 2, APART), ("both", 2, None), ("both", 3, APART), ("head", 3, None),
                                              ("head", 2, APART), ("rates", 3, APART), ("all", 2, None), ("all", 5, APART)])
def test_same_bits_on_any_number_of_ranks(settings, alone, tmp_path, name, ranks, env):
    run = train(tmp_path, ranks=ranks, env=env, **settings, **VARIANTS[name])
    assert weights_digest(run) == weights_digest(alone(name))
    assert without_timing(training_events(run)) == without_timing(training_events(alone(name)))


@pytest.mark.parametrize("name, ranks", [("layer", 2), ("embeddings", 1), ("both", 3), ("head", 2), ("all", 2)])
def test_resumed_run_ends_with_the_same_bits(settings, alone, tmp_path, name, ranks):
    run = tmp_path / "run"
    shutil.copytree(alone(name) / "checkpoint-4", run / "checkpoint-4")
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint=True, **settings, **VARIANTS[name])
    linnet("train", config, ranks=ranks)
    assert checkpoints(run) == [4, 8]
    assert weights_digest(run) == weights_digest(alone(name))


@pytest.mark.parametrize("env, more", [({"LINNET_BF16": "emulate"}, {"bf16": True}), ({"LINNET_ISA": "base"}, {})], ids=["bf16", "base"])
def test_other_products(settings, tmp_path, env, more):
    runs = [train(tmp_path / str(ranks), ranks=ranks, env=env, **settings, **VARIANTS["all"], **more) for ranks in (1, 2)]
    assert weights_digest(runs[0]) == weights_digest(runs[1])


@pytest.mark.parametrize("name", ["both", "head"])
def test_sums_of_mpi(settings, alone, tmp_path, name):
    """Other orders of the same sums: as in ranks_test.py."""
    run = train(tmp_path, ranks=3, reduction="mpi", **settings, **VARIANTS[name])
    assert losses(run) == pytest.approx(losses(alone(name)), rel=1e-5)


def shapes_of(path):
    data = path.read_bytes()
    return {name: entry["shape"] for name, entry in json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]]).items() if name != "__metadata__"}


def test_moments_are_of_what_learns(alone):
    """Of embeddings that are frozen there are no rows, of frozen layers no floats: the head's bucket is one block of 16,384."""
    sizes = {}
    for name in "", "layer", "both", "head":
        shapes = shapes_of(alone(name) / "checkpoint-8/optimizer.safetensors")
        sizes[name] = shapes["exp_avg"][0]
        assert shapes["exp_avg"] == shapes["exp_avg_sq"]
        assert (shapes["token_rows"] == [0]) == (shapes["position_exp_avg"] == [0, 32]) == (name in ("both", "head"))
    assert sizes[""] > sizes["layer"] == sizes["both"] > sizes["head"] == 16384
    said = linnet("inspect", alone("head") / "checkpoint-8").stdout
    assert "trainable    160 of 72960 parameters" in said, said  # ln_f and score: 2 * 32 + 3 * 32
    assert "moments      16384 dense, of 0 token and 0 position rows" in said, said


@pytest.mark.parametrize("changed, said", [({"freeze_layers": 2}, "freeze_layers 1 -> 2"), ({"freeze_embeddings": False}, "freeze_embeddings true -> false")])
def test_resuming_with_other_parts_frozen_is_refused(settings, alone, tmp_path, changed, said):
    run = tmp_path / "run"
    shutil.copytree(alone("both") / "checkpoint-4", run / "checkpoint-4")
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint=True, **{**settings, **VARIANTS["both"], **changed})
    refused("train", config, ranks=2, names=["is of another run", said])


def test_rates_may_change_when_resuming(settings, alone, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(alone("rates") / "checkpoint-4", run / "checkpoint-4")
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint=True, layerwise_lr_decay=0.5, **settings)
    said = linnet("train", config).stderr
    assert "layerwise_lr_decay 0.7 -> 0.5" in said and "head_learning_rate 0.005 -> null" in said, said


def test_more_layers_than_there_are(settings, tmp_path):
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings, freeze_layers=3)
    refused("train", config, ranks=2, names=["freeze_layers: expected at most 2", settings["model_name_or_path"]])


def test_banner_counts_what_learns(settings, tmp_path):
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "max_steps": 1}, **VARIANTS["both"])
    said = linnet("train", config).stderr
    assert re.search(r"model .* M parameters, \d+ trainable\n", said), said
    assert "embeddings mapped" in said, said


def written_bytes(pid, file):
    """Of this process's mapping of a file: pages that it has written to, and so has a copy of."""
    share, counted = 0, False
    for line in open(f"/proc/{pid}/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counted = line.rstrip().endswith(str(file))
        elif counted and line.startswith("Private_Dirty:"):
            share += 1024 * int(line.split()[1])
    return share


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_embeddings_are_only_read(settings, tmp_path, frozen):
    """Of those that learn, the pages of the rows that texts touch are copies, by weight decay all."""
    long = {**settings, "max_steps": 1000000, "eval_strategy": "no", "save_strategy": "no", "freeze_embeddings": frozen}
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **long)
    process = start(["train", config])
    try:
        update_met(process, tmp_path / "run")
        written = written_bytes(process.pid, settings["model_name_or_path"] / "model.safetensors")
    finally:
        process.kill()
        process.communicate()
    assert (written == 0) == frozen, written
