"""A run is killed at each step of replacing an older model by its final model: the folder holds one of the two, or none that a program
would read, and the next start completes the new one."""
import shutil
import signal

import pytest

from support import TOKENIZER_FILES, finish, left_over, linnet, remove_tokenizer, start, train, write_config

FILES = ("config.json", "model.safetensors", "model.safetensors.index.json", *TOKENIZER_FILES)


def model_in(folder):
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


@pytest.fixture(scope="module")
def older(sample, tmp_path_factory):
    """A model with other files than the run's model, and an index of shards."""
    folder = tmp_path_factory.mktemp("older") / "run"
    linnet("init", "--output", folder, "--tokenizer", sample.tokenizer, "--layers", "1", "--width", "16", "--heads", "2")
    merges = (folder / "merges.txt").read_text()
    (folder / "merges.txt").write_text(merges.rsplit("\n", 2)[0] + "\n")
    for name in "vocab.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json":
        (folder / name).write_text((folder / name).read_text() + "\n")
    (folder / "model.safetensors.index.json").write_text("{}")
    linnet("inspect", folder)
    return folder


@pytest.fixture(params=["a tokenizer", "no tokenizer"])
def settings(request, sample, copy_of):
    """The model of the run has a tokenizer, or none: then the tokenizer of the older model must be removed."""
    model = copy_of(sample.model)
    if request.param == "no tokenizer":
        remove_tokenizer(model)
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
        # A mixture of the two must not look like a model to linnet inspect or to programs that need a config.json.
        linnet("inspect", run, code=1 if kind == "none" else 0)
        assert ("config.json" in there) == (kind != "none")
        if (run / "model.new").exists():
            # The next start puts the new model in its place before it trains.
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
    # Killed before the replacement, during it and, while the emptied folder is removed or the model's card is written, after it.
    assert sorted(set(found), key=found.index) == ["old", "none", "new"], found
    assert completed > 1


def test_training_into_its_model_folder_warns(sample, copy_of, tmp_path):
    """As in Trainer the trained model replaces the one that it started from; a warning says so."""
    elsewhere = train(tmp_path / "elsewhere", model_name_or_path=sample.model, train_file=sample.train, max_steps=2, learning_rate=1e-3)
    model = copy_of(sample.model)
    config = write_config(tmp_path / "config.json", model_name_or_path=model, output_dir=str(model) + "/.", train_file=sample.train,
                          max_steps=2, learning_rate=1e-3)
    warnings = linnet("train", config).stderr
    assert warnings.count("warning") == 1 and "output_dir" in warnings
    assert model_in(model) == model_in(elsewhere) != model_in(sample.model)
