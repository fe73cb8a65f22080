"""Tables of `datasets` and pandas as linnet's input, and linnet's predictions in pandas. Run by `make test-peers`."""
import json

import datasets
import h5py
import numpy as np
import pandas
import pytest

from support import LABELS, linnet, refused, train

TEXTS = ['a, "quoted" text', "a tab\tand a line\nend", "naïve café 🐦", "", " spaces  ", "NA", "12.50", "null", "'single'", '"', "back\\slash", "a\r\nb"]
CLASSES = [i % 3 for i in range(len(TEXTS))]


@pytest.fixture(scope="module")
def data():
    return datasets.Dataset.from_dict({"text": TEXTS, "sentiment": [LABELS[i] for i in CLASSES]})


@pytest.fixture(scope="module")
def right(sample, tmp_path_factory):
    """Ids and labels of the rows, from a table that is written here."""
    folder = tmp_path_factory.mktemp("right")
    (folder / "t.jsonl").write_text("".join(json.dumps({"text": text, "sentiment": i}) + "\n" for text, i in zip(TEXTS, CLASSES)))
    return prepared(sample, folder / "t.jsonl")


def prepared(sample, table, *options):
    output = table.parent / f"{table.name}.h5"
    linnet("prepare", "--input", table, "--output", output, "--tokenizer", sample.tokenizer, *options)
    with h5py.File(output) as file:
        return [file[name][:].tolist() for name in ("tokens", "offsets", "labels", "rows")]


WRITERS = {
    "to_csv.csv": lambda data, path: data.to_csv(path),
    "index.csv": lambda data, path: data.to_csv(path, index=True),
    "tabs.tsv": lambda data, path: data.to_csv(path, sep="\t"),
    "gzip.csv.gz": lambda data, path: data.to_pandas().to_csv(path, compression="gzip"),
    "to_json.json": lambda data, path: data.to_json(path),
    "gzip.jsonl.gz": lambda data, path: data.to_json(path, compression="gzip"),
    "array.json": lambda data, path: data.to_json(path, lines=False),
    "records.json": lambda data, path: data.to_json(path, lines=False, orient="records"),
    "unicode.jsonl": lambda data, path: data.to_json(path, force_ascii=False),
    "pandas.csv": lambda data, path: data.to_pandas().to_csv(path),
    "pandas.jsonl": lambda data, path: data.to_pandas().to_json(path, orient="records", lines=True),
    "indented.json": lambda data, path: data.to_pandas().to_json(path, orient="records", indent=2),
}


@pytest.mark.parametrize("name", WRITERS)
def test_reads_what_datasets_writes(sample, data, right, tmp_path, name):
    WRITERS[name](data, tmp_path / name)
    assert prepared(sample, tmp_path / name) == right


@pytest.mark.parametrize("name", ["to_csv.csv", "to_json.json"])
def test_class_labels_are_indices(sample, data, right, tmp_path, name):
    """A column of ClassLabel is written as the numbers of its names."""
    WRITERS[name](data.cast_column("sentiment", datasets.ClassLabel(names=LABELS)), tmp_path / name)
    assert prepared(sample, tmp_path / name) == right


def test_orient_table_has_a_field(sample, data, right, tmp_path):
    data.to_pandas().to_json(tmp_path / "t.json", orient="table")
    refused("prepare", "--input", tmp_path / "t.json", "--output", tmp_path / "t.h5", "--tokenizer", sample.tokenizer, names=['"data"', "--field"])
    assert prepared(sample, tmp_path / "t.json", "--field", "data") == right


@pytest.mark.parametrize("orient", ["split", "index", "columns", "values"])
def test_rows_that_are_no_objects_are_refused(sample, data, tmp_path, orient):
    """With the way to write them; datasets' own default is one of those above."""
    data.to_json(tmp_path / "t.json", lines=False, orient=orient)
    refused("prepare", "--input", tmp_path / "t.json", "--output", tmp_path / "t.h5", "--tokenizer", sample.tokenizer,
            names=[tmp_path / "t.json", 'to_json(orient="records")'])


@pytest.mark.parametrize("write, advice", [("to_parquet", "read_parquet"), ("save_to_disk", "")])
def test_other_formats_are_refused(sample, data, tmp_path, write, advice):
    getattr(data, write)(tmp_path / "t")
    refused("prepare", "--input", tmp_path / "t", "--output", tmp_path / "t.h5", "--tokenizer", sample.tokenizer, "--format", "csv",
            names=[tmp_path / "t", advice])


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    return train(tmp_path_factory.mktemp("run"), model_name_or_path=sample.model, train_file=sample.train, max_steps=5, learning_rate=3e-3,
                 save_strategy="no")


def test_table_of_predictions_in_pandas(sample, run, tmp_path):
    """The same values, label for label and bit for bit."""
    linnet("evaluate", "--model", run, "--data", sample.test, "--predictions", tmp_path / "rows.tsv")
    frame = pandas.read_csv(tmp_path / "rows.tsv", sep="\t")
    lines = [line.split("\t") for line in (tmp_path / "rows.tsv").read_text().splitlines()]
    assert list(frame.columns) == lines[0] == ["row", "label", "predicted", *LABELS]
    with h5py.File(sample.test) as file:
        assert frame["row"].tolist() == file["rows"][:].tolist()
        assert frame["label"].tolist() == [LABELS[i] for i in file["labels"][:]]
    assert frame[LABELS].to_numpy().tolist() == [[float(cell) for cell in line[3:]] for line in lines[1:]]
    assert frame["predicted"].tolist() == [LABELS[i] for i in np.argmax(frame[LABELS].to_numpy(), axis=1)]
    assert np.allclose(frame[LABELS].sum(axis=1), 1, atol=1e-12)


def test_predictions_as_json_in_pandas(run, tmp_path):
    (tmp_path / "p.jsonl").write_text(linnet("predict", "--model", run, "--json", "--", *TEXTS).stdout, encoding="utf-8")
    # By default pandas makes numbers of texts where all of a column look like numbers.
    frame = pandas.read_json(tmp_path / "p.jsonl", lines=True, dtype=False)
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    assert frame["text"].tolist() == TEXTS and frame["label"].tolist() == [line["label"] for line in lines]
    wide = pandas.json_normalize(frame["probabilities"].tolist())
    assert list(wide.columns) == LABELS
    # The reader of pandas has its own decimal conversion, which may differ in the last bits.
    assert np.allclose(wide.to_numpy(), [[line["probabilities"][name] for name in LABELS] for line in lines], rtol=1e-14)
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "p.jsonl"), cache_dir=str(tmp_path / "cache"))["train"]
    assert list(loaded["text"]) == TEXTS
