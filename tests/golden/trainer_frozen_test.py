"""Runs with frozen layers, frozen embeddings and learning rates of their own for layers and head, against Trainer's with
requires_grad = False and with parameter groups."""
import json
import re

import numpy as np
import pytest

from cases import SMALL, Case
from support import read_safetensors, train, training_events
from trainer_runs_test import check_evaluation, check_log, check_model, settings_of

RUNS = json.loads((SMALL / "trainer_frozen.json").read_text())
LAYERS = 2


@pytest.fixture
def case(byte_tokenizer):
    return Case("small", byte_tokenizer)


def is_frozen(name, own):
    layer = re.match(r"transformer\.h\.(\d+)\.", name)
    return int(layer.group(1)) < own["freeze_layers"] if layer else own["freeze_embeddings"] and name.startswith("transformer.w")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("ranks", [1, 3])
def test_run(case, name, ranks, tmp_path):
    reference = RUNS[name]
    own = {key: value for key, value in reference["own"].items() if value is not None}
    run = train(tmp_path, ranks=ranks, global_batch_size=reference["per_device_train_batch_size"], **own, **settings_of(case, reference, tmp_path))
    check_log(reference, training_events(run), micro_batches_alike=False)
    check_model(case, reference, run)
    check_evaluation(case, reference, run)
    before, after = read_safetensors(case.folder / "model/model.safetensors"), read_safetensors(run / "model.safetensors")
    for tensor, values in before.items():
        assert np.array_equal(values, after[tensor]) == is_frozen(tensor, own), tensor
