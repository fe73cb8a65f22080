"""linnet evaluate on a table: the scores and predictions of its token file."""
import csv

import pytest

from support import LABELS, linnet, refused


def scores_of(result):
    """All but the first line, which names the data, and the speed."""
    return [line for line in result.stdout.splitlines()[1:] if not line.startswith("  speed")]


def renamed(sample, path, names):
    with open(sample.test_csv, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["what", "which"])
        writer.writerows([row["text"], names[LABELS.index(row["sentiment"])]] for row in rows)
    return path


@pytest.mark.tiny
@pytest.mark.parametrize("ranks", [0, 1, 3])
def test_a_table_has_the_scores_of_its_token_file(sample, tmp_path, ranks):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    wanted = linnet("evaluate", "--model", sample.model, "--data", sample.test, "--predictions", tmp_path / "h5.tsv")
    got = linnet("evaluate", "--model", sample.model, "--data", sample.test_csv, "--predictions", tmp_path / "csv.tsv", ranks=ranks,
                 env={"TMPDIR": str(temporary)})
    assert len(scores_of(wanted)) > 5 and scores_of(got) == scores_of(wanted)
    assert (tmp_path / "csv.tsv").read_text() == (tmp_path / "h5.tsv").read_text()
    assert got.stdout.splitlines()[0] == str(sample.test_csv)
    assert not list(temporary.glob("linnet*")), "the token file is removed"
    table = renamed(sample, tmp_path / "t.csv", ["0", "1", "2"])
    options = ["--separator", ";", "--text-column", "what", "--label-column", "which"]
    assert scores_of(linnet("evaluate", "--model", sample.model, "--data", table, *options, ranks=ranks)) == scores_of(wanted)


def test_labels_of_a_table_with_other_names(sample, tmp_path):
    table = renamed(sample, tmp_path / "t.csv", ["bad", "so so", "good"])
    options = ["evaluate", "--model", sample.model, "--data", table, "--separator", ";", "--text-column", "what", "--label-column", "which"]
    numbers = [line.split() for line in scores_of(linnet("evaluate", "--model", sample.model, "--data", sample.test))]
    result = [line.split() for line in scores_of(linnet(*options, "--labels", "bad,so so,good"))]
    names = {"negative": "bad", "neutral": "so", "positive": "good"}
    matrix = slice(9, 12)  # behind the scores and its two lines
    assert result[:7] == numbers[:7]
    assert [line[0] for line in result[matrix]] == [names[line[0]] for line in numbers[matrix]] == ["bad", "so", "good"]
    assert [line[-3:] for line in result[matrix]] == [line[-3:] for line in numbers[matrix]]
    for ranks in (0, 2):
        refused(*options, ranks=ranks, names=["t.csv:2:", "unknown label", '"negative", "neutral", "positive"'])
        refused(*options, "--labels", "bad,good", ranks=ranks, names=["--labels", "each of the 3 labels", "got 2"])
        refused("evaluate", "--model", sample.model, "--data", tmp_path / "none.csv", ranks=ranks, names=["none.csv", "No such file"])
        refused("evaluate", "--model", sample.model, "--data", sample.test_csv, "--text-column", "tweet", ranks=ranks, names=['no column "tweet"'])


def test_labels_that_would_hide_another_order_are_refused(sample, tmp_path):
    """A token file has its own names, which are compared with the model's; a table's names in another order are no other names."""
    other = tmp_path / "other.h5"
    linnet("prepare", "--input", sample.test_csv, "--output", other, "--tokenizer", sample.tokenizer, "--labels", "positive,neutral,negative,mixed")
    for ranks in (0, 2):
        for data in (other, sample.test):
            refused("evaluate", "--model", sample.model, "--data", data, "--labels", "a,b,c", ranks=ranks,
                    names=["--labels", data.name, "is a token file", "leave --labels out"])
        refused("evaluate", "--model", sample.model, "--data", sample.test_csv, "--labels", ",".join(reversed(LABELS)), ranks=ranks,
                names=["--labels", "label 0", f'"{LABELS[2]}"', f'"{LABELS[0]}"', "leave --labels out"])
    wanted = linnet("evaluate", "--model", sample.model, "--data", sample.test_csv)
    got = linnet("evaluate", "--model", sample.model, "--data", sample.test_csv, "--labels", ",".join(LABELS))
    assert scores_of(got) == scores_of(wanted)


def test_truncated_texts_are_told_once(sample, tmp_path):
    model = tmp_path / "model"
    linnet("init", "--output", model, "--tokenizer", sample.tokenizer, "--layers", 1, "--width", 16, "--heads", 2, "--positions", 8)
    linnet("prepare", "--input", sample.test_csv, "--output", tmp_path / "t.h5", "--tokenizer", model, "--max-length", 8)
    for ranks in (0, 2):
        result = linnet("evaluate", "--model", model, "--data", sample.test_csv, ranks=ranks)
        assert scores_of(result) == scores_of(linnet("evaluate", "--model", model, "--data", tmp_path / "t.h5"))
        assert result.stderr.count("warning") == 1 and "truncated to 8 tokens, the most that the model reads" in result.stderr, result
