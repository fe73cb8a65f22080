"""`prepare --split`: what stays together, the classes, and what the division depends on; `--class-balance`.

The expected groups come from a comparison of all pairs in Python, by the rules of docs/reference/formats.md."""
import csv
import json
import random
import re
from collections import Counter

import h5py
import pytest

from support import LABELS, finish, linnet, refused, start, train, write_config

pytestmark = pytest.mark.tiny

WORDS = "the day was long and rain fell over town while people walked home under grey skies with cold hands and warm hearts again".split()


def write(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("text", "sentiment"), *rows])
    return path


def texts_of(count, seed):
    """Texts with a third of duplicates: equal ones, in other case and spacing, with other links, and with small changes."""
    draw, texts = random.Random(seed), []
    for i in range(count):
        kind = draw.randrange(9) if texts else 9
        other = draw.choice(texts) if texts else ""
        if kind == 0:
            text = other
        elif kind == 1:
            text = f"  {other.upper()} ".replace(" ", "  ")
        elif kind == 2:
            text = f"{other} https://t.co/{i} @user{i}"
        elif kind == 3:
            text = other[:-draw.randrange(1, 9)] + draw.choice(["!", "", " ok"])
        else:
            text = " ".join(draw.choices(WORDS, k=draw.randrange(1, 16))) + draw.choice(["", f" {i}", "..."])
        texts.append(text)
    return texts


def normalized(text):
    plain = " ".join(text.lower().split())
    marked = re.sub(r"(?<![\w])(https?://|www\.)\S+", "\x01", plain)
    marked = re.sub(r"(?<![\w])@[A-Za-z0-9_]+", "\x02", marked)
    return marked if re.search(r"\w", marked) else plain


def grams(text):
    return {text[i:i + 5] for i in range(max(1, len(text) - 4))}


def jaccard(a, b):
    return len(a & b) / len(a | b)


def sides(path, rows):
    with h5py.File(path, "r") as file:
        return [rows[i] for i in file["rows"][:]], file["labels"][:].tolist()


def split(sample, folder, rows, *options, share=0.8, name="t.csv"):
    result = linnet("prepare", "--input", write(folder / name, rows), "--output", folder / "train.h5", "--eval-output", folder / "eval.h5",
                    "--split", share, "--tokenizer", sample.tokenizer, *options)
    return sides(folder / "train.h5", rows), sides(folder / "eval.h5", rows), result


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1])
def test_duplicates_stay_together(sample, tmp_path, threshold):
    rows = [(text, LABELS[i % 7 % 3]) for i, text in enumerate(texts_of(600, 5))]
    (train, _), (evaluation, _), result = split(sample, tmp_path, rows, "--near-duplicates", threshold)
    assert len(train) + len(evaluation) == 600 and Counter(train) + Counter(evaluation) == Counter(rows)
    assert len(evaluation) == 120
    sets = [[(text, grams(normalized(text))) for text, _ in side] for side in (train, evaluation)]
    pairs = [(a, b) for a, left in sets[0] for b, right in sets[1] if jaccard(left, right) >= threshold]
    assert not pairs, pairs[:3]
    # What it says of the groups: components of all pairs.
    every = sets[0] + sets[1]
    root = list(range(600))

    def find(i):
        while root[i] != i:
            i = root[i]
        return i

    for i in range(600):
        for j in range(i):
            if find(i) != find(j) and jaccard(every[i][1], every[j][1]) >= threshold:
                root[find(i)] = find(j)
    sizes = Counter(map(find, range(600)))
    equal = 600 - len({normalized(text) for text, _ in rows})
    near = 600 - equal - len(sizes)
    assert f"{equal} equal, {near} nearly equal; the largest group: {max(sizes.values())} samples" in result.stdout, result.stdout


def test_links_and_mentions(sample, tmp_path):
    """Texts that differ in these alone are equal, unless they have nothing else."""
    rows = [(f"Look at   THIS https://x.y/{i} @a{i}", "neutral") for i in range(20)] + [(f"https://x.y/{i * 7919}", "neutral") for i in range(20)]
    (train, _), (evaluation, _), result = split(sample, tmp_path, rows, "--near-duplicates", 1, share=0.9)
    assert "19 equal" in result.stdout
    assert len(evaluation) == 4 and all(text.startswith("https") for text, _ in evaluation)


def test_classes_keep_their_shares(sample, tmp_path):
    rows = [(f"{text} {i * 7919} {i * 104729}", LABELS[min(2, i % 10 // 4)]) for i, text in enumerate(texts_of(1000, 6))]
    (train, train_labels), (evaluation, eval_labels), result = split(sample, tmp_path, rows, "--stratify", share=0.9)
    counts = Counter(label for _, label in rows)
    assert Counter(eval_labels) == {k: counts[name] // 10 for k, name in enumerate(LABELS)}
    assert "negative 40 (40.0 %), neutral 40 (40.0 %), positive 20 (20.0 %)" in result.stdout


def test_the_order_of_the_rows_does_not_count(sample, tmp_path):
    rows = [(text, LABELS[i % 3]) for i, text in enumerate(texts_of(500, 7))]
    for options in [(), ("--stratify",)]:
        (train, _), (evaluation, _), _ = split(sample, tmp_path, rows, *options)
        shuffled = random.Random(1).sample(rows, len(rows))
        (train_2, _), (evaluation_2, _), _ = split(sample, tmp_path, shuffled, *options)
        assert Counter(evaluation) == Counter(evaluation_2)
        assert [row for row in shuffled if row in set(train_2)] and train_2 == [row for row in shuffled if row not in set(evaluation_2)]
        (_, _), (evaluation_3, _), _ = split(sample, tmp_path, rows, "--split-seed", 43, *options)
        assert Counter(evaluation) != Counter(evaluation_3)
    assert (tmp_path / "train.h5").read_bytes()


def test_any_number_of_threads(sample, tmp_path):
    rows = [(text, LABELS[i % 3]) for i, text in enumerate(texts_of(500, 8))]
    files = []
    for threads in ("1", "3"):
        linnet("prepare", "--input", write(tmp_path / "t.csv", rows), "--output", tmp_path / "a.h5", "--eval-output", tmp_path / "b.h5",
               "--split", 0.5, "--tokenizer", sample.tokenizer, env={"OMP_NUM_THREADS": threads})
        files.append([(tmp_path / name).read_bytes() for name in ("a.h5", "b.h5")])
    assert files[0] == files[1]


def test_split_of_a_subset(sample, tmp_path):
    rows = [(f"{text} {i}", LABELS[i % 3]) for i, text in enumerate(texts_of(300, 9))]
    linnet("prepare", "--input", write(tmp_path / "t.csv", rows), "--output", tmp_path / "all.h5", "--subset", 100, "--tokenizer", sample.tokenizer)
    (train, _), (evaluation, _), _ = split(sample, tmp_path, rows, "--subset", 100)
    subset, _ = sides(tmp_path / "all.h5", rows)
    assert train == [row for row in subset if row in set(train)]  # in the order of the draw
    assert Counter(train) + Counter(evaluation) == Counter(subset) and len(evaluation) == 20
    expected = linnet("prepare", "--input", "-", "--format", "csv", "--output", tmp_path / "train.h5", "--eval-output", tmp_path / "eval.h5", "--split", 0.8,
                      "--subset", 100, "--tokenizer", sample.tokenizer, stdin=(tmp_path / "t.csv").read_bytes())
    assert sides(tmp_path / "train.h5", rows)[0] == train, expected


@pytest.mark.parametrize("kind", ["undersample", "oversample"])
def test_balance(sample, tmp_path, kind):
    rows = [(f"text {i}", LABELS[0 if i % 10 < 6 else 1 if i % 10 < 9 else 2]) for i in range(200)]  # 120, 60, 20
    linnet("prepare", "--input", write(tmp_path / "t.csv", rows), "--output", tmp_path / "o.h5", "--class-balance", kind, "--tokenizer", sample.tokenizer)
    written, labels = sides(tmp_path / "o.h5", rows)
    size = 20 if kind == "undersample" else 120
    assert Counter(labels) == {0: size, 1: size, 2: size}
    assert [LABELS[k] for k in labels] == [label for _, label in written]
    times = {label: Counter(Counter(row for row in written if row[1] == label).values()) for label in LABELS}
    if kind == "undersample":
        assert all(times[label] == {1: 20} for label in LABELS)
    else:
        assert times == {"negative": {1: 120}, "neutral": {2: 60}, "positive": {6: 20}}
    assert [rows.index(row) for row in written] == sorted(rows.index(row) for row in written)
    (train, labels), (evaluation, eval_labels), result = split(sample, tmp_path, rows, "--class-balance", kind, "--stratify", "--near-duplicates", 1, share=0.9)
    assert Counter(eval_labels) == {0: 12, 1: 6, 2: 2}  # as it was
    assert Counter(labels) == dict.fromkeys(range(3), 18 if kind == "undersample" else 108)
    assert not set(train) & set(evaluation)
    parts = [json.loads(linnet("inspect", "--json", tmp_path / name).stdout)["part"] for name in ("o.h5", "train.h5", "eval.h5")]
    assert parts == [f"--class-balance {kind} --split-seed 42", f"training part of --split 0.9 --stratify --near-duplicates 1 --class-balance {kind} --split-seed 42",
                     "evaluation part of --split 0.9 --stratify --near-duplicates 1 --split-seed 42"]
    assert f"{'left out' if kind == 'undersample' else 'repeated'} to balance the classes: {180 - 54 if kind == 'undersample' else 324 - 180} samples" in result.stdout


def test_the_run_says_which_part(sample, tmp_path):
    """Training on both files; the model card names the parts."""
    rows = [(text, LABELS[i % 3]) for i, text in enumerate(texts_of(100, 11))]
    split(sample, tmp_path, rows)
    run = train(tmp_path, model_name_or_path=sample.model, train_file=tmp_path / "train.h5", eval_file=tmp_path / "eval.h5", eval_strategy="epoch",
                output_dir=tmp_path / "run", max_steps=2, global_batch_size=20)
    card = (run / "README.md").read_text()
    for what in ("training", "evaluation"):
        assert re.search(rf"^The {what} samples were chosen by linnet prepare: {what} part of \W*split 0\.8", card, re.M), card


def test_a_run_does_not_go_on_with_another_part(sample, tmp_path):
    """Samples and tokens may be as many: here all are truncated to the same length."""
    rows = [(text + " and so on and on", LABELS[i % 3]) for i, text in enumerate(texts_of(60, 12))]
    settings = dict(model_name_or_path=sample.model, train_file=tmp_path / "train.h5", output_dir=tmp_path / "run", max_steps=2, save_steps=1,
                    global_batch_size=20)
    split(sample, tmp_path, rows, "--max-length", 4)
    train(tmp_path, **settings)
    split(sample, tmp_path, rows, "--max-length", 4, "--split-seed", 7)
    config = write_config(tmp_path / "again.json", **{**settings, "resume_from_checkpoint": str(tmp_path / "run/checkpoint-1")})
    refused("train", config, names=["part of its table training part of --split 0.8 --near-duplicates 0.8 --split-seed 42 -> training part of"])


def test_refused(sample, tmp_path):
    rows = [(f"{text} {i * 7919}", LABELS[i % 2]) for i, text in enumerate(texts_of(30, 10))]
    table = write(tmp_path / "t.csv", rows)

    def wrong(*options, table=table, names):
        refused("prepare", "--input", table, "--output", tmp_path / "a.h5", "--tokenizer", sample.tokenizer, *options, names=names)
        assert not (tmp_path / "a.h5").exists() and not (tmp_path / "b.h5").exists()

    both = ["--split", 0.8, "--eval-output", tmp_path / "b.h5"]
    wrong("--split", 1.5, "--eval-output", "b.h5", names=["--split: expected the share", "got 1.5"])
    wrong("--split", 0.9, names=["--split needs --eval-output"])
    wrong("--eval-output", "b.h5", names=["--eval-output is written with --split only"])
    wrong("--stratify", names=["--stratify belongs to --split"])
    wrong(*both, "--near-duplicates", 0.2, names=["--near-duplicates: expected a similarity from 0.5 to 1, got 0.2"])
    wrong("--near-duplicates", 0.9, names=["--near-duplicates belongs to --split"])
    wrong(*both, "--stratify", "--no-labels", names=["--stratify needs labels"])
    wrong("--class-balance", "oversample", "--no-labels", names=["--class-balance needs labels"])
    wrong("--class-balance", "over", names=["--class-balance: expected undersample or oversample, got over"])
    wrong("--class-balance", "oversample", names=['no sample has the label "positive"'])
    wrong("--split", 0.8, "--eval-output", tmp_path / "a.h5", names=["is the training file as well"])
    wrong("--split", 0.8, "--eval-output", f"{tmp_path}/./a.h5", names=["is the training file as well"])
    wrong("--split", 0.8, "--eval-output", table, names=["the output is the input table"])
    wrong(*both, "--stratify", table=write(tmp_path / "one.csv", [*rows, ("alone", "positive")]), names=['"positive" has one sample only'])
    wrong(*both, "--stratify", table=write(tmp_path / "two.csv", [*rows, ("alone", "positive"), ("ALONE", "positive")]),
          names=['"positive" has only texts that are duplicates of one another'])
    wrong(*both, table=write(tmp_path / "same.csv", [("a", "neutral")] * 5), names=["cannot split the table", "duplicates of one another"])
    wrong(*both, table=write(tmp_path / "single.csv", [("a", "neutral")]), names=["it has one sample only"])
    wrong(*both, table=write(tmp_path / "large.csv", [("a" * 9, "neutral")] * 5 + [("b" * 9, "neutral")] * 5), names=["each group of duplicates is larger"])
    lone = write(tmp_path / "lone.csv", [*rows, ("alone", "positive")])  # all of a class may be for evaluation
    errors = [finish(start(["prepare", "--input", lone, "--output", tmp_path / "c.h5", "--eval-output", tmp_path / "d.h5", "--split", 0.5, "--tokenizer",
                            sample.tokenizer, "--class-balance", "oversample", "--split-seed", seed])).errors for seed in range(8)]
    assert {"".join(error).partition(": ")[2] for error in errors} == {
        "", 'error: --class-balance: all samples with the label "positive" are for evaluation: add --stratify, or take another --split-seed'}
