"""linnet predict --output: the table with its predictions, on any number of ranks, stopped, killed and continued.

The right answers are those of `linnet predict --json` for the same texts, one by one. What is read back is read by Python's csv and json."""
import csv
import gzip
import io
import json
import os
import re
import signal
import tempfile

import pytest

from support import (LABELS, Hold, finish, linnet, rank_of, ranks_of, read_safetensors, refused, signal_rank, start, wait_for,
                     write_safetensors)

ADDED = ["label", *(f"probability_{name}" for name in LABELS)]

# Cells with what may be lost: separators, quotes, line ends of every kind, spaces, marks, and words that look like something else.
AWKWARD = ["plain", "a, b", 'say "no"', '"', '""quoted""', "two\nlines", "two\r\nlines", "a\rb", "tab\there", " spaces ", "NA", "null", "1.50",
           "caf\u00e9 \u2603 \U0001f600", "\ufeffmark", "back\\slash \\n", "{\"a\": 1}", "'", "line\u2028separator", "\u00a0"]


def rows_of(count):
    """Rows with an id, a text and a cell that is not read; 150 rows take about 5 KB, so that hundreds make several parts."""
    return [[f"id{i}", f"{AWKWARD[i % len(AWKWARD)]} {'word ' * (i % 7)}{i}", AWKWARD[(i * 7 + 3) % len(AWKWARD)]] for i in range(count)]


def write_csv(path, rows, header=("id", "text", "other"), **dialect):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, **dialect).writerows([header, *rows])
    return path


def read_csv(path, **dialect):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file, **dialect))


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def predict(sample, table, output, *options, **more):
    return linnet("predict", "--model", sample.model, "--input", table, "--output", output, *options, **more)


def assert_gone(output):
    """Nothing is left of a job that was refused."""
    assert not output.exists() and not parts_of(output).exists()
    assert not [path for path in output.parent.iterdir() if path.name.startswith(output.name)]


def parts_of(output):
    return output.with_name(output.name + ".parts")


def finished(output):
    return len(list(parts_of(output).glob("*.rows")))


@pytest.fixture(scope="module")
def answers(sample):
    """The label and the probabilities of a text."""
    known = {}

    def answers(texts):
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            lines = "".join(json.dumps({"text": text}) + "\n" for text in new)
            result = linnet("predict", "--model", sample.model, "--input", "-", "--format", "json", "--json", stdin=lines.encode())
            for line in result.stdout.splitlines():
                answer = json.loads(line)
                known[answer["text"]] = answer["label"], [answer["probabilities"][name] for name in LABELS]
        return [known[text] for text in texts]

    return answers


def check_answers(found, expected):
    """Labels, and probabilities as float32 to the last digit: both are written so that the same float32 is read. Its shortest decimal
    form may be half a unit away from it, as it may be from the right value; a unit is at most 2**-23."""
    assert [label for label, _ in found] == [label for label, _ in expected]
    for (_, probabilities), (_, right) in zip(found, expected, strict=True):
        assert [float(p) for p in probabilities] == pytest.approx(right, rel=2**-23)


@pytest.fixture(scope="module")
def large(sample, tmp_path_factory):
    """A table of more than eight parts, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("large")
    table = write_csv(folder / "large.csv", rows_of(1200))
    predict(sample, table, folder / "alone.csv")
    return table, (folder / "alone.csv").read_bytes()


# --- What is written ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending, dialect", [(".csv", {}), (".tsv", {"delimiter": "\t"})])
def test_cells_are_read_back_as_they_were(sample, tmp_path, answers, ending, dialect):
    rows = rows_of(60)
    predict(sample, write_csv(tmp_path / "in.csv", rows), tmp_path / f"out{ending}")
    header, *found = read_csv(tmp_path / f"out{ending}", **dialect)
    assert header == ["id", "text", "other", *ADDED]
    assert [row[:3] for row in found] == rows
    check_answers([(row[3], row[4:]) for row in found], answers([row[1] for row in rows]))


def test_csv_becomes_objects(sample, tmp_path, answers):
    rows = rows_of(60)
    predict(sample, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.jsonl")
    found = read_jsonl(tmp_path / "out.jsonl")
    assert [list(row) for row in found] == [["id", "text", "other", *ADDED]] * 60
    assert [list(row.values())[:3] for row in found] == rows
    check_answers([(row["label"], [row[name] for name in ADDED[1:]]) for row in found], answers([row[1] for row in rows]))


def test_objects_stay_as_they_are_written(sample, tmp_path):
    """Numbers, escapes, nested values and the order of members; an object over several lines becomes one line."""
    objects = ['{"text":"a\\u00e9\\/","n":1.0,"big":1e400}', '{ "n" : -0 , "text" : "b",\n "m": [1, {"label": 2}], "z": null }', '{"text":null}']
    (tmp_path / "in.jsonl").write_text("\n".join(objects))
    predict(sample, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(lines) == 3
    for line, written in zip(lines, objects):
        assert line.startswith(written.rstrip(" }").replace("\n", " ") + ',"label":"'), line
        assert list(json.loads(line))[-4:] == ADDED


def test_objects_become_cells(sample, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": 1.50, "text": "a\\nb", "m": [1, 2], "ok": true}\n{"text": "c", "id": null}\n')
    predict(sample, tmp_path / "in.jsonl", tmp_path / "out.csv")
    header, *rows = read_csv(tmp_path / "out.csv")
    assert header == ["id", "text", "m", "ok", *ADDED]
    assert [row[:4] for row in rows] == [["1.50", "a\nb", "[1, 2]", "true"], ["", "c", "", ""]]


@pytest.mark.parametrize("name, content, options, columns, cells", [
    ("a.txt", "one\n\ntwo, \"x\"\n", [], ["text"], [["one"], [""], ['two, "x"']]),
    ("a.csv", "a,1\nb,2\n", ["--no-header", "--text-column", "0"], ["0", "1"], [["a", "1"], ["b", "2"]]),
    ("a.csv", "text;x\n'a;b';1\n", ["--separator", ";", "--quote", "'"], ["text", "x"], [["a;b", "1"]]),
    ("a.csv", "text\ra\rb\r", [], ["text"], [["a"], ["b"]]),
    ("a.csv", "text\ncaf\u00e9\n".encode("utf-16"), [], ["text"], [["caf\u00e9"]]),
    ("a.csv", "text\ncaf\u00e9\n".encode("latin-1"), ["--encoding", "latin-1"], ["text"], [["caf\u00e9"]]),
    ("a.json", '[{"text": "a"},\n {"text": "b"}]', [], ["text"], [["a"], ["b"]]),
    ("a.json", '{"data": [{"text": "a"}]}', ["--field", "data"], ["text"], [["a"]]),
    ("a.csv.gz", gzip.compress(b"text\na\n"), [], ["text"], [["a"]]),
    ("a.csv", "text,n\n", [], ["text", "n"], []),
    ("a.csv", "text,text\na,b\n", ["--text-column", "1"], ["text", "text"], [["a", "b"]]),
])
def test_every_kind_of_table(sample, tmp_path, name, content, options, columns, cells):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    predict(sample, tmp_path / name, tmp_path / "out.csv", *options)
    header, *rows = read_csv(tmp_path / "out.csv")
    assert header == columns + ADDED and [row[:len(columns)] for row in rows] == cells
    assert all(row[len(columns)] in LABELS for row in rows)


@pytest.mark.parametrize("options, content", [(["--input", "-", "--format", "csv"], b"text\n\"a\nb\"\nc\n"),
                                              (["--input", "/dev/stdin", "--format", "json"], b'{"text":"a\\nb"}\n{"text":"c"}'),
                                              ([], b"a b\nc\n")])
def test_standard_input(sample, tmp_path, options, content):
    linnet("predict", "--model", sample.model, *options, "--output", tmp_path / "out.csv", stdin=content)
    assert [row[0] for row in read_csv(tmp_path / "out.csv")] == ["text", "a b" if not options else "a\nb", "c"]
    assert not parts_of(tmp_path / "out.csv").exists()


def test_file_in_shared_memory(sample, tmp_path):
    """/dev/shm has files, whose names tell the format."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".csv") as table:
        table.write(b"text\na\n")
        table.flush()
        predict(sample, table.name, tmp_path / "out.csv")
    assert [row[0] for row in read_csv(tmp_path / "out.csv")] == ["text", "a"]


def test_label_of_the_input_is_kept(sample, tmp_path):
    table = write_csv(tmp_path / "in.csv", [["a", "gold"]], header=["text", "label"])
    predict(sample, table, tmp_path / "out.csv")
    header, row = read_csv(tmp_path / "out.csv")
    assert header == ["text", "label", "predicted_label", *ADDED[1:]] and row[1] == "gold" and row[2] in LABELS


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_labels_below_the_threshold_are_left_out(sample, tmp_path, name):
    """Only the label: the probabilities stay. The threshold lies between two of the labels' probabilities."""
    table = write_csv(tmp_path / "in.csv", rows_of(30))

    def rows(*options):
        predict(sample, table, tmp_path / name, *options)
        return read_csv(tmp_path / name)[1:] if name == "out.csv" else [list(row.values()) for row in read_jsonl(tmp_path / name)]

    free = rows()
    best = sorted(max(map(float, row[4:])) for row in free)
    threshold = (best[14] + best[15]) / 2
    limited = rows("--threshold", threshold)
    assert [row[4:] for row in limited] == [row[4:] for row in free]
    kept = [max(map(float, row[4:])) >= threshold for row in free]
    assert kept.count(True) == 15
    assert [row[3] for row in limited] == [row[3] if keep else {"out.csv": "", "out.jsonl": None}[name] for row, keep in zip(free, kept)]


def test_token_file(sample, tmp_path):
    predict(sample, sample.test, tmp_path / "out.csv")
    printed = linnet("predict", "--model", sample.model, "--input", sample.test, "--json").stdout.splitlines()
    header, *rows = read_csv(tmp_path / "out.csv")
    assert header == ["row", *ADDED]
    assert [row[:2] for row in rows] == [[str(json.loads(line)["row"]), json.loads(line)["label"]] for line in printed]
    predict(sample, sample.test, tmp_path / "out.jsonl")
    assert [[str(row["row"]), row["label"]] for row in read_jsonl(tmp_path / "out.jsonl")] == [row[:2] for row in rows]


# --- Ranks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_same_bytes_on_any_number_of_ranks(sample, tmp_path, large, ranks):
    table, expected = large
    predict(sample, table, tmp_path / "out.csv", ranks=ranks)
    assert (tmp_path / "out.csv").read_bytes() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.json", "a.jsonl", "a.h5"])
def test_same_bytes_of_other_inputs(sample, tmp_path, name):
    """What is not divided by bytes, JSON Lines, and a token file."""
    table, rows = tmp_path / name, rows_of(600)
    if name == "a.h5":
        linnet("prepare", "--input", write_csv(tmp_path / "t.csv", rows), "--output", table, "--tokenizer", sample.tokenizer, "--no-labels")
    elif name == "a.csv.gz":
        table.write_bytes(gzip.compress(write_csv(tmp_path / "t.csv", rows).read_bytes()))
    else:
        objects = [json.dumps({"id": row[0], "text": row[1]}) for row in rows]
        table.write_text("[" + ",\n".join(objects) + "]" if name == "a.json" else "\n".join(objects))
    predict(sample, table, tmp_path / "alone.jsonl")
    predict(sample, table, tmp_path / "ranks.jsonl", ranks=3)
    assert (tmp_path / "ranks.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()
    assert (tmp_path / "alone.jsonl").read_text().count("\n") == 600


@pytest.mark.parametrize("name, ranks", [("a.csv", 0), ("a.csv", 3), ("a.h5", 0), ("a.h5", 2)])
def test_small_parts_run_together(sample, tmp_path, large, name, ranks):
    """A table of about 60 parts: a rank classifies some together, and each part's rows come at its place. Its first rows are those of
    `large`, which run in other company."""
    rows = rows_of(6000)
    table = write_csv(tmp_path / "a.csv", rows)
    if name == "a.h5":
        linnet("prepare", "--input", table, "--output", tmp_path / name, "--tokenizer", sample.tokenizer, "--no-labels")
    predict(sample, tmp_path / name, tmp_path / "out.csv", ranks=ranks)
    found, expected = read_csv(tmp_path / "out.csv")[1:], list(csv.reader(io.StringIO(large[1].decode(), newline="")))[1:]
    assert [row[-4:] for row in found[:1200]] == [row[-4:] for row in expected]
    assert [row[0] for row in found] == ([row[0] for row in rows] if name == "a.csv" else [str(i) for i in range(6000)])


def test_same_bytes_with_a_blas(sample, tmp_path):
    """A BLAS may give a row other bits in other company: so parts do not run together, however many ranks share them."""
    table = write_csv(tmp_path / "a.csv", rows_of(6000))
    for name, ranks in [("alone.csv", 0), ("ranks.csv", 3)]:
        predict(sample, table, tmp_path / name, ranks=ranks, env={"LINNET_PRODUCTS": "blas"})
    assert (tmp_path / "ranks.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()


def test_standard_input_of_a_job(sample, tmp_path, large):
    table, expected = large
    linnet("predict", "--model", sample.model, "--input", "-", "--format", "csv", "--output", tmp_path / "out.csv", ranks=2,
           stdin=table.read_bytes())
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_ranks_need_an_output(sample, tmp_path, large):
    refused("predict", "--model", sample.model, "--input", large[0], ranks=2,
            names=["2 processes", f"linnet predict --model {sample.model} --input {large[0]} --output predictions.csv"])
    refused("predict", "--model", sample.model, "a text", ranks=3, names=["3 processes", "--input FILE --output predictions.csv"])
    refused("predict", "--model", sample.model, "a text", "--output", tmp_path / "out.csv", ranks=2, names=["--input FILE"])
    assert_gone(tmp_path / "out.csv")


# --- Refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [0, 3])
@pytest.mark.parametrize("fault, place, told", [
    (b"id9,only two\n", 1000, "2 fields, but the header row has 3"), (b"id9,caf\xe9,x\n", 700, "is not UTF-8"),
    (b'id9,"open,x\n', 1150, "closing quote is missing")])
def test_bad_row_is_told_with_its_line(sample, tmp_path, ranks, fault, place, told):
    """Line ends in quotes count, as in an editor. The rows before the fault make several parts."""
    before = write_csv(tmp_path / "good.csv", rows_of(place)).read_bytes()
    after = b"" if "quote" in told else write_csv(tmp_path / "good.csv", rows_of(1200)).read_bytes()[len(before):]
    (tmp_path / "bad.csv").write_bytes(before + fault + after)
    line = 1 + before.count(b"\n")
    refused("predict", "--model", sample.model, "--input", tmp_path / "bad.csv", "--output", tmp_path / "out.csv", ranks=ranks,
            names=[f"bad.csv:{line}:", told])
    assert_gone(tmp_path / "out.csv")


def test_members_beyond_the_columns_are_refused(sample, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n\n{"text": "b", "n": 1}\n')
    refused("predict", "--model", sample.model, "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.csv",
            names=["in.jsonl:3:", '"n"', ".jsonl"])
    assert_gone(tmp_path / "out.csv")
    predict(sample, tmp_path / "in.jsonl", tmp_path / "out.jsonl")


@pytest.mark.parametrize("ranks", [0, 2])
def test_outputs_that_are_refused(sample, tmp_path, ranks):
    table = write_csv(tmp_path / "in.csv", rows_of(3))
    before = table.read_bytes()

    def wrong(output, *names):
        refused("predict", "--model", sample.model, "--input", table, "--output", output, ranks=ranks, names=names)

    refused("predict", "--model", sample.model, "--input", table, "--output", tmp_path / "out.csv", "--json", ranks=ranks, names=["--json"])
    wrong(table, "is the input")
    wrong(tmp_path / "out.xlsx", ".csv, .tsv, .jsonl or .json")
    wrong(tmp_path / "missing/out.csv", "cannot create")
    (tmp_path / "other.csv").write_text("id,text,other\nmine,1,2\n")
    wrong(tmp_path / "other.csv", "exists and is not a table of predictions")
    (tmp_path / "out.csv.parts").mkdir()
    (tmp_path / "out.csv.parts/mine.txt").write_text("mine")
    wrong(tmp_path / "out.csv", "out.csv.parts", "mine.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "other.csv", "out.csv.parts"]
    assert table.read_bytes() == before and (tmp_path / "other.csv").read_text().endswith("mine,1,2\n")


def test_columns_that_are_added_already(sample, tmp_path):
    table = write_csv(tmp_path / "in.csv", [["a", "b", "c"]], header=["text", "label", "predicted_label"])
    refused("predict", "--model", sample.model, "--input", table, "--output", tmp_path / "out.csv", names=['"predicted_label"', "rename"])
    table = write_csv(tmp_path / "in2.csv", [["a", "b"]], header=["text", "text"])
    refused("predict", "--model", sample.model, "--input", table, "--output", tmp_path / "out.jsonl", "--text-column", "1",
            names=['"text"', "twice"])


def test_predictions_are_replaced(sample, tmp_path, large):
    """A table of predictions with the same columns, complete or damaged at its end, is replaced."""
    table, expected = large
    (tmp_path / "out.csv").write_bytes(expected[:1000])
    predict(sample, table, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_text_without_a_number(sample, tmp_path, copy_of):
    """Weights that are finite but overflow float32: no label and no probabilities, and a warning with the number."""
    model = copy_of(sample.model)
    tensors = read_safetensors(model / "model.safetensors")
    name = next(name for name in tensors if name.endswith("ln_f.weight"))
    tensors[name] = tensors[name] * 0 + 3e38
    write_safetensors(model / "model.safetensors", tensors)
    table = write_csv(tmp_path / "in.csv", rows_of(5))
    for output, empty in (("out.csv", ["", "", "", ""]), ("out.jsonl", [None] * 4)):
        result = linnet("predict", "--model", model, "--input", table, "--output", tmp_path / output)
        assert "5 rows" in result.stderr and "overflow float32" in result.stderr
        rows = read_csv(tmp_path / output)[1:] if output == "out.csv" else [list(row.values()) for row in read_jsonl(tmp_path / output)]
        assert [row[3:] for row in rows] == [empty] * 5


# --- Interrupted ---------------------------------------------------------------------------------------------------


def held(at_call, folder, sample, table, output, number, ranks=0, rank=""):
    """A job that waits before its n-th part is finished."""
    hold = Hold(at_call, folder, rank, "rename", [number], ".rows")
    process = start(["predict", "--model", sample.model, "--input", table, "--output", output], ranks, hold.environment)
    hold.reached(process, number)
    return process, hold


@pytest.mark.parametrize("ranks, number", [(0, signal.SIGTERM), (0, signal.SIGINT), (2, signal.SIGUSR1)])
def test_stopped_job_goes_on(sample, tmp_path, large, at_call, ranks, number):
    """A signal to one rank stops all; the next job, on another number of ranks, goes on behind the parts that are done."""
    table, expected = large
    output = tmp_path / "out.csv"
    process, hold = held(at_call, tmp_path, sample, table, output, 3, ranks, "0" if ranks else "")
    pid = next(pid for pid in ranks_of(process) if rank_of(pid) == 0) if ranks else process.pid
    signal_rank(process, pid, number, lambda: os.kill(pid, number))
    hold.let_go(3)
    result = finish(process)
    assert result.code == 75 and "goes on behind" in result.stderr and not result.errors, result
    done = finished(output)
    assert done >= 3 and not output.exists()
    result = predict(sample, table, output, ranks=3)
    assert f"going on behind {done} of" in result.stderr
    total, now = map(int, re.search(r"out\.csv: (\d+) rows, (\d+) of them now, ", result.stderr).groups())
    assert total == expected.count(b"\nid") and 0 < now < total, "the rate is that of the rows which this job has classified"
    assert output.read_bytes() == expected and not parts_of(output).exists()


@pytest.mark.parametrize("ranks", [0, 3])
def test_killed_job_goes_on(sample, tmp_path, large, at_call, ranks):
    """Killed again and again: each process at the end of its first, second or third part."""
    table, expected = large
    output = tmp_path / "out.csv"
    for number in (2, 1, 2) if ranks else (3, 1, 4):
        before = finished(output)
        result = finish(start(["predict", "--model", sample.model, "--input", table, "--output", output], ranks,
                              at_call("any" if ranks else "", "rename", "KILL", number, ".rows")))
        assert result.code not in (0, 1, 75) and not output.exists() and len(result.errors) <= 1, result
        assert finished(output) >= before + number - 1
    assert finished(output) >= 2
    result = predict(sample, table, output, ranks=2)
    assert "going on behind" in result.stderr
    assert output.read_bytes() == expected and not parts_of(output).exists()


def test_killed_while_joining_goes_on(sample, tmp_path, large, at_call):
    """All parts are there: the renames before that of the output are the manifest's and the parts'."""
    table, expected = large
    output = tmp_path / "out.csv"
    count = tmp_path / "count"
    linnet("predict", "--model", sample.model, "--input", table, "--output", output, env=at_call("", "rename", "KILL", 0, AT_COUNT=str(count)))
    output.unlink()
    finish(start(["predict", "--model", sample.model, "--input", table, "--output", output], 0,
                 at_call("", "rename", "KILL", int(count.read_text()))))
    assert not output.exists() and parts_of(output).exists()
    predict(sample, table, output)
    assert output.read_bytes() == expected and [path.name for path in tmp_path.iterdir() if "out.csv" in path.name] == ["out.csv"]


@pytest.mark.parametrize("what", ["input", "model", "options"])
def test_parts_of_another_job_are_not_used(sample, tmp_path, at_call, copy_of, what):
    table = write_csv(tmp_path / "in.csv", rows_of(600))
    model, output = copy_of(sample.model), tmp_path / "out.csv"
    process = start(["predict", "--model", model, "--input", table, "--output", output], 0, at_call("", "rename", "KILL", 3, ".rows"))
    finish(process)
    assert finished(output) == 2
    options = []
    if what == "input":
        write_csv(table, [[name, text.replace("plain", "pLain"), other] for name, text, other in rows_of(600)])
    elif what == "model":
        linnet("init", "--output", tmp_path / "m2", "--tokenizer", sample.tokenizer, "--layers", "2", "--width", "32", "--heads", "4", "--seed", "7")
        model = tmp_path / "m2"
    else:
        options = ["--text-column", "other"]
    result = linnet("predict", "--model", model, "--input", table, "--output", output, *options)
    assert f"another {what}" in result.stderr and "going on" not in result.stderr
    linnet("predict", "--model", model, "--input", table, "--output", tmp_path / "fresh.csv", *options)
    assert output.read_bytes() == (tmp_path / "fresh.csv").read_bytes()


def test_parts_of_a_model_with_another_head_are_not_used(sample, tmp_path, at_call):
    """Of a large file of weights pieces are compared; where the head alone was trained again, the pieces may be the same."""
    model, table, output = tmp_path / "model", write_csv(tmp_path / "in.csv", rows_of(600)), tmp_path / "out.csv"
    linnet("init", "--output", model, "--tokenizer", sample.tokenizer, "--layers", "6", "--width", "128", "--heads", "4")
    process = start(["predict", "--model", model, "--input", table, "--output", output], 0, at_call("", "rename", "KILL", 3, ".rows"))
    finish(process)
    assert finished(output) == 2
    weights = bytearray((model / "model.safetensors").read_bytes())
    stride, size = len(weights) // 256, int.from_bytes(weights[:8], "little")
    head = json.loads(weights[8:8 + size])["score.weight"]["data_offsets"]
    changed = [8 + size + at for at in range(head[0], head[1], 4) if 4096 <= (8 + size + at) % stride < stride - 4]
    assert stride > 4096 and changed  # bytes between the pieces
    for at in changed:
        weights[at + 3] ^= 0x80  # the sign
    (model / "model.safetensors").write_bytes(weights)
    result = linnet("predict", "--model", model, "--input", table, "--output", output)
    assert "another model" in result.stderr and "going on" not in result.stderr
    linnet("predict", "--model", model, "--input", table, "--output", tmp_path / "fresh.csv")
    assert output.read_bytes() == (tmp_path / "fresh.csv").read_bytes()


@pytest.mark.parametrize("ranks", [0, 2])
def test_input_that_changes_meanwhile(sample, tmp_path, large, at_call, ranks):
    """Between two parts: refused, and the next job makes the new table's parts."""
    table, output = tmp_path / "in.csv", tmp_path / "out.csv"
    table.write_bytes(large[0].read_bytes())
    process, hold = held(at_call, tmp_path, sample, table, output, 2, ranks, "0" if ranks else "")
    with open(table, "r+b") as file:  # as many bytes
        file.seek(200)
        file.write(b"x")
    os.utime(table, ns=(1, 1))  # another time, however coarse the clock of the file system is
    hold.let_go(2)
    result = finish(process)
    assert result.code == 1 and len(result.errors) == 1 and "changed while it was read" in result.errors[0] and not output.exists(), result
    assert "another input" in predict(sample, table, output).stderr
    predict(sample, table, tmp_path / "fresh.csv")
    assert output.read_bytes() == (tmp_path / "fresh.csv").read_bytes()


def test_damaged_manifest(sample, tmp_path, large, at_call):
    table, expected = large
    output = tmp_path / "out.csv"
    finish(start(["predict", "--model", sample.model, "--input", table, "--output", output], 0, at_call("", "rename", "KILL", 3, ".rows")))
    (parts_of(output) / "manifest.json").write_text("{")
    assert "manifest.json" in predict(sample, table, output).stderr
    assert output.read_bytes() == expected


def test_two_jobs_on_one_output(sample, tmp_path, large, at_call):
    """The second one is refused while the first one works, and disturbs nothing."""
    table, expected = large
    output = tmp_path / "out.csv"
    process, hold = held(at_call, tmp_path, sample, table, output, 2)
    refused("predict", "--model", sample.model, "--input", table, "--output", output, names=["another run", "--output"],
            env={"LINNET_LOCK_TIMEOUT": "0"})
    hold.let_go(2)
    assert finish(process).code == 0
    assert output.read_bytes() == expected and not parts_of(output).exists()


def test_fast_ranks_take_over(sample, tmp_path, large, at_call):
    """A rank that waits in its first part gets no more than that one: the others make the rest."""
    table, expected = large
    output = tmp_path / "out.csv"
    process, hold = held(at_call, tmp_path, sample, table, output, 1, 2, "1")
    parts = len(json.loads((parts_of(output) / "manifest.json").read_text())["rows"])
    wait_for(lambda: finished(output) == parts - 1, process, "all parts but one")
    hold.let_go(1)
    assert finish(process).code == 0 and output.read_bytes() == expected


def test_disk_that_fails(sample, tmp_path, large, at_call):
    """A part that cannot be written: one line, exit code 2, nothing at the output; the next job goes on."""
    table, expected = large
    output = tmp_path / "out.csv"
    result = finish(start(["predict", "--model", sample.model, "--input", table, "--output", output], 2,
                          at_call("1", "fsync", "FAIL", 2, "")))
    assert result.code == 2 and len(result.errors) == 1 and not output.exists(), result
    predict(sample, table, output, ranks=2)
    assert output.read_bytes() == expected
