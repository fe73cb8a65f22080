"""Several tables that are read as one: lists and patterns of files."""
import gzip
import hashlib
import json

import h5py
import pytest

from support import linnet, refused

pytestmark = pytest.mark.tiny

ROWS = [("what a day", "positive"), ('he said "no"', "negative"), ("rain", "neutral"), ("more rain", "neutral"), ("sun", "positive")]


def csv_of(rows, columns=("text", "sentiment")):
    cells = [dict(zip(("text", "sentiment"), (text.replace('"', '""'), label))) for text, label in rows]
    return "".join(",".join(row) + "\n" for row in [columns, *[[f'"{cell[c]}"' for c in columns] for cell in cells]])


def jsonl_of(rows):
    return "".join(json.dumps({"text": text, "sentiment": label}) + "\n" for text, label in rows)


def content(path):
    with h5py.File(path, "r") as file:
        return [file[column][:].tolist() for column in ("tokens", "offsets", "labels", "rows")], dict(file.attrs)


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "all.csv").write_text(csv_of(ROWS))
    (tmp_path / "part-1.csv").write_text(csv_of(ROWS[:2]))
    (tmp_path / "part-2.csv.gz").write_bytes(gzip.compress(csv_of(ROWS[2:4], ("sentiment", "text")).encode()))  # in another order
    (tmp_path / "part-3.jsonl").write_text(jsonl_of(ROWS[4:]))
    return tmp_path


def prepare(sample, folder, *options):
    result = linnet("prepare", *options, "--output", folder / "out.h5", "--tokenizer", sample.tokenizer)
    return content(folder / "out.h5"), result


PARTS = ["part-1.csv", "part-2.csv.gz", "part-3.jsonl"]


def test_several_are_as_one(sample, tables):
    paths = [tables / name for name in PARTS]
    (expected, _), _ = prepare(sample, tables, "--input", tables / "all.csv")
    digests = "".join(hashlib.sha256(path.read_bytes()).hexdigest() + "\n" for path in paths)
    for inputs in (["--input", *paths], ["--input", paths[0], "--input", paths[1], "--input", paths[2]], ["--input", tables / "part-*"],
                   ["--input", tables / "part-[12]*", paths[2]]):
        (found, about), result = prepare(sample, tables, *inputs)
        assert found == expected, result
        assert "5 samples of 5 rows in 3 files" in result.stdout
        assert about["source_name"] == b"part-1.csv and 2 more"
        assert about["source_size"] == sum(path.stat().st_size for path in paths)
        assert about["source_digest"].decode() == hashlib.sha256(digests.encode()).hexdigest()


def test_subset_of_several(sample, tables):
    options = ["--subset", 3, "--subset-seed", 7]
    (expected, _), _ = prepare(sample, tables, "--input", tables / "all.csv", *options)
    (found, _), _ = prepare(sample, tables, "--input", tables / "part-*", *options)
    assert found == expected


def test_a_name_with_signs_of_a_pattern(sample, tables):
    (tables / "t[1].csv").write_text(csv_of(ROWS))
    (_, about), _ = prepare(sample, tables, "--input", tables / "t[1].csv")
    assert about["source_name"] == b"t[1].csv"


def test_evaluate_and_predict_take_patterns(sample, tables):
    one = linnet("evaluate", "--model", sample.model, "--data", tables / "all.csv", "--predictions", tables / "one.tsv")
    several = linnet("evaluate", "--model", sample.model, "--data", tables / "part-*", "--predictions", tables / "several.tsv", ranks=2)
    assert (tables / "one.tsv").read_text() == (tables / "several.tsv").read_text(), (one, several)
    one = linnet("predict", "--model", sample.model, "--input", tables / "all.csv")
    several = linnet("predict", "--model", sample.model, "--input", tables / "part-*")
    assert one.stdout == several.stdout
    refused("predict", "--model", sample.model, "--input", tables / "part-*", "--output", tables / "o.csv", names=["expected one --input", "got 3"])


def test_refused(sample, tables):
    def wrong(*inputs, names):
        refused("prepare", *inputs, "--output", tables / "o.h5", "--tokenizer", sample.tokenizer, names=names)
        assert not (tables / "o.h5").exists()

    first = tables / "part-1.csv"
    wrong("--input", tables / "none-*.csv", names=["none-*.csv: no file has a name like this"])
    wrong("--input", tables, names=[f"is a folder: name its files, for example '{tables}/*.csv'"])
    wrong("--input", first, tables, names=["is a folder"])
    wrong("--input", first, tables / "part-1*", names=["part-1.csv: is named twice"])
    wrong("--input", first, "-", names=["-: standard input is not read with other files"])
    wrong("--input", first, tables / "gone.csv", names=["gone.csv: cannot open"])
    wrong("--input", first, "/dev/null", names=["/dev/null: is no regular file"])
    (tables / "other.csv").write_text("text,sentiment,more\na,neutral,b\n")
    wrong("--input", first, tables / "other.csv", names=["part-1.csv: has no column \"more\", as", "other.csv has"])
    wrong("--input", tables / "other.csv", first, names=["part-1.csv: has no column \"more\", as", "other.csv has"])
    (tables / "bad.csv").write_text("text,sentiment\na,neutral\nb,glad\n")
    wrong("--input", first, tables / "bad.csv", names=["bad.csv:3:3: unknown label \"glad\""])
    (tables / "empty.csv").write_text("text,sentiment\n")
    wrong("--input", first, tables / "empty.csv", names=["empty.csv: the table has no rows"])
    (tables / "o.h5").symlink_to(first)
    refused("prepare", "--input", tables / "all.csv", first, "--output", tables / "o.h5", "--tokenizer", sample.tokenizer, names=["the output is the input table"])
