#!/usr/bin/env python3
"""Write tests/golden/text_pairs.json: ids of two texts as one sample, as Transformers gives them with the tokenizer of
tests/golden/tokenizer_small: `tokenizer(text, pair, truncation=True, max_length=n).input_ids`, and those with a tokenizer that puts a
space before each text and truncates on the left.

Needs: transformers 5.24.

usage: make_text_pairs.py [--out tests/golden/text_pairs.json]
"""
import argparse, json, os, random, shutil, tempfile
import transformers
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = {"plain": {}, "left": {"add_prefix_space": True, "truncation_side": "left"}}
LENGTHS = [1, 2, 3, 4, 7, 10, 15, 22, 1024]
WORDS = "the bird sings in flocks linnet travels 12 café мир 🐦 !!! singing hillside".split()

parser = argparse.ArgumentParser()
parser.add_argument("--out", default=os.path.join(HERE, "text_pairs.json"))
arguments = parser.parse_args()
rng = random.Random(30)
texts = ["", "the", " the bird ", "sing<|endoftext|>song", "a\nb", "🐦"] + [" ".join(rng.choices(WORDS, k=rng.randrange(1, 12))) for _ in range(10)]
pairs = [(a, b) for a in texts[:6] for b in texts[:6]] + [(a, rng.choice(texts)) for a in texts for _ in range(3)]
cases = {}
for name, settings in FOLDERS.items():
    with tempfile.TemporaryDirectory() as folder:
        for file in ("vocab.json", "merges.txt"):
            shutil.copy(os.path.join(HERE, "tokenizer_small", file), folder)
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
            json.dump({"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024, **settings}, file)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        cases[name] = {str(n): [tokenizer(a, b, truncation=True, max_length=n).input_ids for a, b in pairs] for n in LENGTHS}
with open(arguments.out, "w") as file:
    json.dump({"transformers": transformers.__version__, "folders": FOLDERS, "pairs": pairs, "ids": cases}, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
