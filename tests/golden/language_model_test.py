"""Pre-training against PyTorch: loss and gradients in float64, and complete runs of Trainer (make_language_model.py)."""
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from support import evaluation_events, linnet, read_safetensors, train, training_events, weights_digest, write_token_file

FOLDER = Path(__file__).parent / "language_small"
SAMPLES = json.loads((FOLDER / "samples.json").read_text())

# As in forward_backward_test.py: float32 against float64, and a tenth of this bound was met. The gradient of the token embedding
# sums over all rows of the batch.
CLOSE = 1e-5
HUGE_EPSILON = 1e8  # AdamW is then gradient descent
FACTOR = 1024.0

# As in trainer_runs_test.py.
CLOSE_LOSS = 1e-4


@pytest.fixture
def model(tmp_path, byte_tokenizer):
    folder = shutil.copytree(FOLDER / "model", tmp_path / "model")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(byte_tokenizer / name, folder)
    return folder


def tokens(path, rows, tokenizer):
    return write_token_file(path, rows, [0] * len(rows), tokenizer, max_length=64)


def pretrain(folder, **settings):
    return train(folder, command="pretrain", dropout=0.0, logging_steps=1, save_strategy="no", **settings)


@pytest.mark.tiny
@pytest.mark.parametrize("ranks", [1, 3])
def test_loss_and_gradients(model, byte_tokenizer, tmp_path, ranks):
    reference = json.loads((FOLDER / "forward_backward.json").read_text())
    data = tokens(tmp_path / "train.h5", SAMPLES["texts"][:reference["samples"]], byte_tokenizer)
    run = pretrain(tmp_path, ranks=ranks, model_name_or_path=model, train_file=data, global_batch_size=reference["samples"], max_steps=1,
                   max_grad_norm=0, learning_rate=FACTOR * HUGE_EPSILON, adam_epsilon=HUGE_EPSILON)
    event = training_events(run)[0]
    assert event["loss"] == pytest.approx(reference["loss_mean"], rel=CLOSE)
    assert event["grad_norm"] == pytest.approx(reference["grad_norm"], rel=CLOSE)
    before, after = read_safetensors(model / "model.safetensors"), read_safetensors(run / "model.safetensors")
    assert set(after) == set(reference["grads"])
    for name, expected in reference["grads"].items():
        found = ((before[name].astype(np.float64) - after[name]) / FACTOR).ravel()
        close = CLOSE * max(expected["norm"], CLOSE * reference["grad_norm"])
        assert np.linalg.norm(found) == pytest.approx(expected["norm"], abs=close), name
        assert found.sum() == pytest.approx(expected["sum"], abs=3 * close), name
        assert found @ np.cos(np.arange(found.size)) == pytest.approx(expected["probe"], abs=3 * close), name
        assert found[:8] == pytest.approx(expected["first"], abs=close), name


def run_as(reference, model, byte_tokenizer, folder, **settings):
    rows = SAMPLES[reference["kind"]]
    return pretrain(folder, model_name_or_path=model, train_file=tokens(folder / "train.h5", rows[:reference["train"]], byte_tokenizer),
                    eval_file=tokens(folder / "eval.h5", [rows[i] for i in reference["evaluated"]], byte_tokenizer), eval_strategy="epoch",
                    num_train_epochs=reference["epochs"], seed=42, **reference["options"], **settings)


@pytest.mark.tiny
@pytest.mark.parametrize("name", ["packed", "texts"])
@pytest.mark.parametrize("ranks", [1, 3])
def test_run_of_trainer(model, byte_tokenizer, tmp_path, name, ranks):
    reference = json.loads((FOLDER / "runs.json").read_text())[name]
    batch, accumulation = reference["per_device_train_batch_size"], reference["gradient_accumulation_steps"]
    settings = dict(global_batch_size=batch * accumulation) if ranks > 1 else dict(per_device_train_batch_size=batch,
                                                                                   gradient_accumulation_steps=accumulation)
    run = run_as(reference, model, byte_tokenizer, tmp_path, ranks=ranks, **settings)
    found = training_events(run)
    assert [event["step"] for event in found] == [event["step"] for event in reference["log"]]
    for event, expected in zip(found, reference["log"]):
        assert event["loss"] == pytest.approx(expected["loss"], rel=CLOSE_LOSS), event
        assert event["grad_norm"] == pytest.approx(expected["grad_norm"], rel=10 * CLOSE_LOSS), event
        assert event["learning_rate"] == pytest.approx(expected["learning_rate"], rel=1e-12, abs=1e-20), event
    evaluated = evaluation_events(run)[-1]
    assert evaluated["eval_loss"] == pytest.approx(reference["eval_loss"], rel=CLOSE_LOSS)
    assert evaluated["eval_perplexity"] == pytest.approx(math.exp(evaluated["eval_loss"]), rel=1e-12)
    weights = read_safetensors(run / "model.safetensors")
    assert set(weights) == set(reference["final"])
    for tensor, expected in reference["final"].items():
        assert np.linalg.norm(weights[tensor].astype(np.float64)) == pytest.approx(expected["norm"], rel=1e-3), tensor
        # A weight with a gradient near zero may have made one step in the other direction.
        assert weights[tensor].ravel()[:4] == pytest.approx(expected["first"], abs=2 * reference["options"]["learning_rate"]), tensor


@pytest.mark.tiny
def test_same_bits_on_any_number_of_ranks(model, byte_tokenizer, tmp_path):
    reference = json.loads((FOLDER / "runs.json").read_text())["texts"]
    digests = {ranks: weights_digest(run_as(reference, model, byte_tokenizer, tmp_path / str(ranks), ranks=ranks, global_batch_size=8,
                                            reduction_units=4)) for ranks in (1, 2, 3) if (tmp_path / str(ranks)).mkdir() is None}
    assert len(set(digests.values())) == 1, digests


@pytest.mark.tiny
def test_packing(byte_tokenizer, tmp_path):
    """Blocks of the stream of texts, an end-of-text behind each."""
    texts = [bytes(text) for text in SAMPLES["texts"] if 256 not in text]
    (tmp_path / "texts.txt").write_bytes(b"".join(text + b"\n" for text in [b"", *texts]))
    linnet("prepare", "--input", tmp_path / "texts.txt", "--output", tmp_path / "packed.h5", "--tokenizer", byte_tokenizer, "--pack", "32")
    import h5py
    with h5py.File(tmp_path / "packed.h5") as file:
        found, offsets = file["tokens"][:].tolist(), file["offsets"][:]
    vocabulary = json.loads((byte_tokenizer / "vocab.json").read_text(encoding="utf-8"))
    letters = {byte: vocabulary[chr(byte)] for byte in range(97, 123)}
    stream = [token for text in texts for token in [*(letters[byte] for byte in text), vocabulary["<|endoftext|>"]]]
    assert found == stream[:len(stream) // 32 * 32]
    assert (np.diff(offsets) == 32).all()
