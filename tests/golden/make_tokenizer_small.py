#!/usr/bin/env python3
"""Write tests/golden/tokenizer_small/: a tiny GPT-2 style vocabulary, and the ids that Hugging Face `tokenizers` gives.

  vocab.json, merges.txt  trained on made-up text, with a few merges added by hand (see ADDED)
  cases.jsonl             odd strings and their ids
  classes.json            letters, numbers and white space of the tokenizers engine among all code points: their count and
                          the FNV-1a hash of the code points in order, four bytes each, the lowest first

Needs: tokenizers 0.23 (its engine decides the classes: Unicode 16).

usage: make_tokenizer_small.py [--out tests/golden/tokenizer_small]
"""
import argparse, json, os, random
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

parser = argparse.ArgumentParser()
parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer_small"))
arguments = parser.parse_args()
rng = random.Random(20)
END = "<|endoftext|>"

WORDS = """the a bird sings in flocks linnet travels small song far hears morning rain over hills they fly quickly happy sad
neutral feeling today it's we're you'll I've can't 12 345 2024 naïve café über Straße мир птица 鳥 歌 שלום सुबह 🐦 🎵 ... !!! :-)
singing singers songs travelling hillside""".split()
# A repeated merge counts with its later rank: `qzx` is q, zx. Runs of j can be merged in several ways.
ADDED = [("q", "z"), ("z", "x"), ("q", "z"), ("j", "j"), ("jj", "jj"), ("j", "jj")]


def byte_level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def train():
    """Trained merges and vocabulary, then the added merges and the special token."""
    text = [" ".join(rng.choices(WORDS, k=12)) for _ in range(400)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = byte_level()
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(vocab_size=520, show_progress=False,
                                                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary, merges = model["vocab"], [tuple(m) for m in model["merges"]] + ADDED
    for left, right in ADDED:
        vocabulary.setdefault(left, len(vocabulary))
        vocabulary.setdefault(right, len(vocabulary))
        vocabulary.setdefault(left + right, len(vocabulary))
    vocabulary[END] = len(vocabulary)
    return vocabulary, merges


POOL = WORDS + ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "’s", " ", "  ", "    ", "\t", "\n", "\r\n", "\x0b", "\x1c",
                "\x85", "\xa0", "\u1680", "\u180e", "\u200b", "\u2028", "\u202f", "\u3000", "\ufeff", "²", "½", "Ⅷ", "٣", "é",
                "e\u0301", "ß", "\x00", "\x7f", END, "<|endoftext", "|>", "_", "__", "#tag", "@user", "qzx", "qqzxzx",
                "jjjjj", "jjj", "\u1c89", "\ua7cb", "\u088f", "\U00010940", "\U00010d40", "\U000323b0", "\U0010ffff"]


def odd_text():
    parts = []
    for _ in range(rng.randint(1, 12)):
        draw = rng.random()
        if draw < 0.7:
            parts.append(rng.choice(POOL))
        elif draw < 0.9:
            parts.append("".join(chr(rng.randint(32, 126)) for _ in range(rng.randint(1, 8))))
        else:
            parts.append(chr(rng.choice([rng.randint(0xA0, 0xD7FF), rng.randint(0xE000, 0x1FFFF)])))
        parts.append(rng.choice(["", "", " "]))
    return "".join(parts)


def write_cases(path, vocabulary_path, merges_path):
    tokenizer = Tokenizer(models.BPE.from_file(vocabulary_path, merges_path))
    tokenizer.pre_tokenizer = byte_level()
    tokenizer.add_special_tokens([END])
    fixed = ["", " ", END, END * 3, f" {END} ", f"a {END} b", "qzx", "zqzxqz", "j" * 17, "sing" * 100, " " * 60 + "x"]
    with open(path, "w", encoding="utf-8") as file:
        for text in fixed + [odd_text() for _ in range(200)]:
            file.write(json.dumps({"text": text, "ids": tokenizer.encode(text).ids}) + "\n")


def write_classes(path):
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True).pre_tokenize_str
    names = {"letters": "a", "numbers": "1", "signs": "!", "spaces": None}
    classes = {name: {"count": 0, "fnv": 0xCBF29CE484222325} for name in names}
    for code_point in range(0x110000):
        if 0xD800 <= code_point < 0xE000:
            continue
        joined = [n for n, neighbour in names.items() if neighbour and len(split(neighbour + chr(code_point))) == 1]
        entry = classes[joined[0] if joined else "spaces"]
        entry["count"] += 1
        for byte in code_point.to_bytes(4, "little"):
            entry["fnv"] = (entry["fnv"] ^ byte) * 0x100000001B3 % 2**64
    for entry in classes.values():
        entry["fnv"] = f"{entry['fnv']:016x}"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(classes, file, indent=1)
        file.write("\n")


os.makedirs(arguments.out, exist_ok=True)
vocabulary_path, merges_path, cases_path, classes_path = (
    os.path.join(arguments.out, name) for name in ("vocab.json", "merges.txt", "cases.jsonl", "classes.json"))
vocabulary, merges = train()
with open(vocabulary_path, "w", encoding="utf-8") as file:
    json.dump(vocabulary, file)
with open(merges_path, "w", encoding="utf-8") as file:
    file.write("#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges))
write_cases(cases_path, vocabulary_path, merges_path)
write_classes(classes_path)
