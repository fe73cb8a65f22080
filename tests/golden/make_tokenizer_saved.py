#!/usr/bin/env python3
"""Write tests/golden/tokenizer_saved.json: what Transformers saves of small tokenizer folders.

Each case is tokenizer_small/ (vocab.json, merges.txt) with the files in "input" beside them. "tokenizer.json" and
"tokenizer_config.json" are what AutoTokenizer.from_pretrained(folder).save_pretrained() writes, without vocabulary and
merges, which are those of the folder. "vocab.json" and "merges.txt" of the first case are written by `tokenizers`.

Needs: transformers 5.24, tokenizers 0.23.

usage: make_tokenizer_saved.py [--out tests/golden/tokenizer_saved.json]
"""
import argparse
import json
import shutil
import tempfile
from pathlib import Path

import transformers

HERE = Path(__file__).resolve().parent
END = "<|endoftext|>"


def token(content, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True, **flags}


CASES = {
    "files of 2019": {},
    "prefix space": {"tokenizer_config.json": {"add_prefix_space": True, "model_max_length": 1024}},
    "begin of text": {"tokenizer_config.json": {"add_bos_token": True, "bos_token": END, "eos_token": END, "unk_token": END}},
    "added tokens": {"added_tokens.json": {"[PAD]": 478, "@user": 479},
                     "special_tokens_map.json": {"bos_token": END, "eos_token": END, "pad_token": "[PAD]", "unk_token": END}},
    "Transformers 4": {"tokenizer_config.json": {
        "add_prefix_space": False, "added_tokens_decoder": {
            "477": token(END), "478": token("@user", single_word=True, special=False, normalized=True), "479": token("<pad>", lstrip=True)},
        "bos_token": END, "clean_up_tokenization_spaces": True, "eos_token": END, "model_max_length": 32, "pad_token": "<pad>",
        "padding_side": "left", "tokenizer_class": "GPT2Tokenizer", "unk_token": END}},
}


def write(folder, files):
    for name in "vocab.json", "merges.txt":
        shutil.copy(HERE / "tokenizer_small" / name, folder)
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def case_of(files, with_model):
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as saved:
        write(Path(folder), files)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        tokenizer.save_pretrained(saved)
        case = {"input": files, **{path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(saved).iterdir())}}
        model = case["tokenizer.json"]["model"]
        del model["vocab"], model["merges"]
        if with_model:
            tokenizer.backend_tokenizer.model.save(saved)
            for name in "vocab.json", "merges.txt":
                case[name] = (Path(saved) / name).read_text(encoding="utf-8")
        return case


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=HERE / "tokenizer_saved.json")
    cases = {name: case_of(files, not files) for name, files in CASES.items()}
    with open(parser.parse_args().out, "w", encoding="utf-8") as file:
        json.dump(cases, file, ensure_ascii=False, indent=1)
        file.write("\n")
