"""Tokenizer folders of many kinds: the ids of Transformers, and one identity for one tokenizer in whatever files.

tokenizer_folders.json holds the folders and their ids; make_tokenizer_folders.py, which needs Transformers, has written it."""
import json
from pathlib import Path

import h5py
import pytest

from support import linnet

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "tokenizer_folders.json").read_text(encoding="utf-8"))
VOCAB = json.loads((HERE / "tokenizer_small/vocab.json").read_text(encoding="utf-8"))
MERGES = [line.split(" ") for line in (HERE / "tokenizer_small/merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]]
FOLDERS = {folder["name"]: folder for folder in GOLDEN["folders"]}
# Groups of folders that hold the same tokenizer.
SAME = [
    ("plain", "plain, without config.json", "saved by 5.24", "tokenizer.json alone", "as Transformers 4 saves it"),
    ("pad token of Transformers 4", "pad token, saved by 5.24"),
    ("stripped, in tokenizer_config.json", "stripped, added by 5.24"),
    ("add_bos_token", "add_bos_token, saved by 5.24"),
]


def fill(content):
    """Put the vocabulary and the merges in the places that the golden file leaves for them."""
    if isinstance(content, dict):
        return {key: fill(value) for key, value in content.items()}
    marks = {"@vocab": VOCAB, "@merges": MERGES, "@merge strings": [" ".join(merge) for merge in MERGES]}
    return marks.get(content, content) if isinstance(content, str) else content


def make_folder(path, name):
    path.mkdir()
    for file, content in FOLDERS[name]["files"].items():
        merges = "#version: 0.2\n" + "".join(" ".join(merge) + "\n" for merge in MERGES)
        (path / file).write_text(merges if file == "merges.txt" else json.dumps(fill(content)), encoding="utf-8")
    return path


def prepare(folder, texts, *options):
    """The ids of texts by `linnet prepare`, and the identity of the tokenizer."""
    table, output = folder.parent / "texts.jsonl", folder.parent / "out.h5"
    table.write_text("".join(json.dumps({"text": text, "sentiment": 0}) + "\n" for text in texts), encoding="utf-8")
    linnet("prepare", "--input", table, "--output", output, "--tokenizer", folder, *options)
    with h5py.File(output) as file:
        tokens, offsets = file["tokens"][:].tolist(), file["offsets"][:].tolist()
        return [tokens[a:b] for a, b in zip(offsets, offsets[1:])], file.attrs["tokenizer_digest"], int(file.attrs["end_of_text"])


@pytest.mark.parametrize("name", FOLDERS)
def test_ids_are_those_of_transformers(tmp_path, name):
    folder = make_folder(tmp_path / "tokenizer", name)
    ids, _, end = prepare(folder, GOLDEN["texts"], "--max-length", "1000")
    for text, got, wanted in zip(GOLDEN["texts"], ids, FOLDERS[name]["ids"]):
        assert got == (wanted or [end]), text
    if "truncated" in FOLDERS[name]:
        ids, _, end = prepare(folder, GOLDEN["texts"])
        for text, got, wanted in zip(GOLDEN["texts"], ids, FOLDERS[name]["truncated"]):
            assert got == (wanted or [end]), text


def test_identity_is_that_of_the_ids(tmp_path):
    identities = {name: prepare(make_folder(tmp_path / str(i), name), ["x"])[1] for i, name in enumerate(FOLDERS)}
    for group in SAME:
        assert len({identities[name] for name in group}) == 1, group
    for a, of_a in identities.items():
        for b, of_b in identities.items():
            assert of_a != of_b or FOLDERS[a]["ids"] == FOLDERS[b]["ids"], (a, b)
