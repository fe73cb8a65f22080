"""Several labels a text, and numbers, with what tables and evaluations have besides: several files, second texts, splits, subsets, named
evaluation files, scores of each label, JSON."""
import csv
import json
import random

import h5py
import numpy as np
import pytest

from support import events, linnet, refused, train, weights_digest

NAMES = ["joy", "anger"]
WORDS = "the day was long and rain fell over town while people walked home under grey skies with cold hands".split()


@pytest.fixture(scope="module")
def rows():
    """Texts of which every fifth is there again, with the same labels and number."""
    draw, found = random.Random(3), []
    for i in range(60):
        kinds = [name for name in NAMES if draw.random() < 0.5]
        old = found[draw.randrange(len(found))] if i % 5 == 4 else None
        found.append(old or (f"{' '.join(draw.choices(WORDS, k=6))} {i} {' '.join(kinds)}", kinds, len(kinds) + i / 16))
    return found


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "other", *NAMES, "list", "score"])
        for text, kinds, score in rows:
            writer.writerow([text, f"of {text[:9]}", *(int(name in kinds) for name in NAMES), "|".join(kinds), score])
    return path


def prepare(sample, output, *options, refusal=None):
    command = ["prepare", *options, "--output", output, "--tokenizer", sample.tokenizer]
    if refusal:
        return refused(*command, names=refusal)
    return linnet(*command).stdout


def read(path):
    with h5py.File(path) as file:
        found = {**{name: column[:] for name, column in file.items()}, **dict(file.attrs)}
    found["targets"] = found["targets"].reshape(len(found["rows"]), -1)
    return found


def flags(kinds):
    return [float(name in kinds) for name in NAMES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tables")
    write(path / "a.csv", rows[:25])
    write(path / "b.csv", rows[25:])
    write(path / "all.csv", rows)
    return path


def test_several_tables_and_second_texts(sample, folder, rows, tmp_path):
    both = ["--input", folder / "a.csv", "--input", folder / "b.csv"]
    prepare(sample, tmp_path / "both.h5", *both, "--label-columns", ",".join(NAMES))
    assert read(tmp_path / "both.h5")["targets"].tolist() == [flags(kinds) for _, kinds, _ in rows]
    lists = ["--problem-type", "multi_label_classification", "--labels", ",".join(NAMES), "--label-column", "list", "--label-separator", "|"]
    prepare(sample, tmp_path / "lists.h5", *both, *lists)
    assert (read(tmp_path / "lists.h5")["targets"] == read(tmp_path / "both.h5")["targets"]).all()
    prepare(sample, tmp_path / "pairs.h5", *both, "--text-pair-column", "other", "--problem-type", "regression", "--label-column", "score")
    pairs = read(tmp_path / "pairs.h5")
    assert pairs["targets"].ravel().tolist() == [score for _, _, score in rows] and pairs["text_pairs"] == 1
    assert pairs["tokens"] > read(tmp_path / "both.h5")["tokens"]


def test_lists_of_json_in_several_tables(sample, rows, tmp_path):
    """Each further table may hold arrays, as the first."""
    for name, part in (("a", rows[:25]), ("b", rows[25:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text, "kinds": kinds}) + "\n" for text, kinds, _ in part))
    prepare(sample, tmp_path / "t.h5", "--input", tmp_path / "a.jsonl", "--input", tmp_path / "b.jsonl", "--problem-type",
            "multi_label_classification", "--labels", ",".join(NAMES), "--label-column", "kinds", "--subset", 40)
    found = read(tmp_path / "t.h5")
    assert found["targets"].tolist() == [flags(rows[row][1]) for row in found["rows"]] and len(found["rows"]) == 40


@pytest.mark.parametrize("subset", [0, 45])
@pytest.mark.parametrize("kind", [["--label-columns", ",".join(NAMES)], ["--problem-type", "regression", "--label-column", "score"]])
def test_split(sample, folder, rows, tmp_path, kind, subset):
    """Each side has the targets of its rows, equal texts are on one side, and the two sides are all samples."""
    part = ["--subset", subset] if subset else []
    said = prepare(sample, tmp_path / "t.h5", "--input", folder / "all.csv", *kind, *part, "--split", 0.8, "--eval-output", tmp_path / "e.h5")
    sides = [read(tmp_path / name) for name in ("t.h5", "e.h5")]
    for side in sides:
        expected = [flags(rows[row][1]) if "--label-columns" in kind else [rows[row][2]] for row in side["rows"]]
        assert side["targets"].tolist() == expected
    texts = [{rows[row][0] for row in side["rows"]} for side in sides]
    assert not texts[0] & texts[1] and sum(len(side["rows"]) for side in sides) == (subset or len(rows))
    for side in sides:
        if "--label-columns" in kind:
            counts = side["targets"].sum(0).astype(int)
            assert f"labels: joy {counts[0]} ({100 * counts[0] / len(side['rows']):.1f} %), anger {counts[1]} (" in said
        else:
            low, high = side["targets"].min(), side["targets"].max()
            assert f"targets: score {low:g} to {high:g}, mean {side['targets'].mean():g}\n" in said
    if not subset:
        prepare(sample, tmp_path / "whole.h5", "--input", folder / "all.csv", *kind)
        assert sorted(map(tuple, np.vstack([side["targets"] for side in sides]))) == sorted(map(tuple, read(tmp_path / "whole.h5")["targets"]))


def test_what_works_on_classes_is_refused(sample, folder, tmp_path):
    split = ["--split", 0.8, "--eval-output", tmp_path / "e.h5", "--stratify"]
    for kind, problem in ((["--label-columns", ",".join(NAMES)], "multi_label_classification"),
                          (["--problem-type", "regression", "--label-column", "score"], "regression")):
        for option in (split, ["--class-balance", "oversample"]):
            prepare(sample, tmp_path / "t.h5", "--input", folder / "all.csv", *kind, *option, refusal=[option[-1] if option is split else option[0], problem])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def multi(sample, folder):
    prepare(sample, folder / "multi.h5", "--input", folder / "all.csv", "--label-columns", ",".join(NAMES))
    return folder / "multi.h5"


@pytest.fixture(scope="module")
def score(sample, folder):
    prepare(sample, folder / "score.h5", "--input", folder / "all.csv", "--problem-type", "regression", "--label-column", "score")
    return folder / "score.h5"


def test_named_evaluation_files_and_scores_of_labels(sample, folder, multi, tmp_path):
    """The scores of each label have names of their own, choose the best model, are the same on any ranks, and `evaluate --json` gives the same."""
    prepare(sample, tmp_path / "other.h5", "--input", folder / "b.csv", "--label-columns", ",".join(NAMES))
    job = dict(model_name_or_path=sample.model, ignore_mismatched_sizes=True, train_file=multi, eval_file={"all": multi, "some": tmp_path / "other.h5"},
               max_steps=12, global_batch_size=8, learning_rate=5e-3, eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=4,
               metric_for_best_model="some_f1_anger", load_best_model_at_end=True, reduction_units=2)
    job["eval_file"] = {name: str(path) for name, path in job["eval_file"].items()}
    runs = [train(tmp_path / str(ranks), ranks=ranks, **job) for ranks in (1, 2)]
    assert weights_digest(runs[0]) == weights_digest(runs[1])
    last = [[event for event in events(run) if "eval_some_loss" in event] for run in runs]
    scores = [[{key: value for key, value in event.items() if "_second" not in key and "runtime" not in key} for event in found] for found in last]
    assert scores[0] == scores[1]
    best = max(event["eval_some_f1_anger"] for event in scores[0])
    assert scores[0][-1]["eval_some_f1_anger"] == best and "eval_some_auroc" not in scores[0][-1]
    told = json.loads(linnet("evaluate", "--model", runs[0], "--data", tmp_path / "other.h5", "--json").stdout)
    names = ["loss", "accuracy", "f1", "f1_micro", "average_precision"]
    assert [told[f"eval_{name}"] for name in names] == [scores[0][-1][f"eval_some_{name}"] for name in names]
    assert [entry["label"] for entry in told["classes"]] == NAMES and "confusion_matrix" not in told
    assert [entry["f1"] for entry in told["classes"]] == [scores[0][-1][f"eval_some_f1_{name}"] for name in NAMES]
    card = (runs[0] / "README.md").read_text()
    assert card.count("| id | label | precision | recall | F1 | average precision | support |") == 2 and "### Evaluations on b.csv" in card
    linnet("report", runs[0], "--output", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "<th scope=\"col\" class=\"n\">mAP</th>" in page and "AUROC" not in page
    linnet("report", *runs, "--output", tmp_path / "two.html")
    assert "<th scope=\"col\">Micro F1</th>" in (tmp_path / "two.html").read_text()


def test_numbers_in_json_and_the_direction_of_errors(sample, score, tmp_path):
    """An error is minimized if greater_is_better says so; else a warning tells that Trainer's default is the other way."""
    job = dict(model_name_or_path=sample.model, ignore_mismatched_sizes=True, train_file=score, eval_file=score, max_steps=9, global_batch_size=8,
               learning_rate=5e-3, eval_strategy="steps", eval_steps=3, save_strategy="steps", save_steps=3, metric_for_best_model="rmse",
               load_best_model_at_end=True)
    run = train(tmp_path, **job, greater_is_better=False)
    found = [event["eval_rmse"] for event in events(run) if "eval_rmse" in event]
    told = json.loads(linnet("evaluate", "--model", run, "--data", score, "--json").stdout)
    assert told["eval_rmse"] == min(found) and told["eval_mse"] == told["eval_loss"]
    assert [entry["target"] for entry in told["targets"]] == ["score"] and told["targets"][0]["rmse"] == told["eval_rmse"]
    assert "classes" not in told and "confusion_matrix" not in told
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "greater_is_better": None, "output_dir": str(tmp_path / "again")}))
    result = linnet("train", config)
    assert "greater_is_better is true by default" in result.stderr and "rmse" in result.stderr
    last = [event["eval_rmse"] for event in events(tmp_path / "again") if "eval_rmse" in event][-1]
    assert last > told["eval_rmse"]
    linnet("report", tmp_path / "again", run, "--output", tmp_path / "two.html")
    page = (tmp_path / "two.html").read_text()
    assert "<th scope=\"col\">RMSE</th>" in page and page.index("<em class=\"badge\">best</em>") > page.index("again</a>")


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_adapters(sample, multi, score, tmp_path, problem):
    """An adapter keeps the kind of labels, and so does the model that it is merged into; its card names it to PEFT."""
    data = multi if problem.startswith("multi") else score
    job = dict(model_name_or_path=sample.model, ignore_mismatched_sizes=True, train_file=data, eval_file=data, max_steps=6, global_batch_size=8,
               learning_rate=5e-3, eval_strategy="epoch", save_strategy="no", lora_r=2, reduction_units=2)
    runs = [train(tmp_path / str(ranks), ranks=ranks, **job) for ranks in (1, 2)]
    assert (runs[0] / "adapter_model.safetensors").read_bytes() == (runs[1] / "adapter_model.safetensors").read_bytes()
    loss = [event["eval_loss"] for event in events(runs[0]) if "eval_loss" in event][-1]
    assert json.loads(linnet("evaluate", "--model", runs[0], "--data", data, "--json").stdout)["eval_loss"] == loss
    linnet("merge", "--model", runs[0], "--output", tmp_path / "merged")
    answers = [json.loads(linnet("predict", "--model", model, "--json", "a text").stdout) for model in (runs[0], tmp_path / "merged")]
    outputs = [list(answer["probabilities" if problem.startswith("multi") else "values"].values()) for answer in answers]
    assert outputs[0] == pytest.approx(outputs[1], rel=1e-5)  # merged weights are rounded once more
    assert json.loads((tmp_path / "merged/config.json").read_text())["problem_type"] == problem
    assert f'num_labels=len(labels), problem_type="{problem}"' in (runs[0] / "README.md").read_text()


def test_class_settings_are_refused(sample, multi, score, tmp_path):
    for data, problem in ((multi, "multi_label_classification"), (score, "regression")):
        job = ["train", "--model_name_or_path", sample.model, "--train_file", data, "--output_dir", tmp_path / "run", "--max_steps", 1]
        for setting, value in (("class_weights", "balanced"), ("focal_gamma", 2), ("label_smoothing_factor", 0.1)):
            refused(*job, f"--{setting}", value, ranks=2, names=[setting, data, problem])
    refused(*job, "--eval_file", score, "--eval_strategy", "epoch", "--metric_for_best_model", "f1_joy", names=["f1_joy", "rmse", "regression"])


def test_inspect(sample, multi, score, tmp_path):
    told = json.loads(linnet("inspect", multi, "--json").stdout)
    assert told["problem_type"] == "multi_label_classification" and [entry["name"] for entry in told["labels"]] == NAMES
    assert [entry["samples"] for entry in told["labels"]] == read(multi)["targets"].sum(0).tolist() and told["ambiguous_texts"] == 0
    numbers = json.loads(linnet("inspect", score, "--json").stdout)
    targets = read(score)["targets"]
    assert numbers["targets"][0]["name"] == "score" and numbers["targets"][0]["min"] == targets.min() and numbers["targets"][0]["max"] == targets.max()
    assert "labels" not in numbers and "ambiguous_texts" not in numbers and "ambiguous" not in linnet("inspect", score).stdout
    assert numbers["duplicates"] == told["duplicates"] > 0
    write(tmp_path / "t.csv", [("same text", ["joy"], 1), ("same text", [], 2), ("same text", NAMES, 3), ("another", NAMES, 4)])
    prepare(sample, tmp_path / "t.h5", "--input", tmp_path / "t.csv", "--label-columns", ",".join(NAMES))
    told = json.loads(linnet("inspect", tmp_path / "t.h5", "--json", "--tokenizer", sample.tokenizer).stdout)
    assert told["ambiguous_texts"] == 1 and told["ambiguous_samples"] == 3
    assert told["ambiguous_examples"][0]["samples"] == [{"row": 0, "labels": ["joy"]}, {"row": 1, "labels": []}]
    shown = linnet("inspect", tmp_path / "t.h5", "--tokenizer", sample.tokenizer).stdout
    assert "1 texts with different labels, 3 samples" in shown and "row 0 joy, row 1 no label: " in shown
