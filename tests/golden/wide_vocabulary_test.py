"""A vocabulary of more tokens than 16 bits hold: the figures of PyTorch, the same bits on any number of ranks, and what the commands say."""
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from support import linnet, losses, train, training_events, weights_digest, write_token_file
from wide_model import GLOBAL_BATCH, POSITIONS, RATE, STEPS, samples, write_model, write_tokenizer

PYTORCH = json.loads((Path(__file__).parent / "wide_vocabulary.json").read_text())
# float32 sums in another order, as in trainer_runs_test.py.
CLOSE_LOSS, CLOSE_LOGITS = 1e-4, 1e-3


@pytest.fixture(scope="module")
def wide(byte_tokenizer, tmp_path_factory):
    """The settings of a run, with model and token file."""
    folder = tmp_path_factory.mktemp("wide")
    tokenizer = write_tokenizer(folder / "tokenizer", byte_tokenizer)
    ids, labels = samples()
    return dict(model_name_or_path=write_model(folder / "model", tokenizer), dropout=0.0, seed=42, logging_steps=1, save_strategy="no",
                train_file=write_token_file(folder / "train.h5", ids, labels, tokenizer, max_length=POSITIONS),
                global_batch_size=GLOBAL_BATCH, reduction_units=4, max_steps=STEPS, learning_rate=RATE)


@pytest.fixture(scope="module")
def alone(wide, tmp_path_factory):
    return train(tmp_path_factory.mktemp("alone"), **wide)


def test_the_file_has_32_bits_an_id(wide):
    with h5py.File(wide["train_file"]) as file:
        assert file["tokens"].dtype == np.uint32 and file["tokens"][:].max() == 69_999
    assert "70000, end-of-text 69999, ids of 32 bits\n" in linnet("inspect", wide["train_file"]).stdout


def test_updates_are_those_of_pytorch(alone):
    assert losses(alone) == pytest.approx([event["loss"] for event in PYTORCH["log"]], rel=CLOSE_LOSS)
    norms = [event["grad_norm"] for event in training_events(alone)]
    assert norms == pytest.approx([event["grad_norm"] for event in PYTORCH["log"]], rel=10 * CLOSE_LOSS)


def test_every_command(wide, tmp_path):
    """From a new model to predictions. `<|endoftext|>` in a text is the last of the 70,000 ids."""
    tokenizer, model, table, data = wide["model_name_or_path"], tmp_path / "model", tmp_path / "t.csv", tmp_path / "t.h5"
    texts = ["a<|endoftext|>b", "<|endoftext|>", "b", "ab"]
    table.write_text("text,sentiment\n" + "".join(f"{text},{i % 3}\n" for i, text in enumerate(texts)))
    linnet("init", "--output", model, "--tokenizer", tokenizer, "--layers", 1, "--width", 16, "--heads", 2, "--positions", 8)
    assert json.loads((model / "config.json").read_text())["vocab_size"] == 70_000
    linnet("prepare", "--input", table, "--output", data, "--tokenizer", tokenizer)
    ids = json.loads((tokenizer / "vocab.json").read_text(encoding="utf-8"))
    with h5py.File(data) as file:
        assert file["tokens"].dtype == np.uint32
        assert file["tokens"][:].tolist() == [ids["a"], 69_999, ids["b"], 69_999, ids["b"], ids["a"], ids["b"]]
    run = train(tmp_path / "trained", model_name_or_path=model, train_file=data, max_steps=3, save_strategy="no", learning_rate=RATE)
    linnet("evaluate", "--model", run, "--data", data, "--predictions", tmp_path / "p.tsv")
    evaluated = [line.split("\t")[3:] for line in (tmp_path / "p.tsv").read_text().splitlines()[1:]]
    predicted = [json.loads(line)["probabilities"].values() for line in linnet("predict", "--model", run, "--json", *texts).stdout.splitlines()]
    assert np.abs(np.array(evaluated, float) - np.array([list(row) for row in predicted])).max() < 1e-6


@pytest.mark.parametrize("ranks", [2, 3])
def test_same_bits_on_more_ranks(wide, alone, tmp_path, ranks):
    run = train(tmp_path, ranks=ranks, **wide)
    assert weights_digest(run) == weights_digest(alone)
    assert losses(run) == losses(alone)


@pytest.mark.parametrize("ranks", [1, 3])
def test_evaluation_agrees_with_pytorch(wide, alone, tmp_path, ranks):
    linnet("evaluate", "--model", alone, "--data", wide["train_file"], "--predictions", tmp_path / "p.tsv", ranks=ranks)
    found = np.array([line.split("\t")[3:] for line in (tmp_path / "p.tsv").read_text().splitlines()[1:]], float)
    expected = np.exp(np.array(PYTORCH["logits"]))
    assert np.abs(found - expected / expected.sum(1, keepdims=True)).max() < CLOSE_LOGITS
