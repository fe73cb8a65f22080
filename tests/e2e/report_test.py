"""`linnet report`: the page's structure and figures, without a browser; and the predictions that a run keeps for it."""
import csv
import fcntl
import json
import math
import os
import re
import shutil
import statistics
import struct
from html.parser import HTMLParser

import numpy as np
import pytest

from support import LABELS, evaluation_events, events, linnet, refused, train, training_events, write_token_file

VOID = {"meta", "link", "br", "hr", "img", "input"}
Z = statistics.NormalDist().inv_cdf(0.975)


class Document(HTMLParser):
    """What the tests ask of a page: its elements in order, with their texts, and its tables by caption."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.stack, self.elements, self.tables, self.declaration = [], [], [], None
        self.feed(self.source)
        self.close()
        assert not self.stack, "elements that are not closed"
        self.ids = [e["id"] for e in self.elements if "id" in e]

    def handle_decl(self, declaration):
        self.declaration = declaration

    def handle_starttag(self, tag, attributes):
        assert len(attributes) == len(dict(attributes)), f"an attribute twice: {attributes}"
        element = {"tag": tag, **dict(attributes), "text": "", "within": [e["tag"] for e in self.stack]}
        self.elements.append(element)
        if tag == "table":
            self.tables.append({"caption": "", "rows": [], "cells": []})
        if tag == "tr":
            self.tables[-1]["rows"].append([])
        if tag in ("td", "th"):
            self.tables[-1]["cells"].append(element)
            self.tables[-1]["rows"][-1].append("")
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1]["tag"] == tag, f"</{tag}> closes {self.stack[-1:]}"
        self.stack.pop()

    def handle_data(self, data):
        for element in self.stack:
            element["text"] += data
        tags = [element["tag"] for element in self.stack]
        if "caption" in tags:
            self.tables[-1]["caption"] += data
        elif "td" in tags or "th" in tags:
            self.tables[-1]["rows"][-1][-1] += data

    def table(self, caption, at=0):
        """The rows of the at-th table whose caption starts so."""
        found = [table["rows"] for table in self.tables if table["caption"].startswith(caption)]
        assert len(found) > at, [table["caption"] for table in self.tables]
        return found[at]

    def text(self, identity):
        return next(e["text"] for e in self.elements if e.get("id") == identity)

    def of(self, tag):
        return [e for e in self.elements if e["tag"] == tag]


def check_structure(page):
    """Nothing is loaded; names are unique and lead somewhere; a screen reader finds headings, tables and charts."""
    assert page.declaration == "DOCTYPE html"
    assert {e["tag"] for e in page.elements}.isdisjoint({"script", "iframe", "object", "embed", "img", "form", "base"})
    for element in page.elements:
        assert not [key for key in element if key.startswith("on")], element
        for key in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert element.get(key, "#").startswith(("#", "data:,")), element
    style = "".join(e["text"] for e in page.of("style"))
    assert "url(" not in style and "@import" not in style and "http" not in style
    assert len(page.ids) == len(set(page.ids))
    for element in page.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(element.get(key, "").split()) <= set(page.ids), element
        if element.get("href", "").startswith("#"):
            assert element["href"][1:] in page.ids
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch("h[1-6]", e["tag"])]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
    for table in page.tables:
        assert table["caption"].strip()
        headers = [cell for cell in table["cells"] if cell["tag"] == "th"]
        assert headers and all(cell.get("scope") in ("row", "col") for cell in headers)
        assert len({len(row) for row in table["rows"]}) == 1, table
    for drawing in page.of("svg"):
        assert drawing.get("aria-hidden") == "true" or (drawing["role"] == "img" and len(drawing["aria-labelledby"].split()) == 2)
    assert page.of("html")[0]["lang"] == "en" and page.of("title")[0]["text"]
    assert not re.search(r"\bnan\b|\binf\b", re.sub(r"<style>.*?</style>", "", page.source, flags=re.S), re.I)


def report(output, *runs, code=0):
    result = linnet("report", *runs, "-o", output, code=code)
    page = Document(output)
    check_structure(page)
    return page, result


def wilson(hits, count):
    p, z2 = hits / count, Z * Z
    half = Z / (1 + z2 / count) * math.sqrt(p * (1 - p) / count + z2 / (4 * count * count))
    middle = (p + z2 / (2 * count)) / (1 + z2 / count)
    return p, max(middle - half, 0), min(middle + half, 1)


def read_predictions(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    names = rows[0][3:]
    truth = np.array([names.index(row[1]) for row in rows[1:]])
    guess = np.array([names.index(row[2]) for row in rows[1:]])
    return names, truth, guess, np.array([[float(cell) for cell in row[3:]] for row in rows[1:]], np.float32)


@pytest.fixture(scope="module")
def runs(sample, tmp_path_factory):
    """Three runs: two that differ in the seed, and one with another learning rate."""
    folder = tmp_path_factory.mktemp("runs")
    job = dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, reduction_units=4,
               max_steps=12, learning_rate=3e-3, logging_steps=2, eval_strategy="steps", eval_steps=4, save_strategy="no")
    return [train(folder, **{**job, "output_dir": folder / name, **more})
            for name, more in (("one", {}), ("two", {"seed": 7}), ("three", {"learning_rate": 1e-3}))]


# --- A run's predictions


@pytest.mark.tiny
def test_run_keeps_the_predictions_of_its_final_model(sample, runs, tmp_path):
    linnet("evaluate", "--model", runs[0], "--data", sample.test, "--predictions", tmp_path / "p.tsv")
    assert (runs[0] / "eval_predictions.tsv").read_bytes() == (tmp_path / "p.tsv").read_bytes()
    _, truth, guess, _ = read_predictions(runs[0] / "eval_predictions.tsv")
    assert evaluation_events(runs[0])[-1]["eval_accuracy"] == (truth == guess).mean()


def test_best_model_has_its_predictions(sample, job, tmp_path):
    """With load_best_model_at_end the table is of the best model; on 2 ranks as on 1."""
    settings = {**job, "eval_file": sample.test, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2,
                "load_best_model_at_end": True, "metric_for_best_model": "loss", "learning_rate": 3e-2}
    alone, two = train(tmp_path / "1", **settings), train(tmp_path / "2", ranks=2, **settings)
    linnet("evaluate", "--model", alone, "--data", sample.test, "--predictions", tmp_path / "p.tsv")
    assert (alone / "eval_predictions.tsv").read_bytes() == (tmp_path / "p.tsv").read_bytes() == (two / "eval_predictions.tsv").read_bytes()


def test_page_says_which_model_was_kept(sample, job, tmp_path):
    """With load_best_model_at_end it may be of an earlier update than the last."""
    run = train(tmp_path, **{**job, "eval_file": sample.test, "max_steps": 4, "dropout": 0, "reduction_units": 1, "eval_strategy": "steps",
                             "eval_steps": 2, "save_strategy": "steps", "save_steps": 2, "load_best_model_at_end": True})
    assert "update 2 of 4" in (run / "README.md").read_text()
    page, _ = report(tmp_path / "report.html", run)
    assert "its model is the best one, of step 2" in page.source


def test_run_without_evaluation_removes_an_earlier_runs_predictions(job, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/eval_predictions.tsv").write_text("row\tlabel\tpredicted\n")
    run = train(tmp_path, **{**job, "max_steps": 1})
    assert not (run / "eval_predictions.tsv").exists()


def test_run_from_another_folders_checkpoint_removes_an_earlier_runs_predictions(sample, job, tmp_path):
    """The run stops before an evaluation, whose predictions would replace them."""
    settings = {**job, "eval_file": sample.test, "max_steps": 4}
    other = train(tmp_path / "a", **{**settings, "save_strategy": "steps", "save_steps": 2})
    earlier = train(tmp_path / "b", **{**settings, "seed": 3})
    assert (earlier / "eval_predictions.tsv").exists()
    train(tmp_path / "b", code=2, **{**settings, "learning_rate": 1e30, "max_steps": 8, "lr_scheduler_type": "constant",
                                     "resume_from_checkpoint": other / "checkpoint-2", "overwrite_output_dir": True})
    assert not (earlier / "eval_predictions.tsv").exists()


@pytest.mark.parametrize("then, code", [("continue", 0), ("stop", 2)])
def test_predictions_that_cannot_be_written(sample, job, tmp_path, fail_calls, then, code):
    """As on_save_failure says, on all ranks; nothing hangs, and nothing is left over."""
    (tmp_path / "while").touch()
    env = fail_calls(call="open", under="eval_predictions.tsv", **{"while": tmp_path / "while"})
    run = train(tmp_path, ranks=2, code=code, env=env, **{**job, "max_steps": 2, "eval_file": sample.test, "on_save_failure": then})
    assert not [path for path in run.iterdir() if "eval_predictions" in path.name]
    assert (run / "config.json").exists()


# --- The page of a run


@pytest.mark.tiny
def test_page_has_the_figures_of_the_log(runs, tmp_path):
    run = runs[0]
    page, result = report(tmp_path / "report.html", run)
    assert "report.html: 1 run" in result.stderr
    last = evaluation_events(run)[-1]
    summary = page.text("summary")
    low, high = wilson(round(last["eval_accuracy"] * 41), 41)[1:]
    assert f"{100 * last['eval_accuracy']:.1f}\N{NO-BREAK SPACE}%" in summary
    assert f"{100 * low:.1f} to {100 * high:.1f}\N{NO-BREAK SPACE}%" in summary
    assert f"{last['eval_f1']:.3f}" in summary and f"{last['eval_loss']:.4g}" in summary
    assert "finished after 12 steps" in summary and "model" in summary and "test.h5" in summary and "90 samples" in summary
    rows = page.table("Loss by step")
    assert rows[0] == ["step", "training", "evaluation"]
    expected = {e["step"]: {} for e in events(run) if "loss" in e or "eval_loss" in e}
    for event in events(run):
        for key in ("loss", "eval_loss"):
            if key in event:
                expected[event["step"]][key] = f"{event[key]:.4g}"
    assert rows[1:] == [[str(step), values.get("loss", ""), values.get("eval_loss", "")] for step, values in sorted(expected.items())]
    for caption, key in (("Learning rate by step", "learning_rate"), ("Gradient norm by step", "grad_norm"),
                         ("Throughput (tokens/s) by step", "tokens_per_second")):
        assert page.table(caption)[1:] == [[str(e["step"]), f"{e[key]:.4g}"] for e in training_events(run)]
    assert page.table("Accuracy by step")[1:] == [[str(e["step"]), f"{e['eval_accuracy']:.4g}", f"{e['eval_f1']:.4g}"]
                                                  for e in evaluation_events(run)]


@pytest.mark.tiny
def test_page_counts_the_predictions(runs, tmp_path):
    page, _ = report(tmp_path / "report.html", runs[0])
    names, truth, guess, probabilities = read_predictions(runs[0] / "eval_predictions.tsv")
    matrix = page.table("Confusion matrix")
    assert matrix[0][1:] == names == LABELS
    for t, row in enumerate(matrix[1:]):
        for g, cell in enumerate(row[1:]):
            count, support = int(((truth == t) & (guess == g)).sum()), int((truth == t).sum())
            assert cell == f"{count} {100 * count / support:.1f}\N{NO-BREAK SPACE}%"
    for k, row in enumerate(page.table("Scores by class")[1:]):
        hits, said, support = (int(((truth == k) & (guess == k)).sum()), int((guess == k).sum()), int((truth == k).sum()))
        for cell, (count, of) in zip(row[1:3], ((hits, said), (hits, support))):
            assert cell == ("{:.3f} {:.3f}–{:.3f}".format(*wilson(count, of)) if of else "0.000 0.000–1.000")
        assert row[3].startswith(f"{2 * hits / (said + support):.3f} ") and row[4] == str(support)
    # Expected calibration error in float64, from the float32 values that the table reads as: rounding is far below 0.0005.
    confidence = probabilities[np.arange(len(guess)), guess].astype(float)
    bins = np.minimum((confidence * 15).astype(int), 14)
    error = sum(abs((truth == guess)[bins == b].sum() - confidence[bins == b].sum()) for b in range(15)) / len(guess)
    assert f"{error:.3f}" in page.text("calibration-1")
    assert sum(int(row[1]) for row in page.table("Reliability by probability")[1:]) == len(guess)


@pytest.mark.tiny
def test_page_shows_texts_and_lengths(sample, runs, tmp_path):
    page, _ = report(tmp_path / "report.html", runs[0])
    _, truth, guess, probabilities = read_predictions(runs[0] / "eval_predictions.tsv")
    with open(sample.test_csv, encoding="utf-8", newline="") as file:
        texts = [row["text"].replace("\n", "\\n") for row in csv.DictReader(file)]
    confidence = probabilities[np.arange(len(guess)), guess]
    wrong = sorted(np.flatnonzero(truth != guess), key=lambda i: -confidence[i])[:10]
    assert [row[0] for row in page.table("Most confidently wrong")[1:]] == [texts[i] for i in wrong]
    second = np.sort(probabilities, axis=1)[:, -2]
    hardest = sorted(range(len(guess)), key=lambda i: float(confidence[i]) - float(second[i]))[:10]
    rows = page.table("Hardest")[1:]
    assert [row[0] for row in rows] == [texts[i] for i in hardest]
    assert [row[3] for row in rows] == [str(i) for i in hardest]
    assert sum(int(row[1]) for row in page.table("Texts and accuracy by length")[1:]) == len(texts)


def test_page_tells_settings_times_and_origin(runs, tmp_path):
    page, _ = report(tmp_path / "report.html", runs[0])
    settings = json.loads((runs[0] / "config.resolved.json").read_text())
    rows = {row[0]: row[1] for row in page.table("All settings")[1:]}
    assert rows["learning_rate"] == "0.003" and rows["seed"] == "42" and rows["output_dir"] == settings["output_dir"]
    assert set(rows) == set(settings)
    times = page.table("from the log")
    assert [row[0] for row in times[1:]] == ["updates", "evaluation", "loading, saving, other", "all"]
    origin = {row[0]: row[1] for row in page.table("When, with what")[1:]}
    state = json.loads((runs[0] / "linnet_state.json").read_text())
    assert origin["Model, SHA-256"] == state["sha256"]["model.safetensors"] and origin["Run"] == state["run"]["id"]
    assert origin["Started"] == state["run"]["started"] and state["data_sha256"] in origin["Training data"]
    assert origin["Made with linnet"].startswith(state["made_with"]["linnet"])


def test_times_come_from_the_profile(sample, job, tmp_path):
    """Self times of the regions in the trace: what is inside a region is not the region's; what is inside an evaluation is."""
    run = train(tmp_path, **{**job, "eval_file": sample.test, "max_steps": 2})
    # An optimizer region of 4 s that has 1 s of reduction in it; an evaluation of 3 s with 2 s of forward pass, of which 1 s attention.
    visits = [("reduction", 1, 1), ("optimizer", 0.5, 4), ("attention", 11, 1), ("forward", 10.5, 2), ("evaluation", 10, 3)]
    lines = [f'{{"name":"{name}","ph":"X","pid":0,"tid":0,"ts":{start * 1e6:.3f},"dur":{seconds * 1e6:.3f}}}' for name, start, seconds in visits]
    for rank in range(2):
        (run / f"profile-{rank}.json").write_text('{"traceEvents":[\n' + ",\n".join(lines) + '\n],"displayTimeUnit":"ms"}\n')
    page, _ = report(tmp_path / "report.html", run)
    rows = page.table("from the profile, mean of 2 ranks")[1:]
    space = "\N{NO-BREAK SPACE}"
    assert [row[:2] for row in rows] == [["reduction", f"1.0{space}s"], ["optimizer", f"3.0{space}s"], ["evaluation", f"3.0{space}s"],
                                         ["all", f"7.0{space}s"]]


# --- Several runs


def test_runs_are_compared(runs, tmp_path):
    page, _ = report(tmp_path / "report.html", *runs)
    scores = page.table("Scores of the last evaluation")[1:]
    accuracies = [evaluation_events(run)[-1]["eval_accuracy"] for run in runs]
    best = accuracies.index(max(accuracies))
    for run, accuracy, row, i in zip(runs, accuracies, scores, range(3)):
        assert row[0] == run.name + (" best" if i == best else "")
        assert row[1] == "{:.3f} {:.3f}–{:.3f}".format(*wilson(round(accuracy * 41), 41))
    spread = page.table("Runs that differ in the seed only")[1:]
    assert [row[:2] for row in spread] == [["one, two", "2"]]
    for cell, key in zip(spread[0][2:], ("eval_accuracy", "eval_f1", "eval_loss")):
        values = [evaluation_events(run)[-1][key] for run in runs[:2]]
        assert cell == f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
    different = {row[0]: row[1:] for row in page.table("What differs between the runs")[1:]}
    assert different == {"seed": ["42", "7", "42"], "learning_rate": ["0.003", "0.003", "0.001"]}
    rows = page.table("Training loss by step")
    assert rows[0] == ["step", "one", "two", "three"]
    assert [row[2] for row in rows[1:]] == [f"{e['loss']:.4g}" for e in training_events(runs[1])]
    assert len([e for e in page.of("details") if e.get("class") == "run"]) == 3


def test_twenty_runs_and_no_more(runs, tmp_path):
    copies = [shutil.copytree(runs[i % 3], tmp_path / f"run{i}") for i in range(21)]
    page, _ = report(tmp_path / "report.html", *copies[:20])
    styles = {e["class"] for e in page.of("path") if e.get("class", "").startswith("line") and "figure" not in e["within"]}
    assert len(styles) == 20, "two runs look the same"
    refused("report", *copies, "-o", tmp_path / "more.html", names=["21 runs", "20"])
    assert not (tmp_path / "more.html").exists()


def test_runs_of_one_name_are_called_by_their_paths(runs, tmp_path):
    paths = [shutil.copytree(runs[0], tmp_path / name / "run") for name in "ab"]
    page, _ = report(tmp_path / "report.html", *paths)
    assert [row[0].removesuffix(" best") for row in page.table("Scores of the last evaluation")[1:]] == [str(path) for path in paths]


# --- What is missing, damaged or hostile


def made_run(folder, lines, predictions=None, settings=None):
    """The folder of a run, written by hand."""
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    if predictions is not None:
        (folder / "eval_predictions.tsv").write_text(predictions)
    if settings is not None:
        (folder / "config.resolved.json").write_text(json.dumps(settings))
    return folder


LINES = [{"step": 1, "epoch": 0.5, "loss": 1.5, "grad_norm": 2, "learning_rate": 1e-3, "tokens_per_second": 9, "samples_per_second": 3},
         {"step": 2, "epoch": 1, "loss": 1.25, "grad_norm": 1, "learning_rate": 5e-4, "tokens_per_second": 8, "samples_per_second": 3}]
EVALUATION = {"step": 2, "epoch": 1, "eval_loss": 0.5, "eval_accuracy": 0.5, "eval_f1": 0.25, "eval_runtime": 2, "eval_samples_per_second": 1}


@pytest.mark.tiny
def test_damaged_lines_are_left_out(tmp_path):
    nan = {**LINES[1], "step": 3, "loss": None, "grad_norm": None}
    run = made_run(tmp_path / "run", [LINES[0], "{\"step\": 2, \"loss\"\n", "[]\n", LINES[1], nan, '{"step": 4, "loss": 1.1'])
    page, result = report(tmp_path / "report.html", run)
    for line in (2, 3, 6):
        assert f"metrics.jsonl: line {line} is incomplete or damaged: left out" in result.stderr
    assert "3 incomplete or damaged lines of its log are left out" in page.text("summary")
    assert [row[:2] for row in page.table("Loss by step")[1:]] == [["1", "1.5"], ["2", "1.25"], ["3", "–"]]
    assert "stopped or failed, at step 3" in page.text("summary")


@pytest.mark.tiny
def test_absurd_values_do_no_harm(tmp_path):
    """Values that no run has: too large, negative, of another type. The page has no figure for them, or that one."""
    absurd = [{"step": 1, "epoch": 1, "loss": 1e308, "grad_norm": -1e308, "learning_rate": "high", "samples_per_second": 1e-308},
              {"step": 2, "epoch": 2, "loss": 1e15, "grad_norm": 5e-324, "learning_rate": True, "tokens_per_second": 1e300},
              '{"step": 3, "epoch": 3, "loss": 1e999, "samples_per_second": 1e-300}\n', {"step": 1e300, "loss": 1}, {"step": -1, "loss": 1},
              {**EVALUATION, "step": 4, "eval_accuracy": 7, "eval_runtime": 1e200, "eval_samples_per_second": 1e200}, "\0\0\0\n", "\0"]
    run = made_run(tmp_path / "run", absurd)
    (run / "profile-0.json").write_text('{"name":"save","ph":"X","pid":0,"tid":0,"ts":nan,"dur":inf}\n')
    page, result = report(tmp_path / "report.html", run)
    assert result.stderr.count("left out") == 4 and "4 incomplete or damaged lines" in page.text("summary")
    assert [row[1] for row in page.table("Loss by step")[1:]] == ["1e+308", "1e+15", "–", ""]
    assert "tells no times yet" in page.text("time")
    (run / "eval_predictions.tsv").write_text("row\tlabel\tpredicted\ta\tb\n0\ta\ta\t1\t0\n\0")
    assert "has zero bytes" in report(tmp_path / "report.html", run)[0].text("classes-1")


@pytest.mark.tiny
def test_run_that_has_just_begun(tmp_path):
    page, _ = report(tmp_path / "report.html", made_run(tmp_path / "run", []))
    assert "no evaluation yet" in page.text("summary") and "no values to draw yet" in page.text("curves")
    assert "tells no times yet" in page.text("time") and "has no eval_predictions.tsv" in page.text("classes-1")


def test_run_under_way(tmp_path):
    run = made_run(tmp_path / "run", LINES)
    with open(run / ".lock", "w") as file:
        # The lock of an open file description, as linnet takes it: struct flock of Linux on 64 bits.
        fcntl.fcntl(file, getattr(fcntl, "F_OFD_SETLK", 37), struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        page, _ = report(tmp_path / "report.html", run)
    assert "This run is under way, at step 2" in page.text("summary")
    page, _ = report(tmp_path / "report.html", run)
    assert "stopped or failed, at step 2" in page.text("summary")


def test_stopped_run_says_how_far_it_is(sample, job, tmp_path):
    run = train(tmp_path, **{**job, "save_strategy": "steps", "save_steps": 5})
    for name in ("config.json", "linnet_state.json"):
        (run / name).unlink()
    log = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(line for line in log if "train_loss" not in line))
    page, _ = report(tmp_path / "report.html", run)
    assert "stopped or failed, at step 10 of 10" in page.text("summary")


def test_without_the_token_file_rows_stand_for_texts(runs, sample, tmp_path):
    run = shutil.copytree(runs[0], tmp_path / "run")
    settings = json.loads((run / "config.resolved.json").read_text())

    def with_eval_file(path):
        (run / "config.resolved.json").write_text(json.dumps({**settings, "eval_file": str(path)}))
        return report(tmp_path / "report.html", run)[0]

    page = with_eval_file(tmp_path / "gone.h5")
    assert "gone.h5" in page.text("texts-1") and "gone.h5" in page.text("lengths-1")
    assert all(re.fullmatch(r"row \d+", row[0]) for row in page.table("Hardest")[1:])
    page = with_eval_file(sample.train)
    assert "has 90 samples now, the predictions are of 41" in page.text("texts-1")


@pytest.mark.tiny
@pytest.mark.parametrize("table, says", [
    ("", "is empty"),
    ("row\tpredicted\ta\tb\n", "line 1: expected the columns row, label, predicted"),
    ("row\tlabel\tpredicted\ta\tb\n0\ta\tc\t0.5\t0.5\n", "line 2: expected two labels of the header"),
    ("row\tlabel\tpredicted\ta\tb\n0\ta\tb\t0.5\n", "line 2: expected a probability"),
    ("row\tlabel\tpredicted\ta\tb\n0\ta\tb\t0.5\t1.5\n", "line 2: expected a probability"),
    ("row\tlabel\tpredicted\ta\tb\n0\ta\tb\t0.5\tnan54492\n", "line 2: expected a probability"),
    ("row\tlabel\tpredicted\ta\tb\n99999999999999999999\ta\tb\t0.5\t0.5\n", "line 2: expected a row number"),
    ("row\tlabel\tpredicted\ta\tb\nx\ta\tb\t0.5\t0.5\n", "line 2: expected a row number"),
    ("row\tlabel\tpredicted\ta\tb\n0\ta\tb\t0.5\t0.5\t1\n", "line 2: more cells than the header"),
    ("row\tlabel\tpredicted\ta\tb\n", "has no samples"),
])
def test_damaged_predictions(tmp_path, table, says):
    page, result = report(tmp_path / "report.html", made_run(tmp_path / "run", [*LINES, EVALUATION], table))
    assert says in page.text("classes-1") and says in result.stderr and "warning" in result.stderr


def test_predictions_of_another_evaluation_are_named(tmp_path):
    table = "row\tlabel\tpredicted\ta\tb\n0\ta\ta\t0.75\t0.25\n1\tb\tb\tnull\tnull\n"
    earlier = {**EVALUATION, "step": 1, "eval_accuracy": 1.0}
    page, _ = report(tmp_path / "a.html", made_run(tmp_path / "a", [earlier, EVALUATION], table))
    assert "of the evaluation at step 1" in page.text("classes-1")
    assert "1 samples without probabilities" in page.text("calibration-1")
    page, _ = report(tmp_path / "b.html", made_run(tmp_path / "b", [EVALUATION], table))
    assert "of an evaluation that the log does not have" in page.text("classes-1")


@pytest.mark.parametrize("first", ["a", "null"])
def test_sample_without_a_predicted_label(tmp_path, first):
    """It counts as the first label, as in the evaluation; a label may be called "null"."""
    table = f"row\tlabel\tpredicted\t{first}\tb\n0\t{first}\tnull\tnull\tnull\n1\tb\tb\t0.25\t0.75\n2\tb\t{first}\t0.625\t0.375\n"
    event = {**EVALUATION, "eval_accuracy": 2 / 3}
    page, _ = report(tmp_path / "a.html", made_run(tmp_path / "a", [event], table))
    assert "of an evaluation that the log does not have" not in page.text("classes-1")
    assert f"true \\ predicted{first}b{first}1 100.0\xa0%0 0.0\xa0%b1 50.0" in page.text("classes-1")
    assert "1 samples without probabilities" in page.text("calibration-1")


def test_many_classes_are_listed(tmp_path):
    names = [f"c{i}" for i in range(40)]
    rows = [(i % 40, (i * i) % 40) for i in range(400)]
    table = "\t".join(["row", "label", "predicted", *names]) + "\n" + "".join(
        f"{i}\t{names[t]}\t{names[g]}\t" + "\t".join("1" if k == g else "0" for k in range(40)) + "\n" for i, (t, g) in enumerate(rows))
    page, _ = report(tmp_path / "report.html", made_run(tmp_path / "run", [EVALUATION], table))
    counts = {}
    for pair in rows:
        counts[pair] = counts.get(pair, 0) + (pair[0] != pair[1])
    listed = page.table("The pairs of classes confused most")[1:]
    assert len(listed) == 20 and len({(row[0], row[1]) for row in listed}) == 20
    assert [int(row[2]) for row in listed] == sorted(counts.values(), reverse=True)[:20]
    assert all(counts[int(row[0][1:]), int(row[1][1:])] == int(row[2]) for row in listed)
    assert len(page.table("Scores by class")) == 41


def test_long_log_is_thinned(tmp_path):
    lines = [{**LINES[0], "step": i, "loss": 9.0 if i == 5003 else 1.0} for i in range(1, 10001)]
    page, _ = report(tmp_path / "report.html", made_run(tmp_path / "run", lines))
    rows = page.table("Loss by step: 60 of 10000 steps")[1:]
    assert len(rows) == 60 and rows[0][0] == "1" and rows[-1][0] == "10000"
    drawn = next(e for e in page.of("path") if e.get("class") == "line s0 d0" and "figure" in e["within"] and "ul" not in e["within"])
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn["d"])
    assert 300 <= len(points) <= 600
    assert sum(float(y) < 50 for _, y in points) == 1, "the one high value is drawn"
    assert len(page.source) < 150_000


@pytest.mark.tiny
def test_hostile_texts_are_inert(sample, tmp_path):
    """Texts, labels, paths and settings of others are shown, and nothing more."""
    attack = '</td><script>alert(1)</script><img src=x onerror="alert(2)">&amp;\N{RIGHT-TO-LEFT OVERRIDE}evil\x1b[31m\r\n\'quoted\''
    vocabulary = json.loads((sample.tokenizer / "vocab.json").read_text(encoding="utf-8"))
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    ids = {byte: vocabulary[chr(byte) if byte in printable else chr(next(others))] for byte in range(256)}
    names = ["<b>bold</b>", "a\"b' & c"]
    data = write_token_file(tmp_path / "eval.h5", [[ids[byte] for byte in attack.encode()], [ids[ord("x")]]], [0, 1], sample.tokenizer,
                            label_names=names)
    table = "\t".join(["row", "label", "predicted", *names]) + f"\n0\t{names[0]}\t{names[1]}\t0.1\t0.9\n1\t{names[1]}\t{names[1]}\t0.4\t0.6\n"
    settings = {"eval_file": str(data), "model_name_or_path": str(sample.tokenizer), "metric_for_best_model": "</code><script>alert(3)</script>"}
    run = made_run(tmp_path / "<script>alert(4)<'\">&", [*LINES, EVALUATION], table, settings)
    page, result = report(tmp_path / "report.html", run)
    shown = attack.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "\\u202e").replace("\x1b", "\\x1b").replace("\r", "\\r").replace("\n", "\\n")
    assert page.table("Most confidently wrong")[1][0] == shown
    assert page.table("Confusion matrix")[0][1:] == names
    assert page.of("h1")[0]["text"] == run.name
    assert "</code><script>alert(3)</script>" in {row[1] for row in page.table("All settings")[1:]}
    assert "default-src 'none'" in next(e["content"] for e in page.of("meta") if e.get("http-equiv"))


# --- Use


@pytest.mark.tiny
def test_use(runs, tmp_path):
    out = tmp_path / "report.html"
    refused("report", runs[0], names=["--output"])
    refused("report", "-o", out, names=["no RUN"])
    refused("report", names=["no RUN", "linnet report run --output report.html"])  # a command that is right
    refused("report", tmp_path / "none", "-o", out, names=["none: does not exist"])
    refused("report", runs[0] / "metrics.jsonl", "-o", out, names=["metrics.jsonl is not a folder"])
    (tmp_path / "empty").mkdir()
    refused("report", tmp_path / "empty", "-o", out, names=["empty has no metrics.jsonl", "output_dir"])
    refused("report", runs[0], f"{runs[0]}/", "-o", out, names=["are the same folder"])
    refused("report", runs[0], "-o", tmp_path / "no" / "report.html", names=["report.html"])
    out.write_text("my notes")
    refused("report", runs[0], "-o", out, names=["report.html", "an HTML page"])
    assert out.read_text() == "my notes"
    out.unlink()
    linnet("report", runs[0], "--output", out)
    linnet("report", runs[0], f"--output={out}", "--quiet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "report.html"]


def test_full_disk_leaves_no_page(runs, tmp_path, fail_calls):
    (tmp_path / "while").touch()
    env = fail_calls(call="fsync", under="report.html", **{"while": tmp_path / "while"})
    linnet("report", runs[0], "-o", tmp_path / "report.html", env=env, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["while"]
