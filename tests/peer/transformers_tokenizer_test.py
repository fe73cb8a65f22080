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
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))
import make_tokenizer_folders as folders  # noqa: E402

LINNET = os.environ.get("LINNET", "build/linnet")
LARGE = ROOT / "../shared/data/gpt2-tokenizer"
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


class Refused(Exception):
    pass


def linnet_ids(folder, texts, *options):
    table, output = folder.parent / "texts.jsonl", folder.parent / "out.h5"
    table.write_text("".join(json.dumps({"text": text, "sentiment": 0}) + "\n" for text in texts), encoding="utf-8")
    result = subprocess.run([LINNET, "prepare", "--input", table, "--output", output, "--tokenizer", folder, *options], capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stderr
    if result.returncode == 1:
        raise Refused(result.stderr)
    with h5py.File(output) as file:
        tokens, offsets, end = file["tokens"][:].tolist(), file["offsets"][:].tolist(), int(file.attrs["end_of_text"])
    return [tokens[a:b] for a, b in zip(offsets, offsets[1:])], end


TOKENS = ["[X]", "[Y]", "[PAD]", "sing", "bird", " the", folders.END, "</s>", "!", "é", "in"]
NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "cls_token", "mask_token", "sep_token", "x_token"]


class Draw:
    """A folder at random: any of the files, each with any of its keys."""

    def __init__(self, rng):
        self.rng = rng

    def happens(self, probability):
        return self.rng.random() < probability

    def token(self, content, typed=False):
        flags = "".join(flag for flag in "lrwn" if self.happens(0.25))
        return {**({"__type": "AddedToken"} if typed else {}), **folders.token(content, flags, self.happens(0.5))}

    def some(self):
        return self.rng.sample(TOKENS, self.rng.randint(0, 3))

    def special(self, typed):
        out = {}
        for name in NAMES:
            if self.happens(0.3):
                token = self.token(self.rng.choice(TOKENS), typed)
                out[name] = self.rng.choice([token["content"], token["content"], None, token])
        if self.happens(0.2):
            out["additional_special_tokens"] = self.some()
        if self.happens(0.2):
            out["extra_special_tokens"] = self.some() if self.happens(0.7) else {self.rng.choice(["a", "x_token", "pad_token"]): self.rng.choice(TOKENS)}
        return out

    def config(self):
        out = self.special(True)
        if self.happens(0.4):
            out["added_tokens_decoder"] = folders.decoder(*map(self.token, self.some()))
        for key, values in {"add_prefix_space": [True, False], "add_bos_token": [True, False], "add_eos_token": [True, False],
                            "model_max_length": [4, 7, 512, int(1e30), None], "truncation_side": ["left", "right"],
                            "tokenizer_class": ["GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"]}.items():
            if self.happens(0.3):
                out[key] = self.rng.choice(values)
        return out

    def folder(self):
        files, kind = dict(folders.GPT2), self.rng.random()
        if kind < 0.6:
            files |= folders.TWO
        if kind > 0.4:
            files["tokenizer.json"] = folders.tokenizer_json(*map(self.token, self.some()), prefix=self.happens(0.3))
            if self.happens(0.3):
                files["tokenizer.json"]["padding"] = folders.padding(self.rng.choice(TOKENS))
        if self.happens(0.7):
            files["tokenizer_config.json"] = self.config()
        if self.happens(0.3):
            files["special_tokens_map.json"] = self.special(False)
        if self.happens(0.3):
            files["added_tokens.json"] = {entry["content"]: id for id, entry in folders.numbered(map(folders.token, self.some()))}
        return files


def test_random_folders_have_those_ids_or_are_refused(tmp_path):
    folders.use_vocabulary(ROOT / "tests/golden/tokenizer_small")
    draw, texts = Draw(random.Random(SEED)), folders.make_texts(25, SEED)
    compared = 0
    for number in range(60):
        files, folder = draw.folder(), tmp_path / str(number) / "tokenizer"
        folder.mkdir(parents=True)
        folders.write(folder, files)
        try:
            wanted, _ = folders.ids_of(files, texts)
            ids, end = linnet_ids(folder, texts, "--max-length", "1000")
        except Refused as refusal:
            assert len(str(refusal).splitlines()) == 1
        except Exception:  # Transformers cannot open the folder
            continue
        else:
            assert ids == [one or [end] for one in wanted], (files, f"SEED={SEED}")
            compared += 1
    assert compared > 30


def test_ids_are_those_of_transformers(tmp_path):
    if LARGE.is_dir():
        folders.use_vocabulary(LARGE)
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


def test_many_added_tokens(tmp_path):
    """3,000 of them with every flag, in texts that have some of them, parts of them, and what looks like them."""
    folders.use_vocabulary(ROOT / "tests/golden/tokenizer_small")
    rng = random.Random(SEED)
    names = [f"@user{i}" if i % 3 else f"<tag {i}>" for i in range(3000)]
    flags = ["".join(flag for flag in "lrwn" if rng.random() < 0.2) for _ in names]
    tokens = [folders.token(name, flag, rng.random() < 0.5) for name, flag in zip(names, flags)]
    parts = ["@user", "@", "<tag ", "9>", " ", "  ", "x", "é", "sing", "_", "12", *rng.sample(names, 1000)]
    texts = ["".join(rng.choices(parts, k=rng.randint(1, 12))) for _ in range(1000)]
    files = {**folders.GPT2, **folders.TWO, "tokenizer_config.json": {"added_tokens_decoder": folders.decoder(*tokens)}}
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    folders.write(folder, files)
    wanted, _ = folders.ids_of(files, texts)
    ids, end = linnet_ids(folder, texts, "--max-length", "1000")
    for text, a, b in zip(texts, ids, wanted):
        assert a == (b or [end]), (text, f"SEED={SEED}")
