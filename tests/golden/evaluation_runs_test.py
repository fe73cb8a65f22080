"""Runs with several evaluation files and a learning rate that follows a metric, against Hugging Face Trainer."""
import json
import math

import pytest

from cases import CASES, Case
from support import LABELS, events, read_safetensors, train

REFERENCE = json.loads((CASES["small"] / "evaluation_runs.json").read_text())
# As in trainer_runs_test.py: float32 sums in different orders, which tens of updates of AdamW enlarge.
CLOSE_LOSS = 1e-4
CLOSE_NORM = 1e-3
FIELDS = ("accuracy", "f1", "f1_weighted", "mcc", "auroc", "auroc_weighted",
          *(f"{name}_{label}" for label in LABELS for name in ("precision", "recall", "f1", "support")))


@pytest.mark.parametrize("ranks", [0, 2])
@pytest.mark.parametrize("name", REFERENCE)
def test_evaluations_and_rates_are_those_of_trainer(name, ranks, byte_tokenizer, tmp_path):
    reference, case = REFERENCE[name], Case("small", byte_tokenizer)
    run = train(tmp_path, ranks=ranks, model_name_or_path=case.model(tmp_path / "model"), seed=42, dropout=0.0, global_batch_size=4,
                train_file=case.tokens(tmp_path / "train.h5", range(reference["train_samples"])), num_train_epochs=2, logging_steps=1,
                eval_file={file: str(case.tokens(tmp_path / f"{file}.h5", which)) for file, which in reference["files"].items()},
                **reference["options"])
    logged = [event for event in reference["log"] if "train_loss" not in event]
    found = [event for event in events(run) if "train_loss" not in event][:len(logged)]
    for event, expected in zip(found, logged, strict=True):
        assert event["step"] == expected["step"]
        if "loss" in expected:
            assert event["loss"] == pytest.approx(expected["loss"], rel=CLOSE_LOSS), event
            assert event["learning_rate"] == pytest.approx(expected["learning_rate"], rel=1e-12), event
            continue
        (prefix,) = [f"eval_{file}_" for file in reference["files"] if f"eval_{file}_loss" in expected]
        assert event[f"{prefix}loss"] == pytest.approx(expected[f"{prefix}loss"], rel=10 * CLOSE_LOSS), event
        for field in FIELDS:  # no two logits of these samples are so close that they swap places
            assert math.isclose(event[prefix + field], expected[prefix + field], abs_tol=1e-9), (event["step"], prefix, field)
    state = json.loads((run / f"checkpoint-{reference['best']['step']}/trainer_state.json").read_text())
    assert state["best_global_step"] == reference["best"]["step"]
    assert state["best_metric"] == pytest.approx(reference["best"]["metric"], rel=10 * CLOSE_LOSS)
    weights = read_safetensors(run / "model.safetensors")
    for tensor, norm in reference["norms"].items():
        assert float((weights[tensor].astype("float64") ** 2).sum()) ** 0.5 == pytest.approx(norm, rel=CLOSE_NORM), tensor
