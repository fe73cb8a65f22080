"""Runs with class weights, label smoothing and the focal loss against Hugging Face Trainer with such a loss function.

The tolerances are those of trainer_runs_test.py. A sample has the same weight whatever its micro-batch is, so that they hold for the
last update of an epoch as well."""
import json

import pytest

from cases import SMALL, Case
from support import evaluation_events, train, training_events, weights_digest
from trainer_runs_test import CLOSE_LOGITS, CLOSE_LOSS, check_model, settings_of

RUNS = json.loads((SMALL / "loss_runs.json").read_text())


@pytest.fixture(params=RUNS)
def run_of(request, byte_tokenizer):
    return Case("small", byte_tokenizer), RUNS[request.param]


def check(case, reference, run):
    found = training_events(run)
    assert [event["step"] for event in found] == [event["step"] for event in reference["log"]]
    for event, expected in zip(found, reference["log"]):
        assert event["loss"] == pytest.approx(expected["loss"], rel=CLOSE_LOSS), event
        assert event["grad_norm"] == pytest.approx(expected["grad_norm"], rel=10 * CLOSE_LOSS), event
        assert event["learning_rate"] == pytest.approx(expected["learning_rate"], rel=1e-12, abs=1e-20), event
    check_model(case, reference, run)
    # The weighted cross-entropy, without smoothing and focal factor, of all evaluation samples together.
    assert evaluation_events(run)[-1]["eval_loss"] == pytest.approx(reference["eval_loss"], abs=CLOSE_LOGITS)


def test_run_on_one_rank(run_of, tmp_path):
    case, reference = run_of
    check(case, reference, train(tmp_path, per_device_train_batch_size=reference["per_device_train_batch_size"],
                                 gradient_accumulation_steps=reference["gradient_accumulation_steps"], **reference["own"],
                                 **settings_of(case, reference, tmp_path)))


def test_same_global_batch_on_ranks(run_of, tmp_path):
    """The weights of an update are those of the samples of all ranks; with fixed units the bits do not depend on the number of ranks."""
    case, reference = run_of
    global_batch = reference["per_device_train_batch_size"] * reference["gradient_accumulation_steps"]
    settings = {**reference["own"], **settings_of(case, reference, tmp_path)}
    runs = []
    for ranks in 1, 2, 3:
        folder = tmp_path / str(ranks)
        folder.mkdir()
        runs.append(train(folder, ranks=ranks, global_batch_size=global_batch, reduction_units=4, **settings))
    check(case, reference, runs[-1])
    assert len({weights_digest(run) for run in runs}) == 1
    assert len({json.dumps([event["eval_loss"] for event in evaluation_events(run)]) for run in runs}) == 1
    assert len({json.dumps([(event["loss"], event["grad_norm"]) for event in training_events(run)]) for run in runs}) == 1
