"""Two texts a sample: the ids that Transformers gives, in every command that takes a table (make_text_pairs.py)."""
import csv
import json
import shutil

import h5py
import pytest

from support import LABELS, ROOT, linnet, refused

pytestmark = pytest.mark.tiny
GOLDEN = json.loads((ROOT / "tests/golden/text_pairs.json").read_text())
END = json.loads((ROOT / "tests/golden/tokenizer_small/vocab.json").read_text())["<|endoftext|>"]


def samples(path):
    with h5py.File(path) as file:
        offsets, tokens = file["offsets"][:], file["tokens"][:].tolist()
        return [tokens[a:b] for a, b in zip(offsets, offsets[1:])], dict(file.attrs)


def write_csv(path, rows, columns=("text", "other", "sentiment")):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


@pytest.mark.parametrize("name", GOLDEN["folders"])
def test_ids_are_those_of_transformers(tmp_path, name):
    folder = tmp_path / "tokenizer"
    shutil.copytree(ROOT / "tests/golden/tokenizer_small", folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024, **GOLDEN["folders"][name]}))
    table = tmp_path / "t.jsonl"
    table.write_text("".join(json.dumps({"premise": a, "hypothesis": b}) + "\n" for a, b in GOLDEN["pairs"]))
    for length, ids in GOLDEN["ids"][name].items():
        linnet("prepare", "--input", table, "--output", tmp_path / "t.h5", "--tokenizer", folder, "--text-column", "premise", "--text-pair-column",
               "hypothesis", "--no-labels", "--max-length", length)
        found, about = samples(tmp_path / "t.h5")
        assert found == [sample or [END] for sample in ids], length
        assert about["text_pairs"] == 1
    assert "two in each sample" in linnet("inspect", tmp_path / "t.h5").stdout


@pytest.fixture(scope="module")
def pairs(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    rows = [(a.strip(), b.strip(), LABELS[i % 3]) for i, (a, b) in enumerate(GOLDEN["pairs"])]
    write_csv(folder / "t.csv", rows)
    linnet("prepare", "--input", folder / "t.csv", "--output", folder / "t.h5", "--tokenizer", sample.tokenizer, "--text-pair-column", "other")
    return folder, rows


def test_evaluate(sample, pairs, tmp_path):
    """A table of pairs is evaluated as its token file, by any number of ranks."""
    folder, _ = pairs
    for data, options, ranks in (("t.h5", [], 0), ("t.csv", ["--text-pair-column", "other"], 0), ("t.csv", ["--text-pair-column", "other"], 2)):
        linnet("evaluate", "--model", sample.model, "--data", folder / data, "--predictions", tmp_path / f"{data}{ranks}.tsv", *options, ranks=ranks)
    expected = (tmp_path / "t.h50.tsv").read_text()
    assert expected.count("\n") == len(GOLDEN["pairs"]) + 1
    assert (tmp_path / "t.csv0.tsv").read_text() == (tmp_path / "t.csv2.tsv").read_text() == expected


def test_predict(sample, pairs, tmp_path):
    """The answers to a table of pairs are those to its token file: on standard output, in a file, by several ranks."""
    folder, rows = pairs
    of_samples = [json.loads(line) for line in linnet("predict", "--model", sample.model, "--input", folder / "t.h5", "--json").stdout.splitlines()]
    of_rows = [json.loads(line) for line in
               linnet("predict", "--model", sample.model, "--input", folder / "t.csv", "--text-pair-column", "other", "--json").stdout.splitlines()]
    assert [answer["probabilities"] for answer in of_rows] == [answer["probabilities"] for answer in of_samples]
    assert [answer["text"] for answer in of_rows] == [row[0] for row in rows]
    alone = [json.loads(line) for line in linnet("predict", "--model", sample.model, "--input", folder / "t.csv", "--json").stdout.splitlines()]
    assert [answer["probabilities"] for answer in of_rows] != [answer["probabilities"] for answer in alone]
    for ranks in (0, 2):
        linnet("predict", "--model", sample.model, "--input", folder / "t.csv", "--text-pair-column", "other", "--output", tmp_path / "o.jsonl", ranks=ranks)
        written = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
        assert [(row["text"], row["other"], row["sentiment"]) for row in written] == rows
        for row, answer in zip(written, of_samples):
            assert row["label"] == answer["label"]


def test_split_of_pairs(sample, tmp_path):
    """Both texts count: a pair is a duplicate only where both are."""
    rows = [(f"a premise of some length {i % 5 * 7919}", f"and a hypothesis {i % 7 * 104729}", "neutral") for i in range(70)]
    write_csv(tmp_path / "t.csv", rows)
    result = linnet("prepare", "--input", tmp_path / "t.csv", "--output", tmp_path / "a.h5", "--eval-output", tmp_path / "b.h5", "--split", 0.8,
                    "--near-duplicates", 1, "--tokenizer", sample.tokenizer, "--text-pair-column", "other")
    assert "35 equal" in result.stdout
    sides = [{tuple(ids) for ids in samples(tmp_path / name)[0]} for name in ("a.h5", "b.h5")]
    assert len(sides[0]) + len(sides[1]) == 35 and not sides[0] & sides[1]


def test_refused(sample, pairs, tmp_path):
    folder, _ = pairs
    prepare = ["prepare", "--output", tmp_path / "o.h5", "--tokenizer", sample.tokenizer]
    names = ['no column "second"; the columns are: "text", "other", "sentiment"']
    refused(*prepare, "--input", folder / "t.csv", "--text-pair-column", "second", names=names)
    for ranks in (0, 2):
        refused("evaluate", "--model", sample.model, "--data", folder / "t.csv", "--text-pair-column", "second", ranks=ranks, names=names)
        refused("predict", "--model", sample.model, "--input", folder / "t.csv", "--text-pair-column", "second", "--output", tmp_path / "o.csv", ranks=ranks, names=names)
    refused("predict", "--model", sample.model, "--input", folder / "t.csv", "--text-pair-column", "second", names=names)
    refused("predict", "--model", sample.model, "--text-pair-column", "second", "a text", names=["--text-pair-column: expected a table"])
    refused("predict", "--model", sample.model, "--text-pair-column", "other", "--input", folder / "t.h5", names=["--text-pair-column: expected a table"])
    around = tmp_path / "around"
    shutil.copytree(ROOT / "tests/golden/tokenizer_small", around)
    (around / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "bos_token": "<|endoftext|>"}')
    result = linnet("prepare", "--output", tmp_path / "o.h5", "--tokenizer", around, "--input", folder / "t.csv")
    refused("prepare", "--output", tmp_path / "p.h5", "--tokenizer", around, "--input", folder / "t.csv", "--text-pair-column", "other",
            names=["the tokenizer adds tokens around each text"])
