"""The golden cases as model folders and token files: the small one of the repository and, if it exists, the shared one.

A case is a folder with model/, samples.json, forward_backward.json and trainer_runs.json, which make_trainer_small.py writes."""
import json
import shutil
from pathlib import Path

import pytest

from support import LABELS, SHARED, write_token_file

SMALL = Path(__file__).parent / "trainer_small"
LARGE = SHARED / "golden"
CASES = {"small": SMALL, **({"shared": LARGE} if (LARGE / "trainer_runs.json").exists() else {})}
# A parameter that is listed as skipped where the shared case is not there.
MISSING = [] if "shared" in CASES else [pytest.param("shared", marks=pytest.mark.skip(reason="there is no ../shared/golden"))]


class Case:
    def __init__(self, name, byte_tokenizer):
        self.folder = CASES[name]
        self.tokenizer = byte_tokenizer if name == "small" else SHARED / "data/gpt2-tokenizer"
        self.samples = self.load("samples")
        self.positions = json.loads((self.folder / "model/config.json").read_text())["n_positions"]

    def load(self, name):
        return json.loads((self.folder / f"{name}.json").read_text())

    def labels(self, count):
        labels = self.samples["labels"]
        return labels[str(count)] if isinstance(labels, dict) else labels

    def names(self, labels):
        config = json.loads((self.folder / ("model" if labels == 3 else f"model{labels}") / "config.json").read_text())
        names = [config["id2label"][str(i)] for i in range(labels)]
        assert labels != 3 or names == LABELS
        return names

    def model(self, target, labels=3):
        """Copy the model of the case and its tokenizer to a folder."""
        shutil.copytree(self.folder / ("model" if labels == 3 else f"model{labels}"), target)
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(self.tokenizer / name, target)
        return target

    def tokens(self, path, which, labels=3):
        """Write a token file with some of the samples."""
        names = self.names(labels)
        chosen = self.labels(labels)
        return write_token_file(path, [self.samples["ids"][i] for i in which], [chosen[i] for i in which], self.tokenizer,
                                max_length=self.positions, label_names=names)
