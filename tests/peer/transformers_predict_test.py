"""A trained folder against Transformers: the same probabilities. Run by `make test-peers`."""
import csv
import json

import h5py
import numpy as np
import pytest
import torch
import transformers
from support import LABELS, linnet, read_safetensors, train, write_safetensors, write_token_file


def test_transformers_opens_the_result(sample, job, tmp_path, difference):
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
        assert difference([line["probabilities"][name] for name in LABELS], probabilities) < 1e-5


def test_a_text_whose_values_overflow(sample, copy_of, tmp_path):
    """Logits are NaN for the same text, which has no label then, and the others have the same probabilities."""
    folder, bad = copy_of(sample.model), 17
    tensors = {name: array.copy() for name, array in read_safetensors(folder / "model.safetensors").items()}
    tensors["transformer.wte.weight"][bad, 0] = 3e38
    write_safetensors(folder / "model.safetensors", tensors)
    ids = [[bad if i == 2 else 20 + i, 30, 40 + i, 50] for i in range(6)]
    data = write_token_file(tmp_path / "data.h5", ids, [0] * 6, sample.tokenizer)
    linnet("evaluate", "--model", folder, "--data", data, "--predictions", tmp_path / "rows.tsv")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for i, line in enumerate((tmp_path / "rows.tsv").read_text().splitlines()[1:]):
        logits = model(torch.tensor([ids[i]])).logits[0]
        _, _, predicted, *probabilities = line.split("\t")
        assert predicted == ("null" if i == 2 else LABELS[torch.argmax(logits)])
        assert (probabilities == ["null"] * 3) == bool(logits.isnan().any()) == (i == 2)
        if i != 2:
            assert list(map(float, probabilities)) == pytest.approx(torch.softmax(logits.double(), 0).tolist(), abs=1e-5)
