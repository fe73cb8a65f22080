#!/usr/bin/env python3
"""Write tests/golden/tokenizer_folders.json: tokenizer folders of many kinds and the ids that Transformers gives with each.

All folders have the vocabulary and merges of tests/golden/tokenizer_small. In the file, "@vocab" and "@merges" stand for them, so that
a folder takes a few hundred bytes. `ids` is AutoTokenizer.from_pretrained(folder)(text).input_ids for each text, `truncated` the same
with truncation=True where that differs. Folders that name no class and no model are opened with GPT2Tokenizer, since AutoTokenizer
refuses them. tokenizer_folders_test.py makes the folders and compares.

Needs: transformers 5.24, tokenizers 0.23.

usage: make_tokenizer_folders.py [--out tests/golden/tokenizer_folders.json]
"""
import argparse
import json
import os
import random
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AddedToken, AutoTokenizer, GPT2Tokenizer  # noqa: E402

HERE = Path(__file__).resolve().parent
END = "<|endoftext|>"
GPT2 = {"config.json": {"model_type": "gpt2"}}
TWO = {"vocab.json": "@vocab", "merges.txt": "@merges"}


def use_vocabulary(folder):
    """Take vocabulary and merges from a folder."""
    global VOCAB, MERGES, SIZE
    VOCAB = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    MERGES = [line.split(" ") for line in (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]]
    SIZE = len(VOCAB)


use_vocabulary(HERE / "tokenizer_small")


def token(content, flags="", special=False, **more):
    """An added token: l lstrip, r rstrip, w single_word, n normalized."""
    return {"content": content, "lstrip": "l" in flags, "rstrip": "r" in flags, "single_word": "w" in flags,
            "normalized": "n" in flags, "special": special, **more}


def numbered(added):
    """The tokens with their ids: the vocabulary's, or the next after it."""
    added = list(added)
    new = [entry["content"] for entry in added if entry["content"] not in VOCAB]
    return [(VOCAB[entry["content"]] if entry["content"] in VOCAB else SIZE + new.index(entry["content"]), entry) for entry in added]


def tokenizer_json(*added, prefix=False, post=None, merges="@merges", **model):
    """A tokenizer.json in the form of Transformers 4."""
    tokens = [{"id": id, **entry} for id, entry in numbered(added)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": None,
            "pre_tokenizer": byte_level, "post_processor": post or {**byte_level, "add_prefix_space": True, "trim_offsets": False},
            "decoder": {**byte_level, "add_prefix_space": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                      "fuse_unk": False, **model, "vocab": "@vocab", "merges": merges}}


def padding(content):
    """What enable_padding(pad_token=content) leaves in a tokenizer.json."""
    return {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": content}


def decoder(*added):
    return {str(id): entry for id, entry in numbered(added)}


def saved(files, change=lambda tokenizer: None):
    """What save_pretrained() of Transformers 5.24 writes for a folder."""
    with tempfile.TemporaryDirectory() as source, tempfile.TemporaryDirectory() as target:
        write(Path(source), files)
        tokenizer = AutoTokenizer.from_pretrained(source)
        change(tokenizer)
        tokenizer.save_pretrained(target)
        out = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in Path(target).iterdir()}
    model = out["tokenizer.json"]["model"]
    assert model["vocab"] == VOCAB
    model["vocab"], model["merges"] = "@vocab", "@merges"
    return out


def fill(content):
    """Put the vocabulary and the merges in their places."""
    if isinstance(content, dict):
        return {key: fill(value) for key, value in content.items()}
    return {"@vocab": VOCAB, "@merges": MERGES, "@merge strings": [" ".join(merge) for merge in MERGES]}.get(content, content) \
        if isinstance(content, str) else content


def write(folder, files):
    for name, content in files.items():
        text = "#version: 0.2\n" + "".join(" ".join(merge) + "\n" for merge in MERGES) if name == "merges.txt" else json.dumps(fill(content))
        (folder / name).write_text(text, encoding="utf-8")


STRIPPED = [token("[L]", "l"), token("[R]", "r"), token("[LR]", "lr"), token("[W]", "w"), token("[LRW]", "lrw")]
OVERLAPS = [token("sing", "n"), token("singer", "n"), token("ersa", ""), token("the b", "n"), token("bird sings", ""),
            token("bird", "n"), token("in", "w"), token("<|end", "n"), token("song", "wn")]
ODD = [token(" song", ""), token("\n", ""), token("鳥", "w"), token("naïve é", "n"), token("🐦", "r"), token("  ", "n"), token("\u00a0x", "lr"),
       token("é", "wn")]
NAMES = {"bos_token": END, "eos_token": END, "unk_token": END}
PLAIN = {"tokenizer_class": "PreTrainedTokenizerFast"}


def template():
    """A token of two ids before each text, end-of-text after it."""
    return {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[A]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": END, "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"[A]": {"id": "[A]", "ids": [SIZE, 3], "tokens": ["[A]", "$"]},
                                   END: {"id": END, "ids": [VOCAB[END]], "tokens": [END]}}}


def folders():
    yield "plain", TWO | GPT2
    yield "plain, without config.json", TWO
    yield "saved by 5.24", saved(TWO | GPT2)
    yield "tokenizer.json alone", {"tokenizer.json": tokenizer_json(token(END, special=True))}
    yield "as Transformers 4 saves it", TWO | GPT2 | {
        "tokenizer.json": tokenizer_json(token(END, "n", True), merges="@merge strings"),
        "tokenizer_config.json": {"add_prefix_space": False, "added_tokens_decoder": decoder(token(END, "n", True)), **NAMES,
                                  "clean_up_tokenization_spaces": True, "errors": "replace", "model_max_length": int(1e30), "pad_token": None,
                                  "tokenizer_class": "GPT2Tokenizer"},
        "special_tokens_map.json": {name: token(END, "n") for name in NAMES}}
    yield "pad token of Transformers 4", TWO | GPT2 | {
        "added_tokens.json": {"[PAD]": SIZE},
        "tokenizer_config.json": {"added_tokens_decoder": decoder(token("[PAD]", special=True), token(END, "n", True)), **NAMES,
                                  "pad_token": "[PAD]", "model_max_length": 1024, "tokenizer_class": "GPT2Tokenizer"},
        "special_tokens_map.json": {**{name: token(END, "n") for name in NAMES}, "pad_token": "[PAD]"}}
    yield "pad token, saved by 5.24", saved(TWO | GPT2, lambda t: t.add_special_tokens({"pad_token": "[PAD]"}))
    yield "added_tokens.json", TWO | GPT2 | {"added_tokens.json": {"[PAD]": SIZE, "@user": SIZE + 1}}
    yield "added_tokens.json with special tokens", TWO | GPT2 | {
        "added_tokens.json": {"[PAD]": SIZE, "@user": SIZE + 1}, "special_tokens_map.json": {"pad_token": "[PAD]", "additional_special_tokens": ["@user"]}}
    yield "stripped, in tokenizer_config.json", TWO | GPT2 | {"tokenizer_config.json": {"added_tokens_decoder": decoder(*STRIPPED)}}
    yield "stripped, added by 5.24", saved(TWO | GPT2, lambda t: t.add_tokens([AddedToken(**entry) for entry in STRIPPED]))
    yield "overlapping", TWO | GPT2 | {"tokenizer_config.json": {"added_tokens_decoder": decoder(*OVERLAPS)}}
    yield "overlapping, in tokenizer.json", {"tokenizer.json": tokenizer_json(*OVERLAPS), "tokenizer_config.json": PLAIN}
    yield "odd texts", TWO | GPT2 | {"tokenizer_config.json": {"added_tokens_decoder": decoder(*ODD)}}
    yield "flags given twice", GPT2 | {
        "tokenizer.json": tokenizer_json(token("[X]", "l"), token("bird", "n"), token("[Y]", "", True)),
        "tokenizer_config.json": {**PLAIN, "added_tokens_decoder": decoder(token("[X]", "r"), token("bird", "w"), token("[Y]", "w"))}}
    yield "added_tokens_decoder over the other files", TWO | GPT2 | {
        "tokenizer.json": tokenizer_json(token("[X]", "l", True)), "added_tokens.json": {"[Z]": SIZE},
        "special_tokens_map.json": {"cls_token": "[Y]"}, "tokenizer_config.json": {"added_tokens_decoder": decoder(token("[U]"), token("sing", "w"))}}
    yield "add_bos_token", TWO | GPT2 | {"tokenizer_config.json": {"add_bos_token": True}}
    yield "add_bos_token, saved by 5.24", saved(TWO | GPT2 | {"tokenizer_config.json": {"add_bos_token": True}})
    yield "add_bos_token beside tokenizer.json", GPT2 | {"tokenizer.json": tokenizer_json(), "tokenizer_config.json": {"add_bos_token": True}}
    yield "add_bos_token and add_eos_token", TWO | GPT2 | {
        "tokenizer_config.json": {"add_bos_token": True, "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>", "model_max_length": 6}}
    yield "template", GPT2 | {"tokenizer.json": tokenizer_json(token("[A]"), post={"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, template()]}), "tokenizer_config.json": PLAIN}
    yield "RobertaProcessing", {"tokenizer.json": tokenizer_json(token(END, special=True), post={
        "type": "RobertaProcessing", "sep": ["!", 0], "cls": [END, VOCAB[END]], "trim_offsets": True, "add_prefix_space": False}),
        "tokenizer_config.json": PLAIN}
    yield "add_prefix_space", TWO | GPT2 | {"tokenizer_config.json": {"add_prefix_space": True, "added_tokens_decoder": decoder(token("[R]", "r"))}}
    yield "add_prefix_space, saved by 5.24", saved(TWO | GPT2 | {"tokenizer_config.json": {"add_prefix_space": True}})
    yield "add_prefix_space in tokenizer.json", {"tokenizer.json": tokenizer_json(token(END), prefix=True), "tokenizer_config.json": PLAIN}
    yield "add_prefix_space in tokenizer.json, not in tokenizer_config.json", GPT2 | {"tokenizer.json": tokenizer_json(token(END), prefix=True)}
    yield "eos_token", TWO | GPT2 | {"tokenizer_config.json": {"eos_token": "</s>", "model_max_length": 5}}
    yield "no bos_token", TWO | GPT2 | {"tokenizer_config.json": {"bos_token": None, "unk_token": None, "eos_token": "</s>", "add_bos_token": True}}
    yield "special_tokens_map.json", TWO | GPT2 | {
        "tokenizer_config.json": {"pad_token": "[X]", "additional_special_tokens": ["[Z]"]},
        "special_tokens_map.json": {"pad_token": token("[PAD]", "lr"), "unk_token": "<unk>", "image_token": "<image>", "extra_special_tokens": ["[Y]"]}}
    yield "extra_special_tokens", TWO | GPT2 | {"tokenizer_config.json": {
        "extra_special_tokens": ["[X]", {"__type": "AddedToken", **token("[Y]", "l", True)}], "mask_token": {"__type": "AddedToken", **token("[M]", "lw", True)}}}
    yield "extra_special_tokens by name", TWO | GPT2 | {"tokenizer_config.json": {"extra_special_tokens": {"one": "[X]", "two": "[Y]"}, "video_token": "<v>"}}
    yield "extra_special_tokens by name beside a list", TWO | GPT2 | {"tokenizer_config.json": {
        "extra_special_tokens": {"one": "[X]"}, "additional_special_tokens": ["bird", "é"], "video_token": "<v>",
        "image_token": {"__type": "AddedToken", **token("<image>", "w", True)}}}
    yield "one special token with and without flags", TWO | GPT2 | {"special_tokens_map.json": {
        "bos_token": "[X]", "eos_token": token("[X]", "rwn"), "unk_token": "[X]"}}
    yield "pad token of the vocabulary", TWO | GPT2 | {"tokenizer_config.json": {"pad_token": "!", "cls_token": "ing"}}
    yield "truncation_side", TWO | GPT2 | {"tokenizer_config.json": {"truncation_side": "left", "model_max_length": 4, "add_bos_token": True}}
    yield "truncation in tokenizer.json", GPT2 | {
        "tokenizer.json": {**tokenizer_json(), "truncation": {"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0}},
        "tokenizer_config.json": {"max_len": 7}}
    yield "pad token of tokenizer.json's padding", GPT2 | {
        "tokenizer.json": {**tokenizer_json(token(END, special=True)), "padding": padding("[PAD]")}, "tokenizer_config.json": PLAIN}
    yield "pad token of the padding, in the vocabulary", GPT2 | {
        "tokenizer.json": {**tokenizer_json(token(END, special=True)), "padding": padding("bird")}, "tokenizer_config.json": PLAIN}
    yield "padding with pad_token null", GPT2 | {
        "tokenizer.json": {**tokenizer_json(token(END, special=True)), "padding": padding("[PAD]")}, "tokenizer_config.json": {**PLAIN, "pad_token": None}}
    yield "padding, for GPT2Tokenizer", GPT2 | {"tokenizer.json": {**tokenizer_json(token(END, special=True)), "padding": padding("[PAD]")}}
    yield "extra_special_tokens by one name in two files", TWO | GPT2 | {
        "tokenizer_config.json": {"extra_special_tokens": {"one": "[X]", "two": "[Y]", "cls_token": "[Z]"}},
        "special_tokens_map.json": {"extra_special_tokens": {"one": "[PAD]"}, "cls_token": "[A]"}}


POOL = """the a bird birds sings sing singer singersa singing in inn In song songs thesong morning hills it's I've 12 2024 naïve naïve é café über мир
鳥 鳥の 歌 🐦 🐦🐦 ... !!! ! ing [L] [R] [LR] [W] [LRW] [X] [Y] [Z] [U] [A] [M] [PAD] @user @users <s> </s> <unk> <image> <v> <|end
<|endoftext|> <|endoftext|>bird the&b""".replace("&", " ").split() + [
    "bird sings", "the b", "é", "e\u0301", "_", "9", "\u200d", "\u0663", "\u02b0", "\n", "\r\n", "\t", " ", "  ", "   ", "\u00a0", "\u00a0x", "\u3000", "\u2028",
    "\u0085", "\u180e", "\u200b", "\ufeff"]


def make_texts(count, seed):
    rng = random.Random(seed)
    texts = ["", " ", END, "the bird sings", "[L] [R] [LR] [W] [LRW]", " [L] a[L]  [R] b[R]c  [LR]  d[LR]e", "a[W]b [W] _[W] é[W]é 1[W] [W]! [LRW] [LRW]x"]
    while len(texts) < count:
        texts.append("".join(rng.choice(POOL) + rng.choice(["", "", " "]) for _ in range(rng.randint(1, 7))))
    return texts


def ids_of(files, texts):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), files)
        tells = "tokenizer.json" in files or "config.json" in files
        tokenizer = (AutoTokenizer if tells else GPT2Tokenizer).from_pretrained(folder)
        return [tokenizer(text).input_ids for text in texts], [tokenizer(text, truncation=True).input_ids for text in texts]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=HERE / "tokenizer_folders.json")
    arguments = parser.parse_args()
    texts = make_texts(48, 7)
    lines = []
    for name, files in folders():
        ids, truncated = ids_of(files, texts)
        lines.append(json.dumps({"name": name, "files": files, "ids": ids, **({"truncated": truncated} if truncated != ids else {})}))
    text = json.dumps(texts)
    Path(arguments.out).write_text(f'{{"texts": {text},\n"folders": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
