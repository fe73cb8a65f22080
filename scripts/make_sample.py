#!/usr/bin/env python3
"""Write linnet's sample: synthetic tweets and a small GPT-2 style vocabulary trained on them.

usage: make_sample.py OUTPUT [--train 2400] [--test 600] [--merges 1000] [--seed 42]

OUTPUT/train.csv, OUTPUT/test.csv    columns textID,text,sentiment, as in the Kaggle files of the tutorial
OUTPUT/tokenizer/vocab.json, merges.txt    byte-level BPE: 256 bytes, the merges, <|endoftext|>

The tweets come from templates (sample_tweets.py). The same arguments give the same bytes with Python 3.8 and later. Needs only
the standard library."""
import argparse
import collections
import csv
import json
import os
import re
import sys

from sample_tweets import Chance, tweet

# GPT-2's pattern without \\p{L} and \\p{N}, which Python's re does not have; it splits the sample in the same way.
WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byte_characters():
    """GPT-2's printable character for each byte, in the order of its vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + n) for n, byte in enumerate(others)}}


def count_words(texts, characters):
    """The number of times that each word, a tuple of byte characters, occurs in the texts."""
    words = (word for text in texts for word in WORDS.findall(text))
    return collections.Counter(tuple(characters[byte] for byte in word.encode()) for word in words)


def merge_word(word, pair):
    merged, i = [], 0
    while i < len(word):
        step = 2 if word[i : i + 2] == pair else 1
        merged.append("".join(word[i : i + step]))
        i += step
    return tuple(merged)


def train_merges(counts, wanted):
    """Byte-pair encoding (Sennrich et al. 2016): merge the most frequent pair, `wanted` times. Among equal counts the greatest
    pair wins, so that the result does not depend on the order of the words."""
    words, weights = sorted(counts), [counts[word] for word in sorted(counts)]
    frequency, where, merges = collections.Counter(), collections.defaultdict(set), []

    def count(number):
        for pair in zip(words[number], words[number][1:]):
            frequency[pair] += weights[number]
            where[pair].add(number)

    for number in range(len(words)):
        count(number)
    while len(merges) < wanted:
        best = max(frequency, key=lambda pair: (frequency[pair], pair), default=None)
        if best is None or frequency[best] < 2:
            break
        merges.append(best)
        for number in where.pop(best):
            old = words[number]
            for pair in zip(old, old[1:]):
                frequency[pair] -= weights[number]
            words[number] = merge_word(old, best)
            count(number)
        del frequency[best]
    return merges


def write_tokenizer(folder, texts, wanted):
    characters = byte_characters()
    merges = train_merges(count_words(texts, characters), wanted)
    tokens = list(characters.values()) + [left + right for left, right in merges] + ["<|endoftext|>"]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as file:
        json.dump({token: number for number, token in enumerate(tokens)}, file)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n")
        file.writelines(f"{left} {right}\n" for left, right in merges)
    return len(tokens)


def write_table(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["textID", "text", "sentiment"])
        table.writerows(rows)


def main():
    arguments = argparse.ArgumentParser(description="Write linnet's sample: synthetic tweets and a vocabulary.")
    arguments.add_argument("output", help="folder to write into")
    arguments.add_argument("--train", type=int, default=2400, help="training rows (2400)")
    arguments.add_argument("--test", type=int, default=600, help="test rows (600)")
    arguments.add_argument("--merges", type=int, default=1000, help="merges of the vocabulary (1000)")
    arguments.add_argument("--seed", type=int, default=42)
    options = arguments.parse_args()

    chance = Chance(options.seed)
    rows = [tweet(chance) for _ in range(options.train + options.test)]
    rows = [(chance.hexadecimal(10), text, label) for text, label in rows]
    os.makedirs(options.output, exist_ok=True)
    write_table(os.path.join(options.output, "train.csv"), rows[: options.train])
    write_table(os.path.join(options.output, "test.csv"), rows[options.train :])
    # Train the vocabulary, like the model, without the test texts.
    texts = [text for _, text, _ in rows[: options.train]]
    vocabulary = write_tokenizer(os.path.join(options.output, "tokenizer"), texts, options.merges)
    print(f"{options.output}: {options.train} + {options.test} tweets, vocabulary of {vocabulary}", file=sys.stderr)


if __name__ == "__main__":
    main()
