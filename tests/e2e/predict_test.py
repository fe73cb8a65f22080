"""linnet predict on standard output: batches, order, answers at once, --top-k and --threshold."""
import json
import os
import select

import pytest

from support import LABELS, LIMIT, finish, linnet, refused, start


def predicted(sample, *options, stdin=b""):
    return linnet("predict", "--model", sample.model, *options, stdin=stdin).stdout


def texts_of(count):
    """Of 0 to some 100 bytes, in no order."""
    return [("word " * (i * 7 % 23) + "\u00e9" * (i % 3) + str(i)) if i % 11 else "" for i in range(count)]


@pytest.mark.tiny
def test_batches_have_the_bits_and_order_of_single_texts(sample):
    texts = texts_of(80)
    lines = "".join(text + "\n" for text in texts).encode()
    alone = "".join(predicted(sample, "--json", "--", text) for text in texts[:8])
    for size in (1, 7, 32):
        batched = predicted(sample, "--json", "--batch-size", size, stdin=lines)
        assert [json.loads(line)["text"] for line in batched.splitlines()] == texts
        assert "".join(batched.splitlines(True)[:8]) == alone
        assert predicted(sample, "--json", "--batch-size", size, "--", *texts) == batched


def read_answers(process, count):
    """So many lines while standard input stays open."""
    answer = b""
    while answer.count(b"\n") < count:
        assert select.select([process.stdout], [], [], LIMIT)[0], f"no answer but {answer}"
        more = os.read(process.stdout.fileno(), 65536)
        assert more, answer
        answer += more
    return [line.split("\t")[2] for line in answer.decode().splitlines()]


def test_lines_are_answered_while_the_pipe_stays_open(sample):
    """Also where the start of the next line is there already, and where several lines come at once."""
    process = start(["predict", "--model", sample.model])

    def send(text):
        process.stdin.write(text)
        process.stdin.flush()

    send(b"one\n")
    assert read_answers(process, 1) == ["one"]
    send(b"two\nthree\nfo")
    assert read_answers(process, 2) == ["two", "three"]
    send(b"ur\n")
    assert read_answers(process, 1) == ["four"]
    send("".join(f"{i}\n" for i in range(100)).encode())
    assert read_answers(process, 100) == [str(i) for i in range(100)]
    process.stdin.close()
    assert process.wait(LIMIT) == 0
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize("name, sent", [("json", [b'{"text":"one"}\n', b'{"text":"two"}\r\n\n', b'{"text":"three"}\n']),
                                        ("json", [b'[{"text":"one"},\n', b'{"text":"two"},\n', b'{"text":"three"}]\n']),
                                        ("csv", [b"text\none\n", b"two\n\n", b"three\r\n\r\n"]),
                                        ("csv", [b'id,text\n1,one\n"2\n', b'",two\n"a ""3\n', b'",three\n'])])
def test_rows_are_answered_while_the_pipe_stays_open(sample, name, sent):
    """The line end behind an object, an empty line, or a line that ends in quotes, is no row for which answers wait."""
    process = start(["predict", "--model", sample.model, "--input", "-", "--format", name])
    try:
        for rows, text in zip(sent, ["one", "two", "three"], strict=True):
            process.stdin.write(rows)
            process.stdin.flush()
            assert read_answers(process, 1) == [text]
    finally:
        finish(process)
    assert process.returncode == 0


@pytest.mark.parametrize("bad", [0, 3, 39])
def test_texts_before_a_refused_one_are_answered(sample, bad):
    lines = [f"text {i}".encode() for i in range(45)]
    lines[bad] = b"caf\xe9"
    result = linnet("predict", "--model", sample.model, stdin=b"\n".join(lines), code=1)
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == [f"text {i}" for i in range(bad)]
    assert f"standard input:{bad + 1}:4: byte 0xE9 is not UTF-8" in result.stderr, result
    result = linnet("predict", "--model", sample.model, *map(os.fsdecode, lines), code=1)
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == [f"text {i}" for i in range(bad)]
    assert "byte 4 of the text, 0xE9, is not UTF-8" in result.stderr, result


def test_a_broken_row_comes_after_the_answers(sample, tmp_path):
    (tmp_path / "t.csv").write_text("id,text\n0,one\n1,two\n2\n")
    result = linnet("predict", "--model", sample.model, "--input", tmp_path / "t.csv", code=1)
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == ["one", "two"]
    assert "t.csv:4:" in result.stderr, result


def test_top_k_and_threshold(sample):
    text = "i love this song"
    probabilities = json.loads(predicted(sample, "--json", text))["probabilities"]
    ranked = sorted(probabilities, key=probabilities.get, reverse=True)
    cells = [cell for label in ranked for cell in (label, f"{probabilities[label]:.4f}")]
    assert list(probabilities) == LABELS
    for k in (1, 2, 3, 4):
        assert predicted(sample, "--top-k", k, text) == "\t".join([*cells[:2 * k], text]) + "\n"
        answer = json.loads(predicted(sample, "--top-k", k, "--json", text))
        assert list(answer["probabilities"].items()) == [(label, probabilities[label]) for label in ranked[:k]]
        assert answer["label"] == ranked[0]
    between = (probabilities[ranked[0]] + probabilities[ranked[1]]) / 2
    assert predicted(sample, "--top-k", 2, "--threshold", between, text).split("\t") == [*cells[:2], "-", cells[3], text + "\n"]
    assert json.loads(predicted(sample, "--threshold", between, "--json", text)) == {"text": text, "label": ranked[0], "probabilities": probabilities}
    assert predicted(sample, "--threshold", 1, text).split("\t")[:2] == ["-", cells[1]]
    assert json.loads(predicted(sample, "--threshold", 1, "--json", text)) == {"text": text, "label": None, "probabilities": probabilities}
    refused("predict", "--model", sample.model, "--threshold", "1.5", text, names=["--threshold", "at most 1", "1.5"])
    refused("predict", "--model", sample.model, "--top-k", "0", text, names=["--top-k"])


def test_the_name_of_a_file_is_refused_as_a_text(sample, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text\nhello\n")
    refused("predict", "--model", sample.model, path, names=[f"{path} is a file", f"linnet predict --model {sample.model} --input {path}", "--"])
    refused("predict", "--model", sample.model, path, "--", path, names=["is a file"])
    assert predicted(sample, "--", path).split("\t")[2] == f"{path}\n"
    assert predicted(sample, "--input", path).split("\t")[2] == "hello\n"


@pytest.mark.parametrize("how, told", [("replaced", None), ("written", "was written to while it was in use"),
                                       ("cut", "its bytes cannot be read any more")])
def test_a_model_that_changes_meanwhile(sample, copy_of, how, told):
    """The weights are used where they are in the file: one that takes its place leaves them, writing into it does not."""
    weights = copy_of(sample.model) / "model.safetensors"
    process = start(["predict", "--model", weights.parent])
    process.stdin.write(b"one\n")
    process.stdin.flush()
    first = process.stdout.readline()
    if how == "cut":
        os.truncate(weights, 0)
    elif how == "written":
        with open(weights, "r+b") as file:
            file.seek(-4, os.SEEK_END)
            file.write(b"\0\0\0\0")
    else:
        weights.with_suffix(".new").write_bytes(bytes(weights.stat().st_size))
        weights.with_suffix(".new").rename(weights)
    result = finish(process, b"one\n")
    if told:
        assert result.code == 1 and result.stdout == "" and told in result.stderr and str(weights) in result.stderr
        assert len(result.stderr.splitlines()) == 1
    else:
        assert result.code == 0 and result.stdout.encode() == first
