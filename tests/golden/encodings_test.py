"""Every byte and every pair of bytes of 64 encodings against figures of Python's codecs (make_encodings.py), which pandas uses."""
import json
from pathlib import Path

import pytest

import make_encodings as encodings
from support import LINNET

FIGURES = json.loads((Path(__file__).parent / "encodings.json").read_text())


def check(encoding, model, folder):
    figure = FIGURES[encoding]
    lines = encodings.sequences(encoding)
    wanted = [encodings.text_of(encoding, line) for line in lines]
    assert len(lines) == figure["count"] and encodings.digest(wanted) == figure["sha256"], f"{encoding}: this Python has another codec"
    found = encodings.read_by_linnet(LINNET, model, encoding, lines, folder)
    differ = {line.hex(): text for line, text, right in zip(lines, found, wanted) if text != right}
    # Another version of the C library may read more of the documented ones as Python does.
    for line, text in differ.items():
        assert line in figure["refused"] and "\ufffd" in text or text == figure["other"].get(line, [None, None])[1], (encoding, line, text)


def test_single_bytes(sample, tmp_path):
    for encoding in encodings.SINGLE:
        check(encoding, sample.model, tmp_path)


@pytest.mark.parametrize("encoding", encodings.PAIRS)
def test_pairs_of_bytes(sample, tmp_path, encoding):
    check(encoding, sample.model, tmp_path)
