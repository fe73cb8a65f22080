"""A run that is killed while its final model takes the place of an older one, at every step: the folder holds the one or the other,
or none that anybody reads, and the next start completes it."""
import shutil
import signal

import pytest

from support import finish, left_over, linnet, start, train, write_config

FILES = ("config.json", "model.safetensors", "model.safetensors.index.json", "vocab.json", "merges.txt")


def model_in(folder):
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


@pytest.fixture(scope="module")
def older(sample, tmp_path_factory):
    """Another model than the run's, in every file; the index is of shards that it once had."""
    folder = tmp_path_factory.mktemp("older") / "run"
    linnet("init", "--output", folder, "--tokenizer", sample.tokenizer, "--layers", "1", "--width", "16", "--heads", "2")
    merges = (folder / "merges.txt").read_text()
    (folder / "merges.txt").write_text(merges.rsplit("\n", 2)[0] + "\n")
    vocabulary = (folder / "vocab.json").read_text()
    (folder / "vocab.json").write_text(vocabulary + "\n")
    (folder / "model.safetensors.index.json").write_text("{}")
    linnet("inspect", folder)
    return folder


@pytest.fixture(params=["a tokenizer", "no tokenizer"])
def settings(request, sample, copy_of):
    """The run's model brings a tokenizer, or the older one's must go without another in its place."""
    model = copy_of(sample.model)
    if request.param == "no tokenizer":
        (model / "vocab.json").unlink()
        (model / "merges.txt").unlink()
    return dict(model_name_or_path=model, train_file=sample.train, global_batch_size=20, max_steps=1, logging_steps=1, save_strategy="no",
                resume_from_checkpoint="auto", threads_per_rank=1)


@pytest.mark.parametrize("call", ["rename", "unlink"])
def test_killed_at_each_step(settings, older, at_call, tmp_path, call):
    new = model_in(train(tmp_path / "undisturbed", **settings))
    old, run, found, completed = model_in(older), tmp_path / "run", [], 0
    config = write_config(tmp_path / "config.json", output_dir=run, **settings)
    assert all(new.get(name) != content for name, content in old.items())
    for number in range(1, 100):
        shutil.copytree(older, run)
        code = finish(start(["train", config], env=at_call("", call, "KILL", number, "/run/"))).code
        if code == 0:
            break
        assert code == -signal.SIGKILL
        there = model_in(run)
        kind = "old" if there == old else "new" if there == new else "none"
        found.append(kind)
        # Of what is of neither no reader makes a model: linnet's inspect, or who needs a config.json.
        linnet("inspect", run, code=1 if kind == "none" else 0)
        assert ("config.json" in there) == (kind != "none")
        if (run / "model.new").exists():
            # What the killed run came to is there before the next one has done anything.
            completed += 1
            process = start(["train", config], env=at_call("", "pwrite", "KILL", 1, "/run/metrics.jsonl"))
            assert finish(process).code == -signal.SIGKILL
            assert model_in(run) == new
        else:
            assert kind != "none"
        linnet("train", config)
        assert model_in(run) == new
        assert not left_over(run)
        shutil.rmtree(run)
    assert code == 0 and model_in(run) == new
    # Before, between and, where its own folder is taken away at last, after.
    assert sorted(set(found), key=found.index) == (["old", "none"] if call == "rename" else ["old", "none", "new"]), found
    assert completed > 1


def test_into_the_folder_of_the_model(sample, copy_of, tmp_path):
    """As with Trainer the trained model replaces the other, but not without a word."""
    elsewhere = train(tmp_path / "elsewhere", model_name_or_path=sample.model, train_file=sample.train, max_steps=2, learning_rate=1e-3)
    model = copy_of(sample.model)
    config = write_config(tmp_path / "config.json", model_name_or_path=model, output_dir=str(model) + "/.", train_file=sample.train,
                          max_steps=2, learning_rate=1e-3)
    warnings = linnet("train", config).stderr
    assert warnings.count("warning") == 1 and "output_dir is the folder of the model" in warnings
    assert model_in(model) == model_in(elsewhere) != model_in(sample.model)
