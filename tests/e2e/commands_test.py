"""Every command once, in the order in which a user runs them."""
import csv
import json
import os

import h5py
import numpy as np
import pytest

from support import LABELS, SHARED, checkpoints, evaluation_events, linnet, read_safetensors, refused, train, write_config


def decoder(tokenizer):
    """Token id → bytes, by GPT-2's table of printable characters for bytes."""
    from make_sample import byte_characters

    byte_of = {character: byte for byte, character in byte_characters().items()}
    vocabulary = json.loads((tokenizer / "vocab.json").read_text(encoding="utf-8"))
    return {number: bytes(byte_of[c] for c in token) if token != "<|endoftext|>" else b"" for token, number in vocabulary.items()}


@pytest.mark.tiny
def test_prepare_keeps_every_text(sample):
    """The ids of each row decode to its text; labels and row numbers are those of the table."""
    bytes_of = decoder(sample.tokenizer)
    with open(sample.train_csv, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with h5py.File(sample.train, "r") as file:
        tokens, offsets = file["tokens"][:], file["offsets"][:]
        assert file["rows"][:].tolist() == list(range(len(rows)))
        assert file["labels"][:].tolist() == [LABELS.index(row["sentiment"]) for row in rows]
    assert len(offsets) == len(rows) + 1 and offsets[0] == 0 and offsets[-1] == len(tokens)
    for row, begin, end in zip(rows, offsets, offsets[1:]):
        assert b"".join(bytes_of[token] for token in tokens[begin:end]).decode() == row["text"]
    assert len(tokens) < sum(len(row["text"].encode()) for row in rows), "the merges are used"


@pytest.mark.tiny
def test_train_evaluate_predict_inspect(sample, job, tmp_path):
    run = train(tmp_path, ranks=2, **{**job, "eval_file": sample.test, "eval_strategy": "steps", "eval_steps": 5,
                                      "save_strategy": "steps", "save_steps": 5})
    assert {"config.json", "model.safetensors", "tokenizer.json", "vocab.json", "merges.txt", "config.resolved.json", "metrics.jsonl"} <= {
        path.name for path in run.iterdir()}
    assert checkpoints(run) == [5, 10]
    assert json.loads((run / "config.resolved.json").read_text())["max_steps"] == 10

    result = linnet("evaluate", "--model", run, "--data", sample.test)
    assert f"accuracy  {evaluation_events(run)[-1]['eval_accuracy']:.4f}" in result.stdout, result

    for path in (run, run / "checkpoint-5", sample.train, sample.model):
        assert linnet("inspect", path).stdout.strip()


def test_profile(sample, job, tmp_path):
    """One row per phase, GF/s for the phases with matrix products, and one trace per rank, in which forward passes lie inside an evaluation."""
    run = tmp_path / "run"
    config = write_config(tmp_path / "config.json", output_dir=run, **{**job, "max_steps": 4, "eval_file": sample.test})
    table = linnet("train", config, "--profile", ranks=2).stdout.split("profile, mean of 2 ranks\n")[1]
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}
    assert list(rows) == ["data", "forward", "attention", "backward", "reduction", "all-gather", "optimizer", "evaluation", "save", "rest", "total"]
    assert sum(float(row[0]) for name, row in rows.items() if name != "total") == pytest.approx(float(rows["total"][0]), abs=0.01)
    assert [name for name, row in rows.items() if len(row) == 4] == ["forward", "attention", "backward", "evaluation"]
    for rank in range(2):
        trace = json.loads((run / f"profile-{rank}.json").read_text())["traceEvents"]
        assert {event["pid"] for event in trace} == {rank}
        evaluation, = [event for event in trace if event["name"] == "evaluation"]
        begin, end = evaluation["ts"], evaluation["ts"] + evaluation["dur"]
        assert [event for event in trace if event["name"] == "forward" and begin <= event["ts"] and event["ts"] + event["dur"] <= end]


@pytest.mark.tiny
def test_predict_from_arguments_and_standard_input(sample):
    texts = ["i love this song", "oh no, it's 7:30 \N{GRINNING FACE}"]
    from_arguments = linnet("predict", "--model", sample.model, "--json", *texts)
    from_input = linnet("predict", "--model", sample.model, "--json", stdin="\n".join(texts).encode() + b"\n")
    assert from_input.stdout == from_arguments.stdout
    lines = [json.loads(line) for line in from_arguments.stdout.splitlines()]
    assert [line["text"] for line in lines] == texts
    for line in lines:
        assert sorted(line["probabilities"]) == sorted(LABELS)
        # Printed with at least six digits.
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert line["label"] == max(line["probabilities"], key=line["probabilities"].get)
    assert len(linnet("predict", "--model", sample.model, *texts).stdout.splitlines()) == 2


def test_results_go_to_standard_output(sample):
    result = linnet("predict", "--model", sample.model, "--quiet", "a text")
    assert result.stdout and not result.stderr, result


@pytest.mark.parametrize("command", ["", "prepare", "init", "train", "evaluate", "predict", "inspect"])
def test_help(command):
    result = linnet(*command.split(), "--help")
    assert "usage: linnet" in result.stdout and not result.stderr


def test_init_is_a_function_of_the_seed(sample, tmp_path):
    def make(name, *options):
        linnet("init", "--output", tmp_path / name, "--tokenizer", sample.tokenizer, "--layers", "1", "--width", "16", "--heads", "2", *options)
        return read_safetensors(tmp_path / name / "model.safetensors")

    one, same, other = make("a"), make("b"), make("c", "--seed", "43")
    name = "transformer.h.0.mlp.c_fc.weight"
    assert all(np.array_equal(one[key], same[key]) for key in one)
    assert not np.array_equal(one[name], other[name])
    # 1,024 draws of N(0, 0.02²): the standard error of the deviation is 0.02/√2048; six of these are allowed.
    assert one[name].std() == pytest.approx(0.02, abs=6 * 0.02 / 2048**0.5)


@pytest.mark.skipif(not (SHARED / "golden/orders.json").exists(), reason="there is no ../shared/golden/orders.json")
def test_subset_is_that_of_datasets(tmp_path):
    orders = json.loads((SHARED / "golden/orders.json").read_text())["datasets_shuffle_select"]
    data = SHARED / "data"
    linnet("prepare", "--input", data / "tweets/test.csv", "--output", tmp_path / "subset.h5", "--tokenizer", data / "gpt2-tokenizer",
           "--subset", "1000", "--subset-seed", "42")
    with h5py.File(tmp_path / "subset.h5", "r") as file:
        assert file["rows"][:].tolist() == orders["3534"]["first"]


@pytest.mark.tiny
@pytest.mark.parametrize("labels, shown", [(b"x\ny,b", r'label 0: expected UTF-8 without control characters, got "x\ny"'),
                                           (b"b,\xff", r'label 1: expected UTF-8 without control characters, got "\xff"')])
def test_init_refuses_labels_that_no_command_would_read(sample, tmp_path, labels, shown):
    result = refused("init", "--output", tmp_path / "m", "--tokenizer", sample.tokenizer, "--layers", 1, "--width", 8, "--heads", 2,
                     "--labels", os.fsdecode(labels))
    assert shown in result.stderr
    assert not (tmp_path / "m").exists()
