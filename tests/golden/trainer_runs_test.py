"""Complete runs against Hugging Face Trainer: loss, gradient norm and learning rate of each update, and the final model."""
import json
import math

import numpy as np
import pytest

from cases import CASES, MISSING, Case
from gpt2_numpy import logits
from support import evaluation_events, read_safetensors, train, training_events

# Both sides compute in float32 but sum in different orders. AdamW turns the rounding of a gradient near zero into a full step of that
# weight; the differences after tens of updates stay below these bounds, which the reference states for itself.
CLOSE_LOSS = 1e-4
CLOSE_LOGITS = 1e-3

RUNS = [(case, name) for case, folder in CASES.items() for name in json.loads((folder / "trainer_runs.json").read_text())]


@pytest.fixture(params=[*RUNS, *MISSING], ids=lambda run: run if isinstance(run, str) else "-".join(run))
def run_of(request, byte_tokenizer):
    case, name = request.param
    case = Case(case, byte_tokenizer)
    return case, case.load("trainer_runs")[name]


def settings_of(case, reference, folder):
    labels = reference.get("labels", 3)
    return dict(model_name_or_path=case.model(folder / "model", labels), seed=42, dropout=0.0, pooling=reference["pooling"],
                train_file=case.tokens(folder / "train.h5", range(reference["train_samples"]), labels),
                eval_file=case.tokens(folder / "eval.h5", reference["eval_samples"], labels), eval_strategy="epoch",
                num_train_epochs=reference["epochs"], logging_steps=1, save_strategy="no", **reference["options"])


def global_batches(reference):
    """The numbers of samples and of Trainer's micro-batches in each update."""
    batch, samples = reference["per_device_train_batch_size"], reference["train_samples"]
    global_batch = batch * reference["gradient_accumulation_steps"]
    epoch = [min(global_batch, samples - first) for first in range(0, samples, global_batch)]
    return [(size, math.ceil(size / batch)) for size in epoch] * reference["epochs"]


def check_log(reference, found, micro_batches_alike=True):
    assert [event["step"] for event in found] == [event["step"] for event in reference["log"]]
    batch = reference["per_device_train_batch_size"]
    for event, expected, (samples, micro_batches) in zip(found, reference["log"], global_batches(reference)):
        # Transformers logs the sum over the micro-batches of their means.
        loss, norm = expected["loss"] / micro_batches, expected["grad_norm"] / micro_batches
        # Trainer gives each micro-batch of an update the same weight, linnet each sample. With 5 + 3 samples in the last global batch the
        # weight of a sample differs by a fifth, and loss and norm by the differences between samples.
        uneven = samples % batch != 0 and micro_batches > 1
        assert event["loss"] == pytest.approx(loss, rel=5e-3 if uneven else CLOSE_LOSS), event
        # Weights that differ in their last bits change the norm ten times as much as the loss.
        assert event["grad_norm"] == pytest.approx(norm, rel=5e-2 if uneven else 10 * CLOSE_LOSS), event
        assert event["learning_rate"] == pytest.approx(expected["learning_rate"], rel=1e-12, abs=1e-20), event
        # Trainer counts the epoch in micro-batches, linnet with global_batch_size in samples.
        close_epoch = 1e-9 if micro_batches_alike else batch / reference["train_samples"]
        assert event["epoch"] == pytest.approx(expected["epoch"], rel=1e-9, abs=close_epoch), event


def check_model(case, reference, run):
    weights = read_safetensors(run / "model.safetensors")
    config = json.loads((run / "config.json").read_text())
    for i, expected in zip(reference["eval_samples"], reference["eval_logits"]):
        found = logits(weights, config, case.samples["ids"][i], reference["pooling"])
        assert found == pytest.approx(expected, abs=CLOSE_LOGITS)
    assert set(weights) == set(reference["final"])
    step = max(event["learning_rate"] for event in reference["log"])
    for name, expected in reference["final"].items():
        assert np.linalg.norm(weights[name].astype(np.float64)) == pytest.approx(expected["norm"], rel=1e-3), name
        # A weight with a gradient near zero may have made one step in the other direction.
        assert weights[name].ravel()[:4] == pytest.approx(expected["first"], abs=2 * step), name


def check_evaluation(case, reference, run):
    """linnet's own evaluation of the final model."""
    labels = [case.labels(reference.get("labels", 3))[i] for i in reference["eval_samples"]]
    expected = np.array(reference["eval_logits"])
    shifted = expected - expected.max(1, keepdims=True)
    each = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]
    event = evaluation_events(run)[-1]
    assert event["eval_loss"] == pytest.approx(each.mean(), abs=CLOSE_LOGITS)
    # Logits that differ by less than their tolerance may swap places.
    ordered = np.sort(expected, 1)
    near = (ordered[:, -1] - ordered[:, -2] < 2 * CLOSE_LOGITS).sum()
    right = (expected.argmax(1) == labels).mean()
    assert event["eval_accuracy"] == pytest.approx(right, abs=near / len(labels) + 1e-12)


def test_run_on_one_rank(run_of, tmp_path):
    case, reference = run_of
    run = train(tmp_path, per_device_train_batch_size=reference["per_device_train_batch_size"],
                gradient_accumulation_steps=reference["gradient_accumulation_steps"], **settings_of(case, reference, tmp_path))
    check_log(reference, training_events(run))
    check_model(case, reference, run)
    check_evaluation(case, reference, run)


def test_same_global_batch_on_three_ranks(run_of, tmp_path):
    """An update does not depend on the number of ranks that share the global batch."""
    case, reference = run_of
    global_batch = reference["per_device_train_batch_size"] * reference["gradient_accumulation_steps"]
    run = train(tmp_path, ranks=3, global_batch_size=global_batch, **settings_of(case, reference, tmp_path))
    check_log(reference, training_events(run), micro_batches_alike=False)
    check_model(case, reference, run)
    check_evaluation(case, reference, run)
