#!/usr/bin/env python3
"""Write tests/golden/encodings.json: what Python's codecs make of every byte and every pair of bytes, for encodings of tables.

For each encoding the number of sequences that Python decodes and the SHA-256 of their texts, joined by line feeds. `other` are those that
the C library's iconv reads as another text, with both texts; `refused` are those that it refuses. docs/reference/formats.md names them.
Run it in the root of the repository with a built linnet and a model folder: tests/golden/make_encodings.py MODEL"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

SINGLE = """latin-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11 iso8859-13 iso8859-14
iso8859-15 iso8859-16 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp437 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860
cp861 cp862 cp863 cp864 cp865 cp866 cp869 cp874 cp1125 koi8-r koi8-u koi8-t kz1048 ptcp154 tis-620 mac-roman mac-latin2 mac-cyrillic
hp-roman8""".split()
PAIRS = "shift_jis cp932 euc_jp euc_kr cp949 johab gb2312 gbk gb18030 big5 big5hkscs cp950".split()


def text_of(encoding, sequence):
    try:
        return sequence.decode(encoding)
    except UnicodeDecodeError:
        return None


def sequences(encoding):
    """[bytes] that Python decodes: single bytes from 0x20, and for PAIRS each lead byte with each byte that can follow."""
    lines = [bytes([byte]) for byte in range(0x20, 256)]
    if encoding in PAIRS:
        leads = [byte for byte in range(0x80, 256) if text_of(encoding, bytes([byte])) is None]
        lines += [bytes([lead, byte]) for lead in leads for byte in range(0x30, 256)]
    return [line for line in lines if text_of(encoding, line) is not None]


def digest(texts):
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def read_by_linnet(linnet, model, encoding, lines, folder):
    """The texts that linnet reads; U+FFFD for what it refuses. Each is between two x, so that no line is empty or has a mark."""
    path = os.path.join(folder, "lines.txt")
    with open(path, "wb") as file:
        file.write(b"".join(b"x%bx\n" % line for line in lines))
    command = [linnet, "predict", "--model", model, "--json", "--quiet", "--input", path, "--encoding", encoding, "--encoding-errors", "replace"]
    result = subprocess.run(command, capture_output=True, check=True)
    texts = [json.loads(line)["text"] for line in result.stdout.decode().splitlines()]
    assert len(texts) == len(lines) and all(text[0] == "x" for text in texts)
    return [text[1:-1] if text.endswith("x") else text[1:] for text in texts]


def main():
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for encoding in SINGLE + PAIRS:
            lines = sequences(encoding)
            wanted = [text_of(encoding, line) for line in lines]
            found = read_by_linnet(os.environ.get("LINNET", "build/linnet"), sys.argv[1], encoding, lines, folder)
            differ = [(line.hex(), a, b) for line, a, b in zip(lines, wanted, found) if a != b]
            figures[encoding] = {"count": len(lines), "sha256": digest(wanted), "refused": [line for line, _, b in differ if "\ufffd" in b],
                                 "other": {line: [a, b] for line, a, b in differ if "\ufffd" not in b}}
    with open("tests/golden/encodings.json", "w", encoding="ascii") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(figure)}" for name, figure in figures.items()) + "\n}\n")


if __name__ == "__main__":
    main()
