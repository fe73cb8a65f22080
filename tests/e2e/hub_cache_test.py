"""A model in the cache of huggingface_hub: every command takes the folder models--OWNER--NAME, and a snapshot with its links."""
import hashlib
import json

import pytest

from support import linnet, refused, train


@pytest.fixture
def cached(sample, tmp_path):
    """The sample's model as snapshot_download() leaves it, beside an older revision without files."""
    folder = tmp_path / "hub/models--someone--tiny"
    snapshot = folder / "snapshots/0a1b2c"
    for made in snapshot, folder / "snapshots/older", folder / "blobs", folder / "refs":
        made.mkdir(parents=True)
    (folder / "refs/main").write_text("0a1b2c")
    for path in sample.model.iterdir():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / "blobs" / digest).write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(f"../../blobs/{digest}")
    return folder


@pytest.mark.parametrize("below", ["", "snapshots/0a1b2c"])
def test_every_command_takes_it(sample, cached, tmp_path, below):
    model = cached / below
    same = linnet("predict", "--model", sample.model, "a", "b").stdout
    assert linnet("predict", "--model", model, "a", "b").stdout == same
    scores = [linnet("evaluate", "--model", folder, "--data", sample.test, ranks=2).stdout.splitlines()[1:4] for folder in (sample.model, model)]
    assert scores[0] == scores[1]
    values = [linnet("inspect", folder).stdout.splitlines()[2:] for folder in (sample.model, model)]
    assert values[0] == values[1]
    linnet("prepare", "--input", sample.test_csv, "--output", tmp_path / "test.h5", "--tokenizer", model)
    assert (tmp_path / "test.h5").read_bytes() == sample.test.read_bytes()
    linnet("init", "--output", tmp_path / "new", "--tokenizer", model, "--layers", "1", "--width", "8", "--heads", "1")


def test_training_names_snapshot_and_base_model(sample, cached, tmp_path):
    run = train(tmp_path, model_name_or_path=cached, train_file=sample.train, max_steps=1, save_strategy="no")
    assert json.loads((run / "config.resolved.json").read_text())["model_name_or_path"] == str(cached / "snapshots/0a1b2c")
    card = (run / "README.md").read_text()
    assert '\nbase_model: "someone/tiny"\n' in card and "[someone/tiny](https://huggingface.co/someone/tiny)" in card


def test_a_snapshot_that_is_not_there(sample, cached, tmp_path):
    (cached / "refs/main").write_text("ffff")
    for command in (["predict", "--model", cached, "a"], ["evaluate", "--model", cached, "--data", sample.test], ["inspect", cached],
                    ["prepare", "--input", sample.test_csv, "--output", tmp_path / "t.h5", "--tokenizer", cached],
                    ["train", "--model_name_or_path", cached, "--train_file", sample.train, "--output_dir", tmp_path / "run"]):
        refused(*command, names=[cached, "snapshots/ffff", "download"])
