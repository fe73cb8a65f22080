"""`linnet inspect` on a token file: classes, lengths, duplicates and texts with several labels, against numpy."""
import csv
import json
import random
import re
from collections import Counter, defaultdict

import h5py
import numpy as np
import pytest

from support import LABELS, linnet, refused

pytestmark = pytest.mark.tiny


@pytest.fixture(scope="module")
def data(sample, tmp_path_factory):
    """A token file with duplicates, half of them with another label, and its rows."""
    folder = tmp_path_factory.mktemp("inspected")
    draw = random.Random(4)
    texts = [" ".join(draw.choices("good bad day rain é sun ☀".split(), k=draw.randrange(1, 30))) for _ in range(200)]
    rows = [(text, LABELS[draw.randrange(3)]) for text in texts + draw.choices(texts, k=60) + [""] * 3]
    draw.shuffle(rows)
    with open(folder / "t.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "sentiment"), *rows])
    linnet("prepare", "--input", folder / "t.csv", "--output", folder / "t.h5", "--tokenizer", sample.tokenizer, "--max-length", 40)
    return folder / "t.h5", rows


def expected(path):
    with h5py.File(path) as file:
        offsets, tokens, labels = file["offsets"][:], file["tokens"][:], file["labels"][:]
    lengths = np.diff(offsets)
    seen = defaultdict(list)
    for i, label in enumerate(labels.tolist()):
        seen[tokens[offsets[i]:offsets[i + 1]].tobytes()].append((i, label))
    ambiguous = sorted(same for same in seen.values() if len({label for _, label in same}) > 1)
    examples = [[same[0], next(s for s in same if s[1] != same[0][1])] for same in ambiguous]
    return lengths, labels, len(labels) - len(seen), ambiguous, examples


def test_statistics(sample, data):
    path, rows = data
    lengths, labels, duplicates, ambiguous, examples = expected(path)
    found = json.loads(linnet("inspect", path, "--json", "--tokenizer", sample.model).stdout)
    counts = Counter(labels.tolist())
    assert found["labels"] == [{"name": name, "samples": counts[k], "share": counts[k] / len(labels)} for k, name in enumerate(LABELS)]
    assert found["lengths"] == {"min": lengths.min(), "max": lengths.max(),
                                **{name: np.percentile(lengths, p, method="inverted_cdf") for name, p in (("median", 50), ("p95", 95), ("p99", 99))}}
    assert found["samples"] == len(rows) and found["tokens"] == lengths.sum() and found["max_length"] == 40
    assert found["at_max_length"] == (lengths == 40).sum() > 0
    assert found["longer_than_n_positions"] == (lengths > found["n_positions"]).sum()
    assert found["duplicates"] == duplicates > 0
    assert found["ambiguous_texts"] == len(ambiguous) > 5 and found["ambiguous_samples"] == sum(map(len, ambiguous))
    assert [[(s["row"], LABELS.index(s["label"])) for s in example["samples"]] for example in found["ambiguous_examples"]] == examples[:5]
    for example in found["ambiguous_examples"]:
        text = rows[example["samples"][0]["row"]][0]
        assert example["text"] == text or text.startswith(example["text"]) or (not text and example["text"] == "<|endoftext|>")


def test_lines(sample, data):
    path, _ = data
    lengths, _, duplicates, ambiguous, examples = expected(path)
    found = linnet("inspect", path).stdout
    assert re.search(rf"^  duplicates +{duplicates} samples", found, re.M)
    assert re.search(rf"^  ambiguous +{len(ambiguous)} texts with several labels", found, re.M)
    assert re.search(rf"^  lengths +{lengths.min()} to {lengths.max()} tokens, median", found, re.M)
    (first, label), (second, other) = examples[0]
    line = f"row {first} {LABELS[label]}, row {second} {LABELS[other]}"
    assert re.search(rf" {line}$", found, re.M)
    assert re.search(rf' {line}: "', linnet("inspect", path, "--tokenizer", sample.tokenizer).stdout)


def test_one_sample_without_labels(sample, tmp_path):
    (tmp_path / "t.txt").write_text("a line\n")
    linnet("prepare", "--input", tmp_path / "t.txt", "--output", tmp_path / "t.h5", "--tokenizer", sample.tokenizer, "--no-labels")
    found = json.loads(linnet("inspect", "--json", tmp_path / "t.h5").stdout)
    assert found["labels"] == [] and found["duplicates"] == 0 and found["ambiguous_examples"] == []
    assert len(set(found["lengths"].values())) == 1


def test_refused(sample, data, tmp_path):
    path, _ = data
    refused("inspect", "--json", sample.model, names=["--json is for token files", "is a folder"])
    refused("inspect", "--tokenizer", sample.tokenizer, sample.model, names=["--tokenizer is for token files"])
    refused("inspect", "--tokenizer", tmp_path, path, names=[tmp_path])
