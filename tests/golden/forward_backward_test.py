"""Logits, loss and every gradient against PyTorch in float64, with both kinds of pooling, dropout off."""
import json

import numpy as np
import pytest

from cases import CASES, MISSING, Case
from gpt2_numpy import logits
from support import LABELS, linnet, read_safetensors, train, training_events

# linnet computes in float32, where a rounding changes a number by up to 6e-8, and the errors add up over a forward and backward
# pass; the reference is in float64. The errors seen are about a tenth of this bound.
CLOSE = 1e-5

# AdamW's update is rate · m / (√v + ε). With ε far above √v this is gradient descent, and the weights change by the gradient times
# rate / ε, which is large compared with the rounding of the weights.
HUGE_EPSILON = 1e8
FACTOR = 1024.0


@pytest.fixture(params=[*CASES, *MISSING])
def case(request, byte_tokenizer):
    return Case(request.param, byte_tokenizer)


@pytest.fixture(params=["last_token", "padded_end"])
def pooling(request):
    return request.param


def one_update(case, pooling, folder, ranks):
    """Do one update with the samples of the reference; return the run and the gradients."""
    reference = case.load("forward_backward")[pooling]
    model = case.model(folder / "model")
    run = train(folder, ranks=ranks, model_name_or_path=model, train_file=case.tokens(folder / "train.h5", reference["samples"]),
                global_batch_size=len(reference["samples"]), max_steps=1, logging_steps=1, save_strategy="no", dropout=0.0,
                pooling=pooling, max_grad_norm=0, learning_rate=FACTOR * HUGE_EPSILON, adam_epsilon=HUGE_EPSILON)
    before, after = read_safetensors(model / "model.safetensors"), read_safetensors(run / "model.safetensors")
    return reference, run, {name: (before[name].astype(np.float64) - after[name]) / FACTOR for name in before}


@pytest.mark.tiny
@pytest.mark.parametrize("ranks", [1, 3])
def test_loss_and_gradients(case, pooling, tmp_path, ranks):
    reference, run, gradients = one_update(case, pooling, tmp_path, ranks)
    event = training_events(run)[0]
    assert event["loss"] == pytest.approx(reference["loss_mean"], rel=CLOSE)
    assert event["grad_norm"] == pytest.approx(reference["grad_norm"], rel=CLOSE)
    assert set(gradients) == set(reference["grads"])
    for name, expected in reference["grads"].items():
        found = gradients[name].ravel()
        close = CLOSE * max(expected["norm"], CLOSE * reference["grad_norm"])
        assert np.linalg.norm(found) == pytest.approx(expected["norm"], abs=close), name
        # The errors of the elements have both signs: their sum is about as large as their norm.
        assert found.sum() == pytest.approx(expected["sum"], abs=3 * close), name
        assert found @ np.cos(np.arange(found.size)) == pytest.approx(expected["probe"], abs=3 * close), name
        assert found[:8] == pytest.approx(expected["first"], abs=close), name


@pytest.mark.tiny
@pytest.mark.parametrize("ranks", [1, 2])
def test_logits(case, pooling, tmp_path, ranks):
    """The probabilities that `evaluate` writes against the softmax of the reference logits."""
    reference = case.load("forward_backward")[pooling]
    model = case.model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "linnet": {"pooling": pooling}}))
    data = case.tokens(tmp_path / "data.h5", reference["samples"])
    linnet("evaluate", "--model", model, "--data", data, "--predictions", tmp_path / "predictions.tsv", ranks=ranks)
    header, *rows = [line.split("\t") for line in (tmp_path / "predictions.tsv").read_text().splitlines()]
    assert header == ["row", "label", "predicted", *LABELS]
    exponentials = np.exp(reference["logits"])
    expected = exponentials / exponentials.sum(1, keepdims=True)
    labels = case.labels(3)
    for i, (row, label, predicted, *found) in enumerate(rows):
        assert (int(row), label) == (i, LABELS[labels[reference["samples"][i]]])
        # Written with six digits.
        assert np.array(found, float) == pytest.approx(expected[i], abs=CLOSE + 5e-7)
        assert predicted == LABELS[expected[i].argmax()]


def test_numpy_reference(case, pooling):
    """The NumPy model, with which other tests check final weights, against PyTorch in float64."""
    reference = case.load("forward_backward")[pooling]
    weights = read_safetensors(case.folder / "model/model.safetensors")
    config = json.loads((case.folder / "model/config.json").read_text())
    for i, expected in zip(reference["samples"], reference["logits"]):
        assert logits(weights, config, case.samples["ids"][i], pooling) == pytest.approx(expected, abs=1e-12)
