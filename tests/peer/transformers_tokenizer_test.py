"""Tokenizer folders against Transformers with GPT-2's own vocabulary, on texts that are drawn anew each time.

Run by `make test-peers`. The folders are those of tests/golden/make_tokenizer_folders.py; the vocabulary is ../shared/data/gpt2-tokenizer, or the
small one of tests/golden where that is not there."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))
import make_tokenizer_folders as folders  # noqa: E402

LINNET = os.environ.get("LINNET", "build/linnet")
LARGE = ROOT / "../shared/data/gpt2-tokenizer"
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


@pytest.fixture(scope="module", autouse=True)
def vocabulary():
    """The folders are made with the large vocabulary."""
    if LARGE.is_dir():
        folders.use_vocabulary(LARGE)


def linnet_ids(folder, texts, *options):
    table, output = folder.parent / "texts.jsonl", folder.parent / "out.h5"
    table.write_text("".join(json.dumps({"text": text, "sentiment": 0}) + "\n" for text in texts), encoding="utf-8")
    result = subprocess.run([LINNET, "prepare", "--input", table, "--output", output, "--tokenizer", folder, *options], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    with h5py.File(output) as file:
        tokens, offsets, end = file["tokens"][:].tolist(), file["offsets"][:].tolist(), int(file.attrs["end_of_text"])
    return [tokens[a:b] for a, b in zip(offsets, offsets[1:])], end


def test_ids_are_those_of_transformers(tmp_path):
    texts = folders.make_texts(400, SEED)
    checked = 0
    for number, (name, files) in enumerate(folders.folders()):
        folder = tmp_path / str(number) / "tokenizer"
        folder.mkdir(parents=True)
        folders.write(folder, files)
        ids, truncated = folders.ids_of(files, texts)
        for wanted, options in ((ids, ["--max-length", "100000"]), (truncated, [])):
            got, end = linnet_ids(folder, texts, *options)
            for text, a, b in zip(texts, got, wanted):
                assert a == (b or [end]), (name, text, f"SEED={SEED}")
        checked += 1
    assert checked > 30
