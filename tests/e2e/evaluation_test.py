"""Evaluations during training: the scores of the log, which of them chooses the best model, several files by name, checkpoints of the model
alone, and a learning rate that follows a metric."""
import csv
import json
import os
import re
import shutil
import signal

import pytest

from support import (LABELS, Hold, checkpoints, evaluation_events, events, finish, linnet, refused, signal_rank, start, train,
                     training_events, weights_digest, write_config)

TIMED = ("tokens_per_second", "samples_per_second", "runtime", "steps_per_second")


def untimed(run):
    """The log without what depends on a clock, whatever the evaluation files are called."""
    return [{key: value for key, value in event.items() if not key.endswith(TIMED)} for event in events(run)]


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, reduction_units=4,
                max_steps=8, learning_rate=3e-3, logging_steps=1, eval_strategy="steps", eval_steps=2, save_strategy="steps", save_steps=2)


@pytest.fixture(scope="module")
def named(settings, sample):
    """Two files by name, the second of which is another table."""
    return {**settings, "eval_file": {"test": str(sample.test), "seen": str(sample.train)}}


@pytest.fixture(scope="module")
def run(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("run"), **settings, report_to=["csv", "tensorboard"])


@pytest.fixture(scope="module")
def named_run(named, tmp_path_factory):
    return train(tmp_path_factory.mktemp("named"), **named, report_to="csv", load_best_model_at_end=True,
                 metric_for_best_model="eval_seen_f1_negative")


def area(rows, label):
    """The share of pairs of a sample of the label and another one that are in the right order."""
    inside = [float(row[label]) for row in rows if row["label"] == label]
    outside = [float(row[label]) for row in rows if row["label"] != label]
    return sum((a > b) + (a == b) / 2 for a in inside for b in outside) / (len(inside) * len(outside))


def predictions(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


# --- Scores -------------------------------------------------------------------------------------------------------------------------------


def test_log_has_all_scores(run):
    """What can be computed again from the predictions, whose probabilities are rounded to 6 digits."""
    last, rows = evaluation_events(run)[-1], predictions(run / "eval_predictions.tsv")
    supports = {label: sum(row["label"] == label for row in rows) for label in LABELS}
    areas = {label: area(rows, label) for label in LABELS}
    assert last["eval_auroc"] == pytest.approx(sum(areas.values()) / 3, abs=1e-3)
    assert last["eval_auroc_weighted"] == pytest.approx(sum(areas[label] * supports[label] for label in LABELS) / len(rows), abs=1e-3)
    for label in LABELS:
        hits = sum(row["label"] == row["predicted"] == label for row in rows)
        predicted = sum(row["predicted"] == label for row in rows)
        assert last[f"eval_support_{label}"] == supports[label]
        assert last[f"eval_recall_{label}"] == pytest.approx(hits / supports[label])
        assert last[f"eval_precision_{label}"] == pytest.approx(hits / predicted if predicted else 0)
    assert last["eval_recall_weighted"] == pytest.approx(last["eval_accuracy"])
    assert last["eval_f1"] == pytest.approx(sum(last[f"eval_f1_{label}"] for label in LABELS) / 3)
    assert -1 <= last["eval_mcc"] <= 1 and 0 <= last["eval_ece"] <= 1


def test_csv_and_card_have_the_scores(run):
    with open(run / "metrics.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["eval_loss"]]
    for row, event in zip(rows, evaluation_events(run), strict=True):
        assert all(float(row[key]) == value for key, value in event.items())
    card = (run / "README.md").read_text()
    last = evaluation_events(run)[-1]
    assert f"type: matthews_correlation\n      name: Matthews Correlation\n      value: {last['eval_mcc']:.6f}\n" in card
    assert f"| expected calibration error | {last['eval_ece']:.4f} |\n" in card


@pytest.mark.parametrize("ranks", [2, 3])
def test_scores_have_the_same_bits_on_any_number_of_ranks(run, settings, tmp_path, ranks):
    assert untimed(train(tmp_path, ranks=ranks, **settings)) == untimed(run)


@pytest.mark.parametrize("ranks", [0, 3])
def test_evaluate_prints_the_same_scores(run, sample, ranks):
    options = "--model", run, "--data", sample.test
    found, last = json.loads(linnet("evaluate", *options, "--json", ranks=ranks).stdout), evaluation_events(run)[-1]
    for name in "loss", "accuracy", "f1", "mcc", "auroc", "ece", "precision", "f1_weighted", "auroc_weighted":
        assert found[f"eval_{name}"] == last[f"eval_{name}"], name
    assert [entry["label"] for entry in found["classes"]] == LABELS
    assert [entry["f1"] for entry in found["classes"]] == [last[f"eval_f1_{label}"] for label in LABELS]
    assert [sum(row) for row in found["confusion_matrix"]] == [entry["support"] for entry in found["classes"]]
    table = linnet("evaluate", *options, ranks=ranks).stdout
    assert f"  AUROC     {last['eval_auroc']:.4f}\n" in table and "\n  weighted avg  " in table


def test_a_class_without_samples_is_named(sample, tmp_path):
    with open(sample.test_csv, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["sentiment"] != "neutral"]
    with open(tmp_path / "two.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerows([["text", "sentiment"], *([row["text"], row["sentiment"]] for row in rows)])
    options = "--model", sample.model, "--data", tmp_path / "two.csv"
    assert "AUROC     not defined: no sample is labelled neutral\n" in linnet("evaluate", *options).stdout
    assert json.loads(linnet("evaluate", *options, "--json").stdout)["eval_auroc"] is None


# --- The best model -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric, larger", [("eval_mcc", True), ("recall_positive", True), ("ece", False)])
def test_any_score_chooses_the_best_model(settings, tmp_path, metric, larger):
    run = train(tmp_path, **settings, load_best_model_at_end=True, metric_for_best_model=metric, greater_is_better=larger)
    logged = [event for event in events(run) if "eval_loss" in event]
    during = logged[:-1] if len(logged) > 4 else logged
    key = metric if metric.startswith("eval_") else f"eval_{metric}"
    best = (max if larger else min)(during, key=lambda event: event[key])["step"]
    assert weights_digest(run) == weights_digest(run / f"checkpoint-{best}")


def test_metrics_that_are_not_reported_are_refused(settings, named, tmp_path):
    for changes, names in [({"metric_for_best_model": "f1_macro"}, ["f1_macro", "no label"]),
                           ({"metric_for_best_model": "auc"}, ["config.json:", "metric_for_best_model", '"auc"']),
                           ({"metric_for_best_model": "eval_acuracy"}, ['"eval_acuracy"', "did you mean accuracy?"]),
                           ({"metric_for_best_model": "f1_negativ"}, ["f1_negativ", "did you mean f1_negative?"])]:
        refused("train", write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, **changes}), names=names)
    for changes, names in [({"metric_for_best_model": "accuracy"}, ["several files", "test_accuracy"]),
                           ({"load_best_model_at_end": True}, ["several files", "eval_NAME_loss"]),
                           ({"metric_for_best_model": "eval_sen_loss"}, ["did you mean seen_loss?"])]:
        refused("train", write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**named, **changes}), ranks=2, names=names)
    assert not (tmp_path / "run").exists()


# --- Several files ------------------------------------------------------------------------------------------------------------------------


def test_files_are_evaluated_in_their_order(named_run, run):
    """Each as if it were alone: the scores are those of the run with the first file."""
    logged = [event for event in events(named_run) if any(key.startswith("eval_") for key in event)]
    firsts, seconds = logged[0:8:2], logged[1:8:2]
    assert all("eval_test_loss" in event and "eval_seen_loss" not in event for event in firsts)
    assert all("eval_seen_loss" in event and "eval_test_loss" not in event for event in seconds)
    alone = [event for event in untimed(run) if "eval_loss" in event]
    found = [{key.replace("eval_test_", "eval_"): value for key, value in event.items() if not key.endswith(TIMED)} for event in firsts]
    assert found == alone


def test_named_file_chooses_the_best_model(named_run):
    logged = [event for event in events(named_run) if "eval_seen_loss" in event][:4]
    best = max(logged, key=lambda event: event["eval_seen_f1_negative"])["step"]
    assert weights_digest(named_run) == weights_digest(named_run / f"checkpoint-{best}")
    state = json.loads((named_run / "checkpoint-8/trainer_state.json").read_text())
    assert state["best_global_step"] == best


def test_files_have_their_predictions_and_columns(named_run, sample):
    assert len(predictions(named_run / "eval_predictions_test.tsv")) == 41
    assert len(predictions(named_run / "eval_predictions_seen.tsv")) == 90
    assert not (named_run / "eval_predictions.tsv").exists()
    with open(named_run / "metrics.csv", encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert {"eval_test_mcc", "eval_seen_mcc", "eval_seen_f1_negative"} < set(header) and "eval_loss" not in header
    resolved = json.loads((named_run / "config.resolved.json").read_text())
    assert resolved["eval_file"] == {"test": str(sample.test), "seen": str(sample.train)}
    card = (named_run / "README.md").read_text()
    assert card.count("\n### On ") == 2 and card.count("\n### Evaluations on ") == 2 and card.count("  - task:\n") == 2


def test_resumed_run_evaluates_all_files(named, named_run, tmp_path):
    other = tmp_path / "run"
    shutil.copytree(named_run, other)
    for step in 6, 8:
        shutil.rmtree(other / f"checkpoint-{step}")
    train(tmp_path, **named, ranks=2, report_to="csv", load_best_model_at_end=True, metric_for_best_model="eval_seen_f1_negative",
          resume_from_checkpoint=True, output_dir=other)
    assert untimed(other) == untimed(named_run) and weights_digest(other) == weights_digest(named_run)


def test_files_on_the_command_line(named, sample, tmp_path):
    config = write_config(tmp_path / "config.json", **{**named, "eval_file": None, "max_steps": 2, "output_dir": str(tmp_path / "run")})
    linnet("train", config, "--eval_file", json.dumps({"only": str(sample.test)}))
    assert "eval_only_loss" in events(tmp_path / "run")[2]


@pytest.mark.parametrize("files, names", [({"a b": "x.h5"}, ['"a b"', "letters"]), ({"a": 3}, ['"a"', "path"]), ({"a": ""}, ["path"])])
def test_names_of_files_are_checked(settings, tmp_path, files, names):
    refused("train", write_config(tmp_path / "config.json", **{**settings, "eval_file": files, "output_dir": str(tmp_path / "run")}),
            names=["config.json:", "eval_file", *names])


def test_missing_named_file_is_named(named, tmp_path):
    files = {**named["eval_file"], "gone": str(tmp_path / "gone.h5")}
    refused("train", write_config(tmp_path / "config.json", **{**named, "eval_file": files, "output_dir": str(tmp_path / "run")}), ranks=2,
            names=["gone.h5"])


# --- Checkpoints of the model alone -------------------------------------------------------------------------------------------------------


def test_save_only_model(settings, run, tmp_path):
    bare = train(tmp_path, **settings, save_only_model=True, load_best_model_at_end=True, save_total_limit=2, ranks=2)
    assert not list(bare.glob("checkpoint-*/optimizer*")) and len(checkpoints(bare)) == 2
    best = min((event for event in events(bare) if "eval_loss" in event), key=lambda event: event["eval_loss"])["step"]
    assert weights_digest(bare / f"checkpoint-{best}") == weights_digest(run / f"checkpoint-{best}") == weights_digest(bare)
    assert "saved with save_only_model" in linnet("inspect", bare / f"checkpoint-{best}").stdout
    again = {**settings, "output_dir": str(bare)}
    for resume in True, str(bare / f"checkpoint-{best}"):
        refused("train", write_config(tmp_path / "again.json", **again, resume_from_checkpoint=resume), names=["save_only_model", "resume"])


def test_stop_signal_saves_all(settings, run, tmp_path, at_call):
    """The checkpoint of a stop can be resumed. A later one that cannot is passed over, even if it is newer."""
    path = write_config(tmp_path / "config.json", **settings, save_only_model=True, output_dir=tmp_path / "run", resume_from_checkpoint=True)
    hold = Hold(at_call, tmp_path, "", "pwrite", [5], "metrics.jsonl")
    process = start(["train", path], 0, hold.environment)
    hold.reached(process, 5)
    signal_rank(process, process.pid, signal.SIGTERM, lambda: os.kill(process.pid, signal.SIGTERM))
    hold.let_go(5)
    assert finish(process).code == 75
    saved = checkpoints(tmp_path / "run")
    assert [step for step in saved if (tmp_path / f"run/checkpoint-{step}/optimizer.safetensors").exists()] == saved[-1:]
    linnet("train", path)
    assert weights_digest(tmp_path / "run") == weights_digest(run)
    again = linnet("train", path)
    assert "skipping checkpoint-8: it has no optimizer state (save_only_model)" in again.stderr
    assert f"resuming from {tmp_path}/run/checkpoint-{saved[-1]} " in again.stderr


# --- A learning rate that follows a metric ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plateau(settings):
    """A threshold that no evaluation reaches: the rate falls with each one after the first."""
    return {**settings, "lr_scheduler_type": "reduce_lr_on_plateau",
            "lr_scheduler_kwargs": {"patience": 0, "factor": 0.5, "threshold": 10, "threshold_mode": "abs", "min_lr": 1e-3}}


def test_rate_falls_after_evaluations(plateau, tmp_path):
    run = train(tmp_path, **plateau)
    rates = [event["learning_rate"] for event in training_events(run)]
    assert rates == [3e-3, 3e-3, 3e-3, 3e-3, 1.5e-3, 1.5e-3, 1e-3, 1e-3]
    resumed = tmp_path / "resumed/run"
    shutil.copytree(run, resumed)
    for step in 6, 8:
        shutil.rmtree(resumed / f"checkpoint-{step}")
    train(tmp_path / "resumed", **plateau, ranks=2, resume_from_checkpoint=True)
    assert untimed(resumed) == untimed(run) and weights_digest(resumed) == weights_digest(run)


def test_plateau_is_checked(plateau, tmp_path):
    for changes, names in [({"eval_strategy": "no"}, ["lr_scheduler_type", "eval_strategy"]),
                           ({"lr_scheduler_kwargs": {"factor": 1}}, ["factor", "below 1"]),
                           ({"lr_scheduler_kwargs": {"mode": "up"}}, ["mode", "min or max"]),
                           ({"lr_scheduler_kwargs": {"patience": 1.5}}, ["patience", "an integer"]),
                           ({"lr_scheduler_kwargs": {"waiting": 1}}, ["waiting", "patience"])]:
        refused("train", write_config(tmp_path / "config.json", **{**plateau, **changes, "output_dir": str(tmp_path / "run")}), names=names)


# --- The page -----------------------------------------------------------------------------------------------------------------------------


def test_report_is_about_the_file_that_chooses(named_run, tmp_path):
    """The other one has a row of its scores."""
    linnet("report", named_run, "--output", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    last = {name: [event for event in events(named_run) if f"eval_{name}_loss" in event][-1] for name in ("test", "seen")}
    for name, event in last.items():
        assert f'<th scope="row">{name}</th><td class="n">{event[f"eval_{name}_accuracy"]:.3f}</td>' in page
        assert f'<td class="n">{event[f"eval_{name}_mcc"]:.3f}</td><td class="n">{event[f"eval_{name}_auroc"]:.3f}</td>' in page
    assert "evaluated on 90 of <b>train.h5</b>" in page and "The predictions are of an evaluation" not in page


def test_report_shows_the_scores_of_an_only_file(run, tmp_path):
    linnet("report", run, "--output", tmp_path / "page.html")
    last = evaluation_events(run)[-1]
    assert f'<th scope="row">evaluation</th><td class="n">{last["eval_accuracy"]:.3f}</td>' in (tmp_path / "page.html").read_text()


def test_report_tells_a_file_from_one_whose_name_it_begins(settings, sample, tmp_path):
    files = {"test": str(sample.test), "test_seen": str(sample.train)}
    run = train(tmp_path, **{**settings, "eval_file": files, "max_steps": 2})
    linnet("report", run, "--output", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    table = page[page.index("<caption>Scores of the last evaluation"):]
    rows = re.findall(r'<tr><th scope="row">([^<]*)</th><td class="n">([^<]*)<', table[:table.index("</table>")])
    last = {name: [event for event in events(run) if f"eval_{name}_loss" in event][-1][f"eval_{name}_accuracy"] for name in files}
    assert [(name, float(shown)) for name, shown in rows] == [(name, pytest.approx(value, abs=6e-4)) for name, value in last.items()]


def test_csv_keeps_the_scores_of_files_that_are_evaluated_no_longer(named, named_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(named_run, run)
    for step in (6, 8):
        shutil.rmtree(run / f"checkpoint-{step}")
    files = {"test": named["eval_file"]["test"], "other": named["eval_file"]["seen"]}
    linnet("train", write_config(tmp_path / "config.json", output_dir=run, report_to="csv", resume_from_checkpoint="auto",
                                 **{**named, "eval_file": files}))
    with open(run / "metrics.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, steps in (("test", ["2", "4", "6", "8"]), ("seen", ["2", "4"]), ("other", ["6", "8"])):
        found = [(row["step"], float(row[f"eval_{name}_loss"])) for row in rows if row[f"eval_{name}_loss"]]
        logged = [event for event in events(run) if f"eval_{name}_loss" in event]
        assert found == [(str(event["step"]), event[f"eval_{name}_loss"]) for event in logged]
        assert [step for step, _ in found] == steps
