"""linnet init-config: what it finds is true, and what it prints trains as it is."""
import json
import re

import pytest

from support import add_programs, linnet, refused, run_in, write_config


def settings_of(text):
    """The object of a configuration without comments; none of its strings holds two slashes."""
    return json.loads(re.sub(r"//.*", "", text))


def prose_of(text):
    """The comments before the object, on one line."""
    return " ".join(re.sub(r"^//", "", text.split("\n{\n")[0], flags=re.M).split())


@pytest.fixture(scope="module")
def place(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("init-config")
    add_programs(folder)
    for name, path in {"model": sample.model, "train.h5": sample.train, "test.h5": sample.test}.items():
        (folder / name).symlink_to(path)
    return folder


@pytest.mark.tiny
def test_what_it_prints_trains(place):
    run_in(place, "linnet init-config --model model --data train.h5 --eval test.h5 > run.json")
    run_in(place, "linnet train run.json --max_steps 24")  # two epochs of 12 updates
    told = json.loads((place / "run/config.resolved.json").read_text())
    written = settings_of((place / "run.json").read_text())
    # The values that stand in for null or for another name of the same value.
    assert {key: told[key] for key in written} == {**written, "resume_from_checkpoint": told["resume_from_checkpoint"]}
    losses = [json.loads(line)["eval_loss"] for line in (place / "run/metrics.jsonl").read_text().splitlines() if "eval_loss" in line]
    assert len(losses) >= 2 and (place / "run/model.safetensors").exists()
    # It does not point into the folder of that run.
    second = settings_of(run_in(place, "linnet init-config --model model --data train.h5"))
    assert second["output_dir"] == "run-2" and second["eval_strategy"] == "no" and "eval_file" not in second


def test_it_tells_what_it_found(place, sample):
    """Counts of the fixture `sample`: 90 samples, of which inspect tells the labels and tokens; a model of 2 layers, width 32."""
    measured = write_config(place / "measured.json", output_dir="x", model_name_or_path=sample.model, train_file=sample.train)
    linnet("plan", "--measure", measured, "--constants", place / "c.json")
    printed = run_in(place, "linnet init-config --model model --data train.h5 --eval test.h5 --constants c.json")
    told, inspected = prose_of(printed), linnet("inspect", sample.train).stdout
    tokens, longest = re.search(r"(\d+), the longest sample (\d+)", inspected).groups()
    assert f'"train.h5": 90 samples, {tokens} tokens: {int(tokens) / 90:.1f} a sample' in told and f"the longest {longest}" in told
    counts = {name: int(count) for name, count in re.findall(r"\d (\w+): (\d+) samples", inspected)}
    for name, count in counts.items():
        assert f'"{name}" {100 * count / 90:.1f} %' in told
    assert f"accuracy {max(counts.values()) / 90:.3f}" in told
    assert '"model": 2 layers, width 32, 4 heads' in told and "up to 1024 tokens; with a head for these labels" in told
    # The plan is that of `linnet plan` with the same file of constants.
    (place / "told.json").write_text(printed)
    plan = json.loads(linnet("plan", place / "told.json", "--ranks", 1, "--constants", place / "c.json", "--json",
                             "--set", f"model_name_or_path={sample.model}", "--set", f"train_file={sample.train}", "--set",
                             f"eval_file={sample.test}").stdout)
    assert f"up to {plan['host_bytes'] / 1e9:.2f} GB of memory" in told and f"{plan['updates']} updates" in told
    assert plan["updates"] == 36 and plan["global_batch"] == 8  # ceil(90 / 8) × 3 epochs


def test_lengths_are_quantiles(place, sample):
    """Half of the samples have at most the first number of tokens, 95 % the second, and with one token less they have not."""
    import h5py
    import numpy as np

    median, most = map(int, re.search(r"half of them up to (\d+), 95 % up to (\d+)",
                                      prose_of(run_in(place, "linnet init-config --model model --data train.h5"))).groups())
    with h5py.File(sample.train) as file:
        lengths = np.diff(file["offsets"][:])
    for share, length in ((0.5, median), (0.95, most)):
        assert np.mean(lengths <= length) >= share > np.mean(lengths <= length - 1)


@pytest.mark.tiny
def test_names_cannot_leave_a_comment(place, tmp_path):
    """A path with a line feed and a quote, and labels of JSON's and comments' characters, stay in their places."""
    (place / "odd.csv").write_text('text,sentiment\na,"""}"\nb,*/\n')
    linnet("prepare", "--input", place / "odd.csv", "--output", place / "odd.h5", "--tokenizer", place / "model", "--labels", '"},*/')
    linnet("init", "--output", place / "odd", "--tokenizer", place / "model", "--layers", 1, "--width", 8, "--heads", 2, "--labels", '"},*/')
    odd_model = place / 'o"d\n},'
    odd_model.symlink_to(place / "odd")
    text = linnet("init-config", "--model", odd_model, "--data", place / "odd.h5").stdout
    assert all(line.startswith("//") for line in text.split("\n{\n")[0].splitlines())
    (tmp_path / "run.json").write_text(text)
    linnet("train", tmp_path / "run.json", "--output_dir", tmp_path / "run", "--num_train_epochs", 1)


@pytest.mark.tiny
def test_a_head_for_other_labels(place, sample, tmp_path):
    """Where training would refuse the model for its head alone, the configuration starts with a new one and says so."""
    labels = place / "labels"
    linnet("init", "--output", labels, "--tokenizer", sample.tokenizer, "--layers", 1, "--width", 8, "--heads", 2, "--labels", "a,b")
    text = run_in(place, "linnet init-config --model labels --data train.h5 --eval test.h5")
    assert settings_of(text)["ignore_mismatched_sizes"] is True and "no head for these labels" in prose_of(text)
    (tmp_path / "run.json").write_text(text)
    run_in(place, f"linnet train {tmp_path}/run.json --output_dir {tmp_path}/run --max_steps 1")
    assert len(json.loads((tmp_path / "run/config.json").read_text())["id2label"]) == 3
    # A model that fits needs no such key.
    assert "ignore_mismatched_sizes" not in settings_of(run_in(place, "linnet init-config --model model --data train.h5"))


def test_large_data_gets_larger_batches(place, sample, tmp_path):
    """From 1,000 samples on, updates of 32; an epoch is ceil(1200 / 32) = 38 updates."""
    with open(tmp_path / "many.csv", "w") as file:
        print("text,sentiment", *(f"text {number},{'negative' if number % 2 else 'positive'}" for number in range(1200)), sep="\n", file=file)
    linnet("prepare", "--input", tmp_path / "many.csv", "--output", tmp_path / "many.h5", "--tokenizer", sample.tokenizer)
    text = run_in(place, f"linnet init-config --model model --data {tmp_path}/many.h5")
    assert settings_of(text)["global_batch_size"] == 32 and f"{3 * 38} updates" in prose_of(text)


def test_output_is_a_new_file(place, sample):
    arguments = ["init-config", "--model", sample.model, "--data", sample.train, "--output", place / "new.json"]
    result = linnet(*arguments)
    assert not result.stdout and f"linnet train {place}/new.json" in result.stderr
    before = (place / "new.json").read_text()
    refused(*arguments, names=["new.json exists"])
    assert (place / "new.json").read_text() == before and settings_of(before)["train_file"] == str(sample.train)


def test_refuses_what_training_would_refuse(place, sample, tmp_path):
    refused("init-config", "--model", sample.model, "--data", sample.train_csv, names=["linnet prepare --input"])
    refused("init-config", "--model", sample.folder, "--data", sample.train, names=["config.json"])
    refused("init-config", "--model", sample.model, names=["--data is required", f"linnet init-config --model {sample.model} --data FILE.h5"])
    (tmp_path / "plain.txt").write_text("one\ntwo\n")
    linnet("prepare", "--input", tmp_path / "plain.txt", "--output", tmp_path / "plain.h5", "--tokenizer", sample.tokenizer, "--no-labels", "--format", "lines")
    refused("init-config", "--model", sample.model, "--data", tmp_path / "plain.h5", names=["label"])
    refused("init-config", "--model", sample.model, "--data", sample.train, "--constants", tmp_path / "none.json", names=["none.json"])
