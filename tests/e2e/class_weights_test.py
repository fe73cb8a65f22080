"""Class weights and the focal loss in complete runs: resume, what a run tells of them, and weights that change nothing."""
import json
import math
import re
import shutil

import h5py
import pytest

from support import (checkpoints, evaluation_events, linnet, losses, refused, train, training_events, weights_digest, without_timing,
                     write_config)

WEIGHTS = {"negative": 2, "neutral": 0.5, "positive": 1.25}


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, reduction_units=6,
                max_steps=8, learning_rate=1e-3, logging_steps=1, eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=4)


KINDS = {"weights": {"class_weights": list(WEIGHTS.values())}, "smoothed": {"class_weights": "balanced", "label_smoothing_factor": 0.1},
         "focal": {"focal_gamma": 2, "class_weights": WEIGHTS}, "blocks": {"class_weights": WEIGHTS, "data_order": "blocks"}}


@pytest.fixture(scope="module", params=KINDS)
def kind(request, settings, tmp_path_factory):
    """Settings of one kind of loss, and an undisturbed run with them on one rank."""
    changed = {**settings, **KINDS[request.param]}
    return changed, train(tmp_path_factory.mktemp(request.param), ranks=1, **changed)


def test_resumed_on_other_ranks(kind, tmp_path):
    settings, undisturbed = kind
    run = tmp_path / "run"
    shutil.copytree(undisturbed / "checkpoint-4", run / "checkpoint-4")
    train(tmp_path, ranks=3, resume_from_checkpoint=True, **settings)
    assert weights_digest(run) == weights_digest(undisturbed)
    assert without_timing(training_events(run)) == without_timing(training_events(undisturbed))
    assert evaluation_events(run)[-1]["eval_loss"] == evaluation_events(undisturbed)[-1]["eval_loss"]


def quick(settings, **changes):
    return {**settings, "save_strategy": "no", "eval_strategy": "no", "eval_file": None, "max_steps": 4, **changes}


def test_equal_weights_change_nothing(settings, tmp_path):
    digests = set()
    for name, weights in {"none": None, "ones": [1, 1, 1], "fours": [4, 4, 4], "names": {"neutral": 1}}.items():
        (tmp_path / name).mkdir()
        digests.add(weights_digest(train(tmp_path / name, **quick(settings, class_weights=weights))))
    assert len(digests) == 1


def test_balanced_is_by_the_counts(sample, settings, tmp_path):
    """samples / (labels × samples of the label), which the run tells and the card keeps."""
    with h5py.File(sample.train) as file:
        labels = list(file["labels"][:])
        names = [name.decode() for name in file.attrs["label_names"]]
    weights = [len(labels) / (3 * labels.count(k)) for k in range(3)]
    runs, said = [], []
    for name, value in ("balanced", "balanced"), ("list", weights):
        config = write_config(tmp_path / f"{name}.json", output_dir=tmp_path / name, **quick(settings, class_weights=value))
        said.append(linnet("train", config, ranks=2).stderr)
        runs.append(tmp_path / name)
    told = ", ".join(f"{name} {weight:.6g}" for name, weight in zip(names, weights))
    assert f"loss      cross-entropy; class weights: {told} (balanced)\n" in said[0] and f"class weights: {told}\n" in said[1], said
    assert weights_digest(runs[0]) == weights_digest(runs[1])
    assert json.loads((runs[0] / "config.resolved.json").read_text())["class_weights"] == "balanced"
    card = (runs[0] / "README.md").read_text()
    assert "balanced by the training data" in card
    for k, weight in enumerate(weights):
        assert f"| {k} | {names[k]} | {weight:.6g} |" in card


def test_updates_without_a_weight(sample, settings, tmp_path):
    """Samples of weight 0 give an update no loss and no gradient."""
    run = train(tmp_path, **quick(settings, global_batch_size=1, reduction_units=1, class_weights={"negative": 0, "neutral": 0}, max_steps=20))
    found = [(event["loss"], event["grad_norm"]) for event in training_events(run)]
    assert len(found) == 20 and (0, 0) in found and any(loss > 0 and norm > 0 for loss, norm in found)
    assert all((loss == 0) == (norm == 0) for loss, norm in found)


def test_table_and_loss_of_an_evaluation(sample, settings, tmp_path):
    """The weighted mean of the losses by `linnet evaluate`'s predictions, which have six digits."""
    config = write_config(tmp_path / "run.json", output_dir=tmp_path / "run", **{**settings, "class_weights": WEIGHTS})
    printed = linnet("train", config, ranks=2).stdout
    assert re.search(r"^  loss      \d\.\d+, with class weights$", printed, re.M), printed
    linnet("report", tmp_path / "run", "--output", tmp_path / "report.html")
    assert "mean cross-entropy with class weights" in (tmp_path / "report.html").read_text()
    rows = [line.split("\t") for line in (tmp_path / "run/eval_predictions.tsv").read_text().splitlines()]
    sums = [0.0, 0.0]
    for _, label, _, *probabilities in rows[1:]:
        weight = WEIGHTS[label]
        sums[0] -= weight * math.log(float(probabilities[rows[0][3:].index(label)]))
        sums[1] += weight
    assert evaluation_events(tmp_path / "run")[-1]["eval_loss"] == pytest.approx(sums[0] / sums[1], rel=1e-5)


@pytest.mark.parametrize("names", [False, True])  # whether eval_file has names
def test_other_weights_are_named_or_refused(settings, tmp_path, names):
    best = {**settings, "class_weights": WEIGHTS, "load_best_model_at_end": True}
    if names:
        best |= {"eval_file": {"a": str(settings["eval_file"])}, "metric_for_best_model": "eval_a_loss"}
    run = train(tmp_path, **best)
    changed = {**best, "class_weights": "balanced", "resume_from_checkpoint": "auto"}
    was = 'class_weights {"negative":2,"neutral":0.5,"positive":1.25} -> "balanced"'
    refused("train", write_config(tmp_path / "ended.json", output_dir=run, **changed), names=["no update left", was])
    refused("train", write_config(tmp_path / "focal.json", output_dir=run, **{**best, "focal_gamma": 1, "resume_from_checkpoint": "auto"}),
            names=["no update left", "focal_gamma 0 -> 1"])
    shutil.rmtree(run / "checkpoint-8")
    said = linnet("train", write_config(tmp_path / "on.json", output_dir=run, **changed)).stderr
    assert f"changed since {run}/checkpoint-4: {was}" in said and "the best model so far no longer counts" in said, said
    assert checkpoints(run) == [4, 8] and len(losses(run)) == 8
