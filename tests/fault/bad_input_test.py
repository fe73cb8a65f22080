"""Damaged and hostile input: exit code 1 and one line that names what is wrong, within a time limit, and no files left behind.
Also under the sanitizers. errors.py has more cases."""
import shutil

import h5py
import numpy as np
import pytest

from support import linnet, read_safetensors, refused, write_config, write_safetensors, write_token_file

# One rank without a launcher, and two under mpirun, which ends a failed job slowly.
RANKS = pytest.mark.parametrize("ranks", [0, 2])


def refuse_training(folder, settings, ranks, names):
    config = write_config(folder / "config.json", output_dir=folder / "run", **settings)
    result = refused("train", config, ranks=ranks, names=names)
    assert not list((folder / "run").glob("*.safetensors")), "the refused run wrote a model"
    return result


# --- Settings -----------------------------------------------------------------------------------------------------


@pytest.mark.tiny
@RANKS
def test_typo_in_a_setting(job, tmp_path, ranks):
    """The error names the key, its file and line, and the nearest known key."""
    refuse_training(tmp_path, {**job, "learning_rat": 1e-4}, ranks, ["learning_rat", "learning_rate", "config.json:"])


# --- Token files --------------------------------------------------------------------------------------------------


@pytest.mark.tiny
@RANKS
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_truncated_token_file(sample, job, tmp_path, copy_of, ranks, share):
    damaged = copy_of(sample.train)
    data = damaged.read_bytes()
    damaged.write_bytes(data[: int(len(data) * share)])
    refuse_training(tmp_path, {**job, "train_file": damaged}, ranks, [damaged])


SAMPLES = dict(ids=[[72, 101], [108, 108, 111], [33]], labels=[0, 1, 2])


@RANKS
@pytest.mark.parametrize("changes", [
    {"/offsets": np.array([0, 5, 2, 6], "<i8")},
    {"/offsets": np.array([0, 2, 2, 6], "<i8")},
    {"/offsets": np.array([1, 2, 5, 6], "<i8")},
    {"/tokens": np.array([72, 101, 108, 60000, 111, 33], "<u2")},
    {"/labels": np.array([0, 1, 7], "u1")},
    {"/labels": np.array([0, 1], "u1")},
    {"format_version": np.int64(99)},
    {"vocabulary_size": np.int64(70000)},
    {"tokenizer_digest": np.bytes_(b"0" * 64)},
], ids=["offsets falling", "empty sample", "offsets not from 0", "token", "label", "labels short", "version", "vocabulary", "tokenizer"])
def test_inconsistent_token_file(sample, job, tmp_path, ranks, changes):
    good = write_token_file(tmp_path / "good.h5", tokenizer=sample.tokenizer, **SAMPLES)
    linnet("inspect", good)
    bad = write_token_file(tmp_path / "bad.h5", tokenizer=sample.tokenizer, **SAMPLES, changes=changes)
    refuse_training(tmp_path, {**job, "train_file": bad}, ranks, ["bad.h5"])


@RANKS
def test_token_file_without_labels(sample, job, tmp_path, copy_of, ranks):
    damaged = copy_of(sample.train)
    with h5py.File(damaged, "r+") as file:
        del file["labels"]
    refuse_training(tmp_path, {**job, "train_file": damaged}, ranks, [damaged, "labels"])


# --- Models -------------------------------------------------------------------------------------------------------


def damage_cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def damage_header(path):
    data = bytearray(path.read_bytes())
    data[8] = ord("[")
    path.write_bytes(data)


def damage_header_size(path):
    path.write_bytes(b"\xff" * 7 + b"\x7f" + path.read_bytes()[8:])


def damage_shape(path):
    tensors = read_safetensors(path)
    tensors["transformer.h.1.mlp.c_fc.weight"] = tensors["transformer.h.1.mlp.c_fc.weight"].T
    write_safetensors(path, tensors)


def damage_missing(path):
    tensors = read_safetensors(path)
    del tensors["transformer.h.0.ln_1.bias"]
    write_safetensors(path, tensors)


@pytest.mark.tiny
@RANKS
@pytest.mark.parametrize("damage, names", [
    (damage_cut, ["model.safetensors"]),
    (damage_header, ["model.safetensors"]),
    (damage_header_size, ["model.safetensors"]),
    (damage_shape, ["h.1.mlp.c_fc.weight"]),
    (damage_missing, ["h.0.ln_1.bias"]),
], ids=["cut", "header", "header size", "shape", "missing tensor"])
def test_damaged_model(sample, job, tmp_path, copy_of, ranks, damage, names):
    model = copy_of(sample.model)
    damage(model / "model.safetensors")
    refuse_training(tmp_path, {**job, "model_name_or_path": model}, ranks, names)
    refused("evaluate", "--model", model, "--data", sample.test, ranks=ranks, names=names)
    refused("predict", "--model", model, "a text", names=names)


# --- Tables -------------------------------------------------------------------------------------------------------


@pytest.mark.tiny
@pytest.mark.parametrize("name, content, names", [
    ("a.csv", b"text,sentiment\nfine,positive\nbad \xff byte,negative\n", ["a.csv:3", "UTF-8"]),
    ("a.csv", b"text,mood\nfine,positive\n", ["a.csv", "sentiment"]),
    ("a.csv", b"text,sentiment\nfine,positive\nhm,happy\n", ["a.csv:3", "happy"]),
    ("a.csv", b'text,sentiment\nfine,positive\n"open,negative\n', ["a.csv", "quote"]),
    ("a.csv", b"text,sentiment\nfine\n", ["a.csv:2"]),
    ("a.csv", b"text,sentiment\n", ["a.csv"]),
    ("a.csv", b"", ["a.csv"]),
    ("a.jsonl", b'{"text": "fine", "sentiment": "positive"}\n{"text": "cut, \n', ["a.jsonl:2"]),
    ("a.doc", b"text\n", ["a.doc"]),
], ids=["UTF-8", "column", "label", "quote", "fields", "no rows", "empty", "JSON", "ending"])
def test_table(sample, tmp_path, name, content, names):
    table, output = tmp_path / name, tmp_path / "out.h5"
    table.write_bytes(content)
    refused("prepare", "--input", table, "--output", output, "--tokenizer", sample.tokenizer, names=names)
    assert [path.name for path in tmp_path.iterdir()] == [name], "unfinished output was left"


def test_failed_prepare_keeps_the_old_file(sample, tmp_path):
    output, table = tmp_path / "out.h5", tmp_path / "a.csv"
    shutil.copy(sample.train, output)
    table.write_bytes(b"text,sentiment\nhm,happy\n")
    refused("prepare", "--input", table, "--output", output, "--tokenizer", sample.tokenizer)
    assert output.read_bytes() == sample.train.read_bytes()


# --- Bad use ------------------------------------------------------------------------------------------------------


@pytest.mark.tiny
@pytest.mark.parametrize("arguments, names", [
    (["trian"], ["trian", "train"]),
    (["prepare", "--inptu", "x"], ["--inptu", "--input"]),
    (["prepare"], ["--"]),
    (["evaluate", "--model"], ["--model"]),
    (["inspect", "/nowhere/at/all"], ["/nowhere/at/all"]),
    (["init", "--output", "x", "--tokenizer", "/nowhere", "--layers", "two"], ["--layers"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_command_line(arguments, names):
    refused(*arguments, names=names)
