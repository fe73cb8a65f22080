"""Tables with predictions in pandas: every cell as it was, labels and probabilities. Run by `make test-peers`.

pandas.read_csv takes some words for missing values unless it is told not to, and read_json guesses dates and numbers."""
import json

import pandas
import pytest
from support import LABELS, linnet

TEXTS = ["plain", "a, b", 'say "no"', '"', '""quoted""', "two\nlines", "two\r\nlines", "a\rb", "tab\there", " spaces ", "NA", "null", "1.50", "", "caf\u00e9 \U0001f600",
         "\ufeffmark", "back\\slash \\n", "'", "line\u2028separator", "2020-01-01"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table as pandas writes it, and the texts."""
    folder = tmp_path_factory.mktemp("table")
    frame = pandas.DataFrame({"text": TEXTS, "id": [f"{i}" for i in range(len(TEXTS))]})
    frame.to_csv(folder / "in.csv", index=False)
    frame.to_json(folder / "in.jsonl", orient="records", lines=True)
    return folder, frame


def read(path):
    if path.suffix == ".jsonl":
        return pandas.read_json(path, lines=True, dtype=False)
    return pandas.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", keep_default_na=False, dtype={"text": str, "id": str})


@pytest.mark.parametrize("given", ["in.csv", "in.jsonl"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_pandas_reads_the_table(sample, tmp_path, table, given, ending):
    folder, frame = table
    output = tmp_path / f"out.{ending}"
    linnet("predict", "--model", sample.model, "--input", folder / given, "--output", output, ranks=2)
    found = read(output)
    assert list(found.columns) == ["text", "id", "label", *(f"probability_{name}" for name in LABELS)]
    assert list(found["text"]) == TEXTS and list(found["id"]) == list(frame["id"])
    lines = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()
    answers = [json.loads(line) for line in linnet("predict", "--model", sample.model, "--input", "-", "--format", "json", "--json",
                                                   stdin=lines).stdout.splitlines()]
    assert list(found["label"]) == [answer["label"] for answer in answers]
    for name in LABELS:  # as float32, of which a relative step is 6e-8
        assert list(found[f"probability_{name}"]) == pytest.approx([answer["probabilities"][name] for answer in answers], rel=1e-7)
