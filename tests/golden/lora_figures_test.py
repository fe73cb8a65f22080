"""LoRA adapters against PEFT: the logits of adapters that PEFT saved, merged models, and runs in which Trainer trains them."""
import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cases import SMALL, Case
from gpt2_numpy import logits
from support import linnet, read_safetensors, train, training_events, write_token_file
from trainer_runs_test import CLOSE_LOGITS, check_log

GOLDEN = Path(__file__).parent / "lora"
FIGURES = json.loads((GOLDEN / "figures.json").read_text())
# Both compute in float32 here, PEFT's figures in float64: the logits of this model are of size 1, and differ by a few roundings.
CLOSE = 2e-5


@pytest.fixture
def case(byte_tokenizer):
    return Case("small", byte_tokenizer)


@pytest.fixture
def folder(case, tmp_path):
    """The base model as `model`, and the adapters beside it, whose configurations say so."""
    case.model(tmp_path / "model")
    for name in FIGURES["adapters"]:
        shutil.copytree(GOLDEN / name, tmp_path / name)
    return tmp_path


def probabilities(values):
    shifted = np.exp(np.array(values) - np.max(values, 1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


def predicted(case, folder, labels, which, *options):
    """The probabilities that linnet evaluate writes for some samples."""
    names = case.names(labels)
    data = write_token_file(folder / "data.h5", [case.samples["ids"][i] for i in which], [0] * len(which), case.tokenizer,
                            max_length=case.positions, label_names=names)
    linnet("evaluate", *options, "--data", data, "--predictions", folder / "predictions.tsv")
    with open(folder / "predictions.tsv", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    return np.array([[float(value) for value in row[-labels:]] for row in rows[1:]])


@pytest.mark.parametrize("name", FIGURES["adapters"])
def test_adapter_of_peft(case, folder, name):
    expected = FIGURES["adapters"][name]
    labels, which = expected["labels"], expected["samples"]
    alone = predicted(case, folder, labels, which, "--model", folder / name)
    assert alone == pytest.approx(probabilities(expected["logits"]), abs=CLOSE)
    beside = predicted(case, folder, labels, which, "--model", folder / "model", "--adapter", folder / name)
    assert np.array_equal(alone, beside)


@pytest.mark.parametrize("name", FIGURES["adapters"])
def test_merged_model(case, folder, name):
    expected = FIGURES["adapters"][name]
    linnet("merge", "--model", folder / name, "--output", folder / "merged")
    config, weights = json.loads((folder / "merged/config.json").read_text()), read_safetensors(folder / "merged/model.safetensors")
    assert set(weights) == set(expected["merged"])
    for tensor, figures in expected["merged"].items():
        assert np.linalg.norm(weights[tensor].astype(np.float64)) == pytest.approx(figures["norm"], rel=1e-6), tensor
        assert weights[tensor].ravel()[:4] == pytest.approx(figures["first"], abs=1e-6), tensor
    for i, values in zip(expected["samples"], expected["merged_logits"]):
        assert logits(weights, config, case.samples["ids"][i], "last_token") == pytest.approx(values, abs=CLOSE)
    found = predicted(case, folder, expected["labels"], expected["samples"], "--model", folder / "merged")
    assert found == pytest.approx(probabilities(expected["logits"]), abs=CLOSE)


def settings_of(case, reference, folder, name):
    config = json.loads((folder / name / "adapter_config.json").read_text())
    return dict(model_name_or_path=folder / name, lora_r=config["r"], lora_alpha=config["lora_alpha"], seed=42, dropout=0.0,
                train_file=case.tokens(folder / "train.h5", range(reference["train_samples"])), save_strategy="no", logging_steps=1,
                num_train_epochs=reference["epochs"], **reference["options"])


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("name", FIGURES["runs"])
def test_run(case, folder, name, ranks):
    """Losses, gradient norms, rates, and the adapter at the end."""
    reference = FIGURES["runs"][name]
    run = train(folder, ranks=ranks, global_batch_size=reference["per_device_train_batch_size"], **settings_of(case, reference, folder, name))
    check_log(reference, training_events(run), micro_batches_alike=False)
    values = read_safetensors(run / "adapter_model.safetensors")
    assert set(values) == set(reference["final"])
    rate = reference["options"]["learning_rate"]
    for tensor, expected in reference["final"].items():
        assert np.linalg.norm(values[tensor].astype(np.float64)) == pytest.approx(expected["norm"], rel=1e-3), tensor
        # A value with a gradient near zero may have made one step in the other direction.
        assert values[tensor].ravel()[:4] == pytest.approx(expected["first"], abs=2 * rate), tensor
    found = predicted(case, folder, 3, reference["eval_samples"], "--model", run)
    assert found == pytest.approx(probabilities(reference["eval_logits"]), abs=CLOSE_LOGITS)
