"""A trained folder against Transformers: the same probabilities. Run by `make test-peers`."""
import csv
import json

import h5py
import numpy as np
import pytest
import torch
import transformers
from support import LABELS, linnet, train


def test_transformers_opens_the_result(sample, job, tmp_path):
    """Transformers computes the same probabilities."""
    run = train(tmp_path, ranks=1, **job)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(run).eval()
    with h5py.File(sample.test, "r") as file:
        offsets, tokens = file["offsets"][:], file["tokens"][:].astype(np.int64)
    with open(sample.test_csv, encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    result = linnet("predict", "--model", run, "--json", "--", *texts)
    for i, line in enumerate(map(json.loads, result.stdout.splitlines())):
        logits = model(torch.tensor(tokens[offsets[i] : offsets[i + 1]])[None]).logits[0]
        probabilities = torch.softmax(logits.double(), 0).tolist()
        # Two implementations in float32 with logits of about 1.
        assert [line["probabilities"][name] for name in LABELS] == pytest.approx(probabilities, abs=1e-5)
