"""Several labels a text, numbers and 1,000 labels: from a table to predictions."""
import csv
import json

import h5py
import numpy as np
import pytest

from support import evaluation_events, linnet, refused, train, weights_digest

WORDS = {"joy": "happy", "anger": "mad", "fear": "scared"}
ROWS = [(f"{' '.join(WORDS[name] for name in names)} day {i}", names, len(names) + i / 8) for i, names in
        enumerate([[], ["joy"], ["joy", "fear"], ["anger"], ["fear", "anger", "joy"], ["fear"], [], ["anger", "joy"]] * 3)]
NAMES = list(WORDS)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The same labels in columns, as lists of JSON and as lists of text, with a number and its double."""
    folder = tmp_path_factory.mktemp("tables")
    with open(folder / "t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", *NAMES, "list", "score", "double"])
        for text, names, score in ROWS:
            writer.writerow([text, *(["1", "true", "1.0"][k] if name in names else ["0", "False", "0"][k] for k, name in enumerate(NAMES)),
                             " | ".join(names), score, 2 * score])
    with open(folder / "t.jsonl", "w") as file:
        for i, (text, names, score) in enumerate(ROWS):
            file.write(json.dumps({"text": text, "labels": [NAMES.index(name) for name in names] if i % 2 else names, "score": score}) + "\n")
    return folder


def prepare(sample, table, output, *options):
    return linnet("prepare", "--input", table, "--output", output, "--tokenizer", sample.tokenizer, *options).stdout


def read(path):
    with h5py.File(path) as file:
        return {**{name: column[:] for name, column in file.items()}, **dict(file.attrs)}


@pytest.fixture(scope="module")
def multi(sample, tables):
    prepare(sample, tables / "t.csv", tables / "multi.h5", "--label-columns", ",".join(NAMES))
    return tables / "multi.h5"


@pytest.fixture(scope="module")
def score(sample, tables):
    prepare(sample, tables / "t.csv", tables / "score.h5", "--problem-type", "regression", "--label-column", "score")
    return tables / "score.h5"


def test_columns_and_lists_are_the_same_labels(sample, tables, multi, tmp_path):
    lists = ["--problem-type", "multi_label_classification", "--labels", ",".join(NAMES)]
    prepare(sample, tables / "t.csv", tmp_path / "list.h5", *lists, "--label-column", "list", "--label-separator", "|")
    prepare(sample, tables / "t.jsonl", tmp_path / "json.h5", *lists, "--label-column", "labels")
    expected = [[float(name in names) for name in NAMES] for _, names, _ in ROWS]
    for path in (multi, tmp_path / "list.h5", tmp_path / "json.h5"):
        found = read(path)
        assert found["targets"].reshape(-1, 3).tolist() == expected and found["targets"].dtype == np.float32
        assert found["format_version"] == 3 and found["problem_type"] == b"multi_label_classification" and "labels" not in found
    shown = linnet("inspect", multi).stdout
    assert "problem      multi_label_classification\n" in shown and f"label        1 anger: {sum('anger' in row[1] for row in ROWS)} samples, 37.5 %\n" in shown


def test_numbers_and_subsets(sample, tables, score, tmp_path):
    assert read(score)["targets"].tolist() == [row[2] for row in ROWS]
    said = prepare(sample, tables / "t.csv", tmp_path / "two.h5", "--problem-type", "regression", "--label-columns", "score,double", "--subset", 5)
    found = read(tmp_path / "two.h5")
    assert found["targets"].reshape(5, 2).tolist() == [[ROWS[row][2], 2 * ROWS[row][2]] for row in found["rows"]]
    assert "targets: score " in said and "target       1 double: mean " in linnet("inspect", tmp_path / "two.h5").stdout


def test_from_several_labels_to_predictions(sample, tables, multi, tmp_path):
    run = train(tmp_path, model_name_or_path=sample.model, ignore_mismatched_sizes=True, train_file=multi, eval_file=multi, max_steps=60,
                global_batch_size=8, learning_rate=5e-3, dropout=0.0, eval_strategy="epoch", save_strategy="epoch", save_total_limit=1,
                metric_for_best_model="f1_micro", load_best_model_at_end=True)
    event = evaluation_events(run)[-1]
    assert event["eval_accuracy"] == event["eval_f1"] == event["eval_f1_micro"] == event["eval_average_precision"] == 1
    texts = [row[0] for row in ROWS[:8]]
    answers = [json.loads(line) for line in linnet("predict", "--model", run, "--json", *texts).stdout.splitlines()]
    assert [set(answer["labels"]) for answer in answers] == [set(row[1]) for row in ROWS[:8]]
    assert all((probability >= 0.5) == (name in answer["labels"]) for answer in answers for name, probability in answer["probabilities"].items())
    lines = linnet("predict", "--model", run, *texts).stdout.splitlines()
    assert lines[0].split("\t") == ["-", "-", texts[0]] and lines[4].split("\t")[0] == "joy,anger,fear"
    assert linnet("predict", "--model", run, "--threshold", "0.999999", texts[1]).stdout == f"-\t-\t{texts[1]}\n"
    linnet("predict", "--model", run, "--input", tables / "t.jsonl", "--output", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["predicted_labels"] for row in rows[:8]] == [answer["labels"] for answer in answers] if "predicted_labels" in rows[0] else False
    # A table is evaluated with columns called like the labels, in any order.
    told = [linnet("evaluate", "--model", run, "--data", *data).stdout.split("\n")[1:6] for data in
            ((tables / "t.csv",), (tables / "t.csv", "--label-columns", "fear,joy,anger"), (tables / "t.jsonl", "--label-column", "labels"), (multi,))]
    assert told[0] == told[1] == told[2] == told[3] and "micro F1  1.0000" in told[0][1]
    card = (run / "README.md").read_text()
    assert "It tells which of 3 labels a text has" in card and "| Micro F1 | 1 |" in card
    linnet("report", run, "--output", tmp_path / "r.html")
    assert "Mean average precision" in (tmp_path / "r.html").read_text()


def test_from_numbers_to_predictions(sample, tables, score, tmp_path):
    run = train(tmp_path, model_name_or_path=sample.model, ignore_mismatched_sizes=True, train_file=score, eval_file=score, max_steps=30,
                global_batch_size=8, learning_rate=1e-2, eval_strategy="epoch", save_strategy="no", metric_for_best_model="rmse")
    event = evaluation_events(run)[-1]
    assert event["eval_rmse"] == pytest.approx(event["eval_loss"] ** 0.5) and event["eval_mse"] == event["eval_loss"]
    linnet("predict", "--model", run, "--input", tables / "t.csv", "--output", tmp_path / "out.csv", ranks=2)
    with open(tmp_path / "out.csv", newline="") as file:
        found = [float(row["predicted_score"]) for row in csv.DictReader(file)]
    truth = np.array([row[2] for row in ROWS])
    assert np.mean((np.array(found) - truth) ** 2) == pytest.approx(event["eval_mse"], rel=1e-5)
    assert np.corrcoef(found, truth)[0, 1] == pytest.approx(event["eval_pearson"], abs=1e-6)
    answer = json.loads(linnet("predict", "--model", run, "--json", ROWS[3][0]).stdout)
    assert list(answer["values"]) == ["score"] and np.float32(answer["values"]["score"]) == np.float32(found[3])
    assert linnet("predict", "--model", run, ROWS[3][0]).stdout == f"{answer['values']['score']}\t{ROWS[3][0]}\n"
    refused("predict", "--model", run, "--top-k", 2, "a text", names=["--top-k", "regression"])
    refused("predict", "--model", run, "--threshold", 0.5, "--input", tables / "t.csv", "--output", tmp_path / "no.csv", names=["--threshold"])
    config = json.loads((run / "config.json").read_text())
    assert config["problem_type"] == "regression" and config["id2label"] == {"0": "score"}
    assert "| RMSE |" in (run / "README.md").read_text()


def test_a_thousand_labels(sample, tmp_path):
    names = [f"class {k:03d}" for k in range(1000)]
    with open(tmp_path / "t.csv", "w") as file:
        file.write("text,sentiment\n" + "".join(f"text {k},{names[k]}\n" for k in range(0, 1000, 7)))
    prepare(sample, tmp_path / "t.csv", tmp_path / "t.h5", "--labels", ",".join(names))
    found = read(tmp_path / "t.h5")
    assert found["labels"].dtype == np.uint16 and found["labels"].tolist() == list(range(0, 1000, 7)) and found["format_version"] == 3
    linnet("init", "--output", tmp_path / "model", "--tokenizer", sample.tokenizer, "--layers", 1, "--width", 32, "--heads", 2, "--positions", 32,
           "--labels", ",".join(names))
    job = dict(model_name_or_path=tmp_path / "model", train_file=tmp_path / "t.h5", eval_file=tmp_path / "t.h5", max_steps=12, global_batch_size=16,
               reduction_units=2, learning_rate=3e-3, save_strategy="no")
    runs = [train(tmp_path / str(ranks), ranks=ranks, **job) for ranks in (1, 2)]
    assert weights_digest(runs[0]) == weights_digest(runs[1])
    loss = evaluation_events(runs[0])[-1]["eval_loss"]
    assert f"loss      {loss:.4f}\n" in linnet("evaluate", "--model", runs[0], "--data", tmp_path / "t.h5").stdout
    probabilities = json.loads(linnet("predict", "--model", runs[0], "--json", "text 7").stdout)["probabilities"]
    assert list(probabilities) == names and sum(probabilities.values()) == pytest.approx(1)
    assert len(linnet("predict", "--model", runs[0], "--top-k", 1000, "text 7").stdout.split("\t")) == 2001
    linnet("report", runs[0], "--output", tmp_path / "r.html")
    prepare_refused = ["prepare", "--input", tmp_path / "t.csv", "--output", tmp_path / "no.h5", "--tokenizer", sample.tokenizer]
    refused(*prepare_refused, "--labels", ",".join(["one more", *names]), names=["1001", "1000"])


def test_data_and_settings_of_another_kind_are_refused(sample, multi, score, tmp_path):
    job = ["train", "--model_name_or_path", sample.model, "--train_file", multi, "--output_dir", tmp_path / "run", "--max_steps", 1]
    for ranks in (0, 2):
        refused(*job, ranks=ranks, names=[multi, sample.model, "multi_label_classification", "single_label_classification", "ignore_mismatched_sizes"])
        refused(*job, "--eval_file", score, ranks=ranks, names=["eval_file", score, "regression", "multi_label_classification"])
        refused(*job, "--label_smoothing_factor", 0.1, ranks=ranks, names=["label_smoothing_factor", "multi_label_classification"])
        refused(*job, "--eval_file", multi, "--eval_strategy", "epoch", "--metric_for_best_model", "rmse", ranks=ranks,
                names=["metric_for_best_model", "rmse", "f1_micro"])
    refused("evaluate", "--model", sample.model, "--data", multi, names=[multi, sample.model, "multi_label_classification"])
