"""Several labels a sample, numbers, and one of 1,000 labels: the updates, evaluations and predictions of Trainer, on any number of ranks."""
import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from cases import SMALL
from support import evaluation_events, linnet, read_safetensors, train, training_events, weights_digest, write_safetensors, write_token_file

RUNS = json.loads((Path(__file__).parent / "problems.json").read_text())
SAMPLES = json.loads((SMALL / "samples.json").read_text())["ids"]
# float32 sums in another order, as in trainer_runs_test.py.
CLOSE_LOSS, CLOSE_LOGITS = 1e-4, 1e-3


@pytest.fixture(params=RUNS)
def reference(request):
    return RUNS[request.param]


@pytest.fixture
def job(reference, byte_tokenizer, tmp_path):
    """The settings of a run, with model and token files."""
    single = reference["problem_type"] == "single_label_classification"
    names = [f"t{k}" for k in range(1000 if single else len(reference["targets"][0]))]
    model = shutil.copytree(SMALL / "model", tmp_path / "model")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(byte_tokenizer / name, model)
    tensors = read_safetensors(model / "model.safetensors")
    rows, width = tensors["score.weight"], tensors["score.weight"].shape[1]
    cosines = np.cos(np.arange(1000 * width, dtype=np.float64)).reshape(1000, width) / 8
    head = cosines.astype("<f4") if single else rows[:len(names)].copy()
    write_safetensors(model / "model.safetensors", {**tensors, "score.weight": head})
    config = json.loads((model / "config.json").read_text())
    config.update(problem_type=reference["problem_type"], id2label=dict(enumerate(names)), label2id={name: k for k, name in enumerate(names)})
    (model / "config.json").write_text(json.dumps(config))

    def tokens(name, which):
        return write_token_file(tmp_path / name, [SAMPLES[i] for i in which], [reference["targets"][i] for i in which], byte_tokenizer,
                                max_length=config["n_positions"], label_names=names, problem=reference["problem_type"])

    return dict(model_name_or_path=model, train_file=tokens("train.h5", range(48)), eval_file=tokens("eval.h5", range(48, 64)), seed=42,
                dropout=0.0, num_train_epochs=2, logging_steps=1, save_strategy="no", eval_strategy="epoch", eval_on_start=True,
                **reference["options"])


def check(reference, run):
    micro_batches = reference["gradient_accumulation_steps"]
    assert len(training_events(run)) == len(reference["log"])
    for event, expected in zip(training_events(run), reference["log"]):
        # Transformers logs the sum over the micro-batches of their means.
        assert event["loss"] == pytest.approx(expected["loss"] / micro_batches, rel=CLOSE_LOSS), event
        assert event["grad_norm"] == pytest.approx(expected["grad_norm"] / micro_batches, rel=10 * CLOSE_LOSS), event
        assert event["learning_rate"] == pytest.approx(expected["learning_rate"], rel=1e-12, abs=1e-20), event
    evaluations = evaluation_events(run)
    assert evaluations[0]["eval_loss"] == pytest.approx(reference["eval_loss_before"], rel=CLOSE_LOSS)
    assert evaluations[-1]["eval_loss"] == pytest.approx(reference["eval_loss"], rel=CLOSE_LOGITS)
    if reference["problem_type"] == "single_label_classification":
        return  # a softmax over 1,000: the loss tells it all
    multi = reference["problem_type"] == "multi_label_classification"
    with open(run / "eval_predictions.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 16
    for row, logits, targets in zip(rows, reference["logits"], reference["targets"][48:]):
        expected = [1 / (1 + math.exp(-logit)) for logit in logits] if multi else logits
        found = [float(row[f"t{k}" if multi else f"predicted_t{k}"]) for k in range(len(logits))]
        assert found == pytest.approx(expected, abs=CLOSE_LOGITS)
        if multi:
            assert row["labels"] == ",".join(f"t{k}" for k, target in enumerate(targets) if target)
        else:
            assert [float(row[f"t{k}"]) for k in range(len(targets))] == targets


def test_run_on_one_rank(reference, job, tmp_path):
    run = train(tmp_path, **job, per_device_train_batch_size=reference["per_device_train_batch_size"],
                gradient_accumulation_steps=reference["gradient_accumulation_steps"])
    check(reference, run)
    config = json.loads((run / "config.json").read_text())
    assert config["problem_type"] == reference["problem_type"]
    assert len(config["id2label"]) == (len(reference["targets"][0]) if isinstance(reference["targets"][0], list) else 1000)


def test_same_bits_on_any_number_of_ranks(reference, job, tmp_path):
    global_batch = reference["per_device_train_batch_size"] * reference["gradient_accumulation_steps"]
    runs = [train(tmp_path / str(ranks), ranks=ranks, **job, global_batch_size=global_batch, reduction_units=4) for ranks in (1, 2, 3)]
    check(reference, runs[2])
    assert len({weights_digest(run) for run in runs}) == 1
    scores = [[{key: value for key, value in event.items() if "second" not in key and "runtime" not in key} for event in evaluation_events(run)]
              for run in runs]
    assert scores[0] == scores[1] == scores[2]
    assert len({(run / "eval_predictions.tsv").read_bytes() for run in runs}) == 1


def test_a_resumed_run_has_the_same_bits(reference, job, tmp_path):
    job = {**job, "save_strategy": "epoch", "global_batch_size": 8, "reduction_units": 2}
    whole = train(tmp_path / "whole", **job)
    part = train(tmp_path / "part", ranks=2, **job)
    shutil.rmtree(max(part.glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1])))
    (part / "model.safetensors").unlink()
    train(tmp_path / "part", **job, resume_from_checkpoint="auto")
    assert weights_digest(whole) == weights_digest(part)


def test_evaluate_is_the_evaluation_of_training(reference, job, tmp_path):
    run = train(tmp_path, **job)
    event = evaluation_events(run)[-1]
    linnet("evaluate", "--model", run, "--data", job["eval_file"], "--predictions", tmp_path / "p.tsv", ranks=2)
    assert (tmp_path / "p.tsv").read_bytes() == (run / "eval_predictions.tsv").read_bytes()
    shown = linnet("evaluate", "--model", run, "--data", job["eval_file"]).stdout
    digits = ".4f" if reference["problem_type"] == "single_label_classification" else ".6g"
    assert f"loss      {event['eval_loss']:{digits}}\n" in shown
