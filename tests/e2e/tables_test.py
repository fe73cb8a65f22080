"""Tables as people have them: formats, encodings, compression, labels, and what is no table.

The expected rows are those that pandas.read_csv (3.1.1; the C parser, keep_default_na=False) reads, except where a
test says otherwise. They are written as JSON Lines in ASCII, and both tables must give the same tokens and labels."""
import codecs
import ctypes
import gzip
import json
import os
import subprocess
import zipfile

import h5py
import pytest

from support import LIMIT, LINNET, finish, linnet, refused, start, write_config

pytestmark = pytest.mark.tiny

ROWS = [("what a day", "positive"), ('he said "no"', "negative"), ("caf\u00e9, na\u00efve", "neutral"), ("", "neutral")]


def prepare(sample, tmp_path, name, content, *options, stdin=b""):
    """Prepare a table with this content (None: standard input); returns the tokens, offsets and labels of the token file."""
    path = "-"
    if content is not None:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    output = tmp_path / f"{name}.h5"
    result = linnet("prepare", "--input", path, "--output", output, "--tokenizer", sample.tokenizer, *options, stdin=stdin)
    with h5py.File(output, "r") as file:
        return [file[column][:].tolist() for column in ("tokens", "offsets", "labels")], result


def check(sample, tmp_path, rows, name, content, *options, stdin=b""):
    """The table has these rows."""
    lines = "".join(json.dumps({"text": text, "sentiment": label}) + "\n" for text, label in rows)
    expected, _ = prepare(sample, tmp_path, "expected.jsonl", lines)
    found, result = prepare(sample, tmp_path, name, content, *options, stdin=stdin)
    assert found == expected, result
    return result


def wrong(sample, tmp_path, name, content, *options, names=(), **more):
    """The table is refused with one line that has these parts."""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = refused("prepare", "--input", tmp_path / name, "--output", tmp_path / "o.h5", "--tokenizer", sample.tokenizer, *options,
                     names=names, **more)
    assert not (tmp_path / "o.h5").exists()
    return result


def quoted(cell, separator):
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in f'{separator}"\n\r') else cell


def csv_of(rows, separator=",", header=True, end="\n"):
    rows = [("text", "sentiment")] * header + list(rows)
    return "".join(separator.join(quoted(cell, separator) for cell in row) + end for row in rows)


# --- Formats ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, content, options", [
    ("plain.csv", csv_of(ROWS), []),
    ("crlf.csv", csv_of(ROWS, end="\r\n"), []),
    ("cr.csv", csv_of(ROWS, end="\r"), []),
    ("no-end.csv", csv_of(ROWS).rstrip("\n"), []),
    ("mark.csv", "\ufeff" + csv_of(ROWS), []),
    ("semicolon.csv", csv_of(ROWS, ";"), ["--separator", ";"]),
    ("pipe.csv", csv_of(ROWS, "|"), ["--separator", "|"]),
    ("tab.csv", csv_of(ROWS, "\t"), ["--separator", "tab"]),
    ("tab.txt", csv_of(ROWS, "\t"), ["--format", "tsv"]),
    ("broken-bar.csv", csv_of(ROWS, "\u00a6"), ["--separator", "\u00a6"]),
    ("excel.csv", "sep=;\r\n" + csv_of(ROWS, ";", end="\r\n"), []),
    ("excel-mark.csv", "\ufeffsep=;\n" + csv_of(ROWS, ";"), []),
    ("plain.tsv", csv_of(ROWS, "\t"), []),
    ("quote.csv", csv_of(ROWS[:1] + ROWS[2:]).replace('"', "'"), ["--quote", "'"]),
    ("no-header.csv", csv_of(ROWS, header=False), ["--no-header", "--text-column", "0", "--label-column", "1"]),
    ("numbers.csv", csv_of(ROWS), ["--text-column", "0", "--label-column", "1"]),
    ("index.csv", ",text,sentiment\n" + "".join(f"{i},{line}\n" for i, line in enumerate(csv_of(ROWS, header=False).splitlines())), []),
])
def test_cells(sample, tmp_path, name, content, options):
    rows = ROWS[:1] + ROWS[2:] if name == "quote.csv" else ROWS
    check(sample, tmp_path, rows, name, content, *options)


def test_quotes_that_mean_nothing(sample, tmp_path):
    """pandas.read_csv(..., quoting=csv.QUOTE_NONE) keeps them; without it the rows between two of them become one."""
    content = 'text\tsentiment\n"so it begins\tpositive\nhe said "no"\tnegative\n"all of it"\tneutral\n'
    rows = [('"so it begins', "positive"), ('he said "no"', "negative"), ('"all of it"', "neutral")]
    check(sample, tmp_path, rows, "t.tsv", content, "--quote", "none")
    wrong(sample, tmp_path, "t.tsv", content, names=["t.tsv:3:10: expected a separator", "--quote none"])


@pytest.mark.parametrize("name, content, options", [
    ("lines.jsonl", "\n".join(json.dumps({"text": t, "sentiment": s}) for t, s in ROWS), []),
    ("lines.json", "\n".join(json.dumps({"text": t, "sentiment": s}) for t, s in ROWS), []),
    ("cr.jsonl", "\r".join(json.dumps({"text": t, "sentiment": s}) for t, s in ROWS), []),
    ("array.json", json.dumps([{"id": [1, {"x": None}], "text": t, "sentiment": s} for t, s in ROWS]), []),
    ("indented.json", json.dumps([{"text": t, "sentiment": s} for t, s in ROWS], indent=4, ensure_ascii=False), []),
    ("array.jsonl", json.dumps([{"text": t, "sentiment": s} for t, s in ROWS]), []),
    ("objects.json", "\n".join(json.dumps({"text": t, "sentiment": s}, indent=1) for t, s in ROWS), []),
    ("field.json", json.dumps({"version": "1", "about": {"data": [{}]}, "data": [{"text": t, "sentiment": s} for t, s in ROWS], "n": 4}),
     ["--field", "data"]),
])
def test_json(sample, tmp_path, name, content, options):
    """As datasets.load_dataset("json", data_files=..., field=...) reads them; it refuses several indented objects, pandas too."""
    check(sample, tmp_path, ROWS, name, content, *options)


@pytest.mark.parametrize("content, names", [
    ('{"data": [{"text": "a", "sentiment": 0}]}', ['no member "text"', '"data"', "--field"]),
    ('{"text": {"0": "a"}, "sentiment": {"0": 1}}', ['t.json:1:10: member "text" must be', 'orient="records"']),
    ('[{"text": "a", "sentiment": 0}', ["t.json:1:31: the text ends inside an array"]),
    ('[{"text": "a", "sentiment": 0},]', ["t.json:1:32: expected an object"]),
    ('[{"text": "a", "sentiment": 0} {"text": "b", "sentiment": 0}]', ["t.json:1:32: expected ',' or ']'"]),
    ('[{"text": "a", "sentiment": 0}] x', ["t.json:1:33: expected nothing after the array"]),
    ('[\n {"text": "a",\n  "sentiment": 07}]', ["t.json:3:17: a number cannot start with 0"]),
    ('{"text": "a", "sentiment": 0\n{"text": "b", "sentiment": 0}\n', ["t.json:2:1: expected ',' or '}'"]),
    ('{"text": "a", "sentiment": 0}\n"b"\n', ["t.json:2:1: expected a JSON object"]),
    ('[["a", 0]]', ["t.json:1:2: expected a JSON object", 'orient="records"']),
    ('{"columns": ["text", "sentiment"], "data": [["a", 0]]}', ['t.json:1: no member "text"', 'orient="records"']),
    ('{"0": {"text": "a", "sentiment": 0}}', ['t.json:1: no member "text"', 'orient="records"']),
    ("text,sentiment\na,0\n", ["t.json:1:1: expected a JSON object", "--format csv"]),
    ('{"text": "\\ud83d", "sentiment": 0}', ["t.json:1:17: half of a surrogate pair"]),
    ('{"text": "a", "sentiment": 0}\n\0\0{"text": "b", "sentiment": 0}\n', ["t.json:2:1: expected JSON, got a NUL byte"]),
    ('[{"text": "a", "sentiment": 0}]\0', ["t.json:1:32: expected JSON, got a NUL byte"]),
])
def test_json_that_is_wrong(sample, tmp_path, content, names):
    """Python's json refuses them all."""
    wrong(sample, tmp_path, "t.json", content, names=names)


@pytest.mark.parametrize("end, names", [
    ("", ["t.json:1:40: expected ',' or '}'"]),
    (' "n": 4}', ["t.json:1:41: expected ',' or '}'"]),
    (', "n": 4', ["t.json:1:48: expected ',' or '}'"]),
    (', "n": [4}', ["expected ',' or ']'"]),
    (', 4}', ['t.json:1:42: expected a key in "quotes"']),
    ('}, {"data": []}', ["t.json:1:41: expected nothing after the object"]),
    (', "data": [{"text": "b", "sentiment": 0}]}', ["the field appears twice"]),
])
def test_json_around_the_field_is_wrong(sample, tmp_path, end, names):
    """A download that was cut, or another array of the same name, of which Python takes the last one."""
    wrong(sample, tmp_path, "t.json", '{"data":[{"text": "a", "sentiment": 0}]' + end, "--field", "data", names=names)


@pytest.mark.parametrize("content, names", [
    ("text;sentiment\na;0\n", ['the columns are: "text;sentiment"', "--separator ';'"]),
    ("text\tsentiment\na\t0\n", ["text\\tsentiment", "--separator tab"]),
    ("text, sentiment\na,0\n", ['no column "sentiment"; the columns are: "text", " sentiment"']),
    ("text,sentiment\u00a0\na,0\n", ['"sentiment\\u00a0"']),
    ("\ufefftext,\ufeffsentiment\na,0\n", ['"\\ufeffsentiment"']),
    ("text,text,sentiment\na,b,0\n", ['t.csv:1:6: column "text" appears twice']),
    ('{"text": "a", "sentiment": 0}\n', ["--format json"]),
    ("text,sentiment\na,b,0\n", ["t.csv:2:5: the row has 3 fields, but the header row has 2"]),
    ("text,sentiment\n", ["the table has no rows"]),
    ("", ["the file is empty"]),
])
def test_tables_that_are_wrong(sample, tmp_path, content, names):
    wrong(sample, tmp_path, "t.csv", content, names=names)


@pytest.mark.parametrize("options, names", [
    (["--separator", ";;"], ['separator: expected one character, or "tab", got ";;"']),
    (["--separator", "\n"], ['got "\\n"']),
    (["--quote", "''"], ["quote: expected one ASCII character"]),
    (["--format", "parquet"], ['format "parquet" is not known']),
    (["--format", "json", "--no-header"], ["options of csv and tsv"]),
    (["--field", "data"], ["field is an option of json"]),
    (["--no-header"], ['no column "text": without a header columns have numbers, here 0 to 1']),
    (["--no-header", "--text-column", "2"], ['no column "2"']),
    (["--encoding", "latin-0"], ['encoding "latin-0" is not known']),
    (["--encoding", "utf-8//IGNORE"], ["is not known"]),
    (["--encoding-errors", "ignore"], ['"strict" or "replace"']),
])
def test_options_that_are_wrong(sample, tmp_path, options, names):
    wrong(sample, tmp_path, "t.csv", csv_of(ROWS), *options, names=names)


def test_rows_inside_quotes_are_told(sample, tmp_path):
    """pandas reads two rows, without a word (its issues 21695, 25228 and 39857); with quoting=csv.QUOTE_NONE four."""
    table = 'text\tsentiment\n"what a day\tpositive\nfine\tneutral\nhe said "\tnegative\nlast\tneutral\n'
    told = "t.tsv:2:1: the cell in quotes holds tabs and line ends"
    merged = [("what a day\tpositive\nfine\tneutral\nhe said ", "negative"), ("last", "neutral")]
    assert check(sample, tmp_path, merged, "t.tsv", table).stderr.count(told) == 1
    assert prepare(sample, tmp_path, "t.tsv", table, "--subset", "2")[1].stderr.count(told) == 1
    rows = [('"what a day', "positive"), ("fine", "neutral"), ('he said "', "negative"), ("last", "neutral")]
    assert "warning" not in check(sample, tmp_path, rows, "t.tsv", table, "--quote", "none").stderr
    harmless = 'text\tsentiment\n"two\nlines"\tneutral\n"a\ttab"\tneutral\n'
    assert "warning" not in check(sample, tmp_path, [("two\nlines", "neutral"), ("a\ttab", "neutral")], "t.tsv", harmless).stderr


# --- Encodings and compression ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["latin-1", "latin1", "iso-8859-1", "iso8859_15", "cp1252", "windows-1252", "utf-8", "utf-8-sig", "utf_16",
                                      "utf-16le", "UTF-16BE", "utf-32", "cp65001", "mac_roman", "cp437", "latin"])
def test_encodings_by_name(sample, tmp_path, encoding):
    """By Python's and by iconv's name."""
    check(sample, tmp_path, ROWS, "t.csv", csv_of(ROWS).encode(encoding), "--encoding", encoding)


@pytest.mark.parametrize("encoding, text", [("shift_jis", "\u597d\u304d\u3060"), ("euc_jp", "\u597d\u304d"), ("iso2022_jp", "\u597d\u304d"), ("gb18030", "\u6211\u559c\u6b22"),
                                            ("big5", "\u6211\u559c"), ("koi8_r", "\u043b\u044e\u0431\u043b\u044e"), ("cp1251", "\u043b\u044e\u0431\u043b\u044e"), ("euc_kr", "\uc88b\uc544")])
def test_encodings_of_many_languages(sample, tmp_path, encoding, text):
    rows = [(text, "positive"), (f"{text}, {text}", "negative")] * 3
    check(sample, tmp_path, rows, "t.csv", csv_of(rows).encode(encoding), "--encoding", encoding)


@pytest.mark.parametrize("encoding", ["shift_jis", "Shift-JIS", "sjis", "shiftjis", "ms_kanji", "cp932"])
def test_ascii_in_shift_jis(sample, tmp_path, encoding):
    """Python reads 0x5C and 0x7E as in ASCII, also where they are the second byte of a character; iconv reads a yen sign and an overline."""
    text = "\\o/ ~ \u8868\u30bd\u5341"  # the last three end in the byte 0x5C
    rows = [(text, "positive"), (text * 5000, "negative")]
    check(sample, tmp_path, rows, "t.csv", csv_of(rows).encode(encoding), "--encoding", encoding)


@pytest.mark.parametrize("mark, encoding", [(codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"), (codecs.BOM_UTF32_LE, "utf-32le"),
                                            (codecs.BOM_UTF32_BE, "utf-32be"), (codecs.BOM_UTF8, "utf-8")])
def test_byte_order_marks(sample, tmp_path, mark, encoding):
    check(sample, tmp_path, ROWS, "t.csv", mark + csv_of(ROWS).encode(encoding))


def test_large_tables_in_other_encodings(sample, tmp_path):
    """Characters on the edges of all buffers."""
    rows = [("x" * (i % 7) + "\u00e9\u4e2d\U0001F600" * (i % 11), "neutral") for i in range(9000)]
    check(sample, tmp_path, rows, "t.csv", csv_of(rows).encode("utf-16"))
    check(sample, tmp_path, rows, "t.csv.gz", gzip.compress(csv_of(rows).encode("utf-16")))


def test_bytes_of_another_encoding(sample, tmp_path):
    table = csv_of([("caf\u00e9", "neutral")])
    wrong(sample, tmp_path, "t.csv", table.encode("latin-1"), names=["t.csv:2:4: byte 0xE9 is not UTF-8", "--encoding cp1252"])
    wrong(sample, tmp_path, "t.csv", table.encode("utf-16le"), names=["UTF-16 without a byte-order mark", "--encoding utf-16le"])
    wrong(sample, tmp_path, "t.csv", table.encode("utf-16be"), names=["--encoding utf-16be"])
    wrong(sample, tmp_path, "t.csv", table.encode("utf-16le"), "--encoding", "latin-1", names=["UTF-16 without a byte-order mark"])
    wrong(sample, tmp_path, "t.csv", b"text,sentiment\na\x81b,neutral\n", "--encoding", "cp1252", names=["t.csv:2: byte 0x81 at offset 16 is not cp1252"])
    wrong(sample, tmp_path, "t.csv", table.encode("utf-16")[:-1], names=["t.csv:2: byte 0x0A at offset"])
    wrong(sample, tmp_path, "t.csv", codecs.BOM_UTF8 + table.encode(), "--encoding", "latin-1", names=["byte-order mark of UTF-8"])
    wrong(sample, tmp_path, "t.csv", codecs.BOM_UTF8 + table.encode(), "--encoding", "utf-16", names=["byte-order mark of UTF-8"])
    wrong(sample, tmp_path, "t.csv", table.encode("utf-16"), "--encoding", "utf-16be", "--no-header", "--text-column", "0", "--no-labels",
          names=["byte-order mark of UTF-16LE"])


def test_bad_bytes_may_be_replaced(sample, tmp_path):
    """Python's bytes.decode(errors="replace"): U+FFFD for each longest start of a character (an emoji that was cut is one)."""
    texts = [b"cut \xf0\x9f\x98", b"caf\xe9 x", b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x80\x80\x80!", b"ok"]
    rows = [(text.decode(errors="replace"), "neutral") for text in texts]
    content = b"text,sentiment\n" + b"".join(text + b",neutral\n" for text in texts)
    result = check(sample, tmp_path, rows, "t.csv", content, "--encoding-errors", "replace")
    replaced = sum(text.count("\ufffd") for text, _ in rows)
    assert f"U+FFFD: {replaced} times" in result.stdout, result
    check(sample, tmp_path, [("a\ufffdb\u00e9", "neutral")], "t.csv", b"text,sentiment\na\x81b\xe9,neutral\n", "--encoding", "cp1252",
          "--encoding-errors", "replace")


def zstd(data):
    """A frame of the library that linnet is linked with."""
    library = ctypes.CDLL("libzstd.so.1")
    for function in (library.ZSTD_compressBound, library.ZSTD_compress):
        function.restype = ctypes.c_size_t
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    size = library.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:size]


def zstd_stored(data, checksum=b""):
    """A frame of one stored block (RFC 8878)."""
    return b"\x28\xb5\x2f\xfd" + bytes([0xA0 | (4 if checksum else 0)]) + len(data).to_bytes(4, "little") + (len(data) << 3 | 1).to_bytes(3, "little") + data + checksum


def test_zstd(sample, tmp_path):
    table = csv_of(ROWS).encode()
    check(sample, tmp_path, ROWS, "t.csv.zst", zstd(table))
    check(sample, tmp_path, ROWS, "t.csv", zstd_stored(table))  # the name does not say so
    check(sample, tmp_path, ROWS, "two.tsv.ZST", zstd(csv_of(ROWS[:2], "\t").encode()) + zstd(b"") + zstd_stored(csv_of(ROWS[2:], "\t", header=False).encode()))
    check(sample, tmp_path, ROWS, "-", None, "--format", "csv", stdin=zstd(table))
    check(sample, tmp_path, ROWS[:3], "t.csv.zst", zstd(csv_of(ROWS[:3]).encode("utf-16")))
    wrong(sample, tmp_path, "t.csv.zst", zstd_stored(table)[:-9], names=["ends inside its zstd data"])
    wrong(sample, tmp_path, "t.csv.zst", zstd_stored(table, b"1234"), names=["damaged zstd data (Restored data doesn't match checksum)"])
    wrong(sample, tmp_path, "t.csv.zst", zstd(table) + b"more", names=["damaged zstd data"])
    wrong(sample, tmp_path, "t.csv.zst", b"\x28\xb5\x2f\xfd\x00\xb8" + b"\0" * 9, names=["window of over 128 MiB"])
    large = [(f"text number {i} " * (i % 40), "neutral") for i in range(20_000)]
    check(sample, tmp_path, large, "large.csv.zst", zstd(csv_of(large).encode()))


def test_gzip(sample, tmp_path):
    table = csv_of(ROWS).encode()
    check(sample, tmp_path, ROWS, "t.csv.gz", gzip.compress(table))
    check(sample, tmp_path, ROWS, "t.csv", gzip.compress(table))  # the name does not say so
    check(sample, tmp_path, ROWS, "t.csv.gz", table)  # and here it is not
    check(sample, tmp_path, ROWS, "two.tsv.GZ", gzip.compress(csv_of(ROWS[:2], "\t").encode()) + gzip.compress(csv_of(ROWS[2:], "\t", header=False).encode()) + b"\0" * 9)
    check(sample, tmp_path, ROWS, "t.jsonl.gz", gzip.compress("\n".join(json.dumps({"text": t, "sentiment": s}) for t, s in ROWS).encode()))
    check(sample, tmp_path, ROWS, "-", None, "--format", "csv", stdin=gzip.compress(table))
    wrong(sample, tmp_path, "t.csv.gz", gzip.compress(table)[:-9], names=["ends inside its gzip data"])
    damaged = bytearray(gzip.compress(table))
    damaged[-5] ^= 1
    wrong(sample, tmp_path, "t.csv.gz", bytes(damaged), names=["damaged gzip data (incorrect data check)"])
    wrong(sample, tmp_path, "t.csv.gz", gzip.compress(table) + b"more", names=["damaged gzip data"])
    large = [(f"text number {i} " * (i % 9), "positive") for i in range(20000)]
    check(sample, tmp_path, large, "large.csv.gz", gzip.compress(csv_of(large).encode()))


# --- What is no table ---------------------------------------------------------------------------------------------


def xlsx(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr("xl/workbook.xml", "<workbook/>")
    return path.read_bytes()


@pytest.mark.parametrize("name, content, names", [
    ("t.csv", b"PAR1\x15\x04\x15\x00\x15", ["a Parquet file", "pandas.read_parquet('", "t.csv').to_csv("]),
    ("t.parquet", b"PAR1\x15\x04\x15\x00\x15", ["a Parquet file"]),
    ("t.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", ["Git LFS pointer", "git lfs pull"]),
    ("t.csv", b"BZh91AY&SY\x00\x00", ["compressed by bzip2", "bunzip2"]),
    ("t.csv.bz2", b"BZh91AY&SY\x00\x00", ["compressed by bzip2"]),
    ("t.csv.xz", b"\xfd7zXZ\x00\x00", ["compressed by xz"]),
    ("t.csv", b"<!DOCTYPE html>\n<html>", ["a web page"]),
    ("t.arrow", b"ARROW1\0\0", ["read_feather"]),
    ("t.pkl", b"\x80\x04\x95\x00\x00", ["a Python pickle", "read_pickle"]),
    ("t.csv", b"\x89PNG\r\n\x1a\n\0\0", ["an image"]),
    ("t.csv.gz", gzip.compress(b"t.csv" + b"\0" * 252 + b"ustar\0" + b"00" + b"x" * 512), ["a tar archive"]),
    ("t.dat", b"text,sentiment\na,0\n", ["--format csv"]),
])
def test_what_is_no_table(sample, tmp_path, name, content, names):
    wrong(sample, tmp_path, name, content, names=names)


def test_workbooks(sample, tmp_path):
    wrong(sample, tmp_path, "t.csv", xlsx(tmp_path / "t.xlsx"), names=["an Excel workbook", "read_excel"])
    refused("prepare", "--input", tmp_path, "--output", tmp_path / "o.h5", "--tokenizer", sample.tokenizer, names=["is a folder: name its files"])


def test_a_folder_of_datasets(sample, tmp_path):
    """What Dataset.save_to_disk() and DatasetDict.save_to_disk() leave."""
    (tmp_path / "data").mkdir()
    wanted = ["prepare", "--input", tmp_path / "data", "--output", tmp_path / "o.h5", "--tokenizer", sample.tokenizer]
    (tmp_path / "data/dataset_info.json").write_text("{}")
    (tmp_path / "data/state.json").write_text("{}")
    refused(*wanted, names=["saved by `datasets`", "load_from_disk('", "').to_csv('"])
    (tmp_path / "data/dataset_dict.json").write_text("{}")
    refused(*wanted, names=["')['train'].to_csv('"])


def test_texts_may_start_with_a_mark(sample, tmp_path):
    """A header or text that begins with the letters of another kind is a text."""
    for word in ("PAR1", "GGUF", "BZh", "%PDF-"):
        check(sample, tmp_path, [("a", "neutral")], "t.csv", f"{word} id,text,sentiment\n1,a,neutral\n")


def test_a_table_in_place_of_a_token_file(sample, job, tmp_path):
    """Training says the command that makes the token file; evaluation prepares the table itself (evaluate_table_test.py)."""
    config = write_config(tmp_path / "run.json", **{**job, "output_dir": tmp_path / "run", "train_file": sample.train_csv})
    refused("train", config, names=["not an HDF5 file", f"linnet prepare --input {sample.train_csv} --output {sample.train_csv.with_suffix('.h5')} --tokenizer"])
    refused("inspect", sample.train_csv, names=["train.csv"])


# --- Labels -------------------------------------------------------------------------------------------------------


def labels(sample, tmp_path, names, cells):
    table = "text,sentiment\n" + "".join(f"a,{cell}\n" for cell in cells)
    return prepare(sample, tmp_path, "t.csv", table, "--labels", names)[0][2]


@pytest.mark.parametrize("names, cells, expected", [
    ("1,2,3,4,5", ["1", "5", "3"], [0, 4, 2]),
    ("1,2,3,4,5", ["1.0", "5.00", "+3", "02"], [0, 4, 2, 1]),  # pandas writes a column with a missing value as 1.0
    ("0,4", ["0", "4", "4.0"], [0, 1, 1]),  # Sentiment140
    ("-1,0,1", ["-1", "1", "0", "-1.0"], [0, 2, 1, 0]),
    ("2,1,0", ["0", "2"], [2, 0]),
    ("0.0,1.0", ["0", "1.0"], [0, 1]),
    ("9007199254740992,9007199254740993", ["9007199254740993", "9007199254740992"], [1, 0]),
    ("negative,neutral,positive", ["neutral", "0", "2", "1.0", " positive ", "01"], [1, 0, 2, 1, 2, 1]),  # datasets.ClassLabel.str2int
    ("negative, neutral , positive", ["neutral"], [1]),
    ("False,True", ["True", "false", "TRUE"], [1, 0, 1]),
    ("no,1", ["no", "1"], [0, 1]),
    ("a,A", ["A", "a"], [1, 0]),
])
def test_labels(sample, tmp_path, names, cells, expected):
    assert labels(sample, tmp_path, names, cells) == expected


@pytest.mark.parametrize("names, cell, parts", [
    ("1,2,3,4,5", "0", ['unknown label "0": expected "1", "2", "3", "4", "5"']),
    ("1,2,3", "1.5", ['unknown label "1.5"']),
    ("no,1", "0", ['unknown label "0"']),
    ("1,1.0", "01", ['unknown label "01"']),
    ("neutral,positive", "neutr\u0430l", ['unknown label "neutr\u0430l" (U+0430 is not ASCII)']),  # a Cyrillic letter
    ("negative,positive", "2", ['unknown label "2"', "a number from 0 to 1"]),
    ("negative,positive", "-1", ['unknown label "-1"']),
    ("negative,positive", "True", ['unknown label "True"']),
    ("negative,positive", "0x1", ['unknown label "0x1"']),
    ("negative,positive", "nan", ['unknown label "nan"']),
    ("9007199254740992,1", "9007199254740993", ['unknown label "9007199254740993"']),  # equal in float64
    ("negative,positive", "", ["the label is empty"]),
    ("negative,positive", "Positive", ['unknown label "Positive"']),
    ("negative,positive", "posi\0tive", ['unknown label "posi\\0tive"']),
    ("negative,positive", "positive\u200b", ['unknown label "positive\\u200b"']),
    ("negative,positive", "\x1b[31mpositive", ['unknown label "\\x1b[31mpositive"']),
])
def test_labels_that_are_none(sample, tmp_path, names, cell, parts):
    wrong(sample, tmp_path, "t.csv", f"text,sentiment\na,{cell}\n", "--labels", names, names=["t.csv:2:3: ", *parts])


def test_labels_of_json(sample, tmp_path):
    def of(names, values):
        return prepare(sample, tmp_path, "t.jsonl", "".join(json.dumps({"text": "a", "sentiment": value}) + "\n" for value in values), "--labels", names)[0][2]

    assert of("1,2,3", [1, 3.0, "2"]) == [0, 2, 1]
    assert of("false,true", [True, False]) == [1, 0]
    assert of("negative,neutral,positive", [2, 0.0, "neutral"]) == [2, 0, 1]
    wrong(sample, tmp_path, "t.jsonl", '{"text": "a", "sentiment": null}\n', names=["t.jsonl:1:28: the label is null"])
    wrong(sample, tmp_path, "t.jsonl", '{"text": "a", "sentiment": true}\n', names=['unknown label "true"'])


@pytest.mark.parametrize("names, parts", [("a,,b", ["label 1: the name is empty"]), ("a, a", ['label "a" appears twice']), ("a\tb,c", ['"a\\tb"'])])
def test_names_that_are_none(sample, tmp_path, names, parts):
    wrong(sample, tmp_path, "t.csv", csv_of(ROWS), "--labels", names, names=parts)


# --- Texts --------------------------------------------------------------------------------------------------------


def test_empty_texts_are_counted(sample, tmp_path):
    """pandas reads an empty cell as NaN, datasets as None; here both, and JSON's null, are empty texts."""
    result = check(sample, tmp_path, [("", "neutral"), ("a", "neutral"), ("", "neutral")], "t.csv", 'text,sentiment\n,neutral\na,neutral\n"",neutral\n')
    assert "empty texts, one end-of-text token each: 2 (null: 0)" in result.stdout, result
    result = check(sample, tmp_path, [("", "neutral"), ("", "neutral")], "t.jsonl", '{"text": null, "sentiment": 1}\n{"text": "", "sentiment": 1}\n')
    assert "empty texts, one end-of-text token each: 2 (null: 1)" in result.stdout, result
    result = check(sample, tmp_path, [("NA", "neutral"), ("null", "neutral")], "t.csv", "text,sentiment\nNA,neutral\nnull,neutral\n")
    assert "empty texts" not in result.stdout, result


# --- Standard input and output ------------------------------------------------------------------------------------


def test_tables_from_standard_input(sample, tmp_path):
    table = csv_of(ROWS).encode()
    check(sample, tmp_path, ROWS, "-", None, "--format", "csv", stdin=table)
    expected, _ = prepare(sample, tmp_path, "t.csv", table, "--subset", "3")
    found, _ = prepare(sample, tmp_path, "-", None, "--format", "csv", "--subset", "3", stdin=table)
    assert found == expected
    refused("prepare", "--input", "-", "--output", tmp_path / "o.h5", "--tokenizer", sample.tokenizer, stdin=table, names=["standard input", "--format"])
    fed = subprocess.run(["bash", "-c", f'"{LINNET}" prepare --input <(cat "{tmp_path}/t.csv") --format csv --subset 3 --output "{tmp_path}/fd.h5" '
                                        f'--tokenizer "{sample.tokenizer}"'], capture_output=True, text=True, timeout=LIMIT)
    assert fed.returncode == 0, fed
    with h5py.File(tmp_path / "fd.h5", "r") as file:
        assert file["tokens"][:].tolist() == expected[0]


def predicted(sample, stdin, *options):
    return [json.loads(line)["text"] for line in linnet("predict", "--model", sample.model, "--json", *options, stdin=stdin).stdout.splitlines()]


def test_lines_of_standard_input(sample):
    assert predicted(sample, b"\xef\xbb\xbfhello\nthere\r\n\nlast") == ["hello", "there", "", "last"]
    assert predicted(sample, "\ufeffna\u00efve\n".encode("utf-16le")) == ["na\u00efve"]
    assert predicted(sample, "na\u00efve\n".encode("latin-1"), "--encoding", "latin-1") == ["na\u00efve"]
    assert predicted(sample, gzip.compress(b"a\nb\n")) == ["a", "b"]
    assert predicted(sample, b"\n") == [""]
    assert predicted(sample, b"") == []
    assert predicted(sample, b"GGUF\n<html>\n") == ["GGUF", "<html>"]
    refused("predict", "--model", sample.model, stdin=b"fine\ncaf\xe9\n", names=["standard input:2:4: byte 0xE9 is not UTF-8"])


def test_predict_reads_tables(sample, tmp_path):
    (tmp_path / "t.csv").write_text(csv_of(ROWS), encoding="latin-1")
    assert predicted(sample, b"", "--input", tmp_path / "t.csv", "--encoding", "latin-1") == [text for text, _ in ROWS]
    (tmp_path / "t.txt").write_text("one\ntwo, three\n")
    assert predicted(sample, b"", "--input", tmp_path / "t.txt") == ["one", "two, three"]
    assert predicted(sample, b"0;a\n1;b\n", "--input", "-", "--format", "csv", "--separator", ";", "--no-header", "--text-column", "1") == ["a", "b"]
    assert predicted(sample, b"", "--input", tmp_path / "t.txt", "--text-column", "0") == ["one", "two, three"]
    refused("predict", "--model", sample.model, "--input", tmp_path / "t.txt", "--text-column", "tweet", names=['lines has texts only, no column "tweet"', "--format csv"])
    refused("predict", "--model", sample.model, "--input", tmp_path / "t.csv", "a text", names=["--input"])


HOSTILE = "a\0b\nc\rd\te\x1b[31mf\x7f\x85\u2028\u2029\u202eg"


def test_answers_are_one_line(sample, tmp_path):
    (tmp_path / "t.jsonl").write_text(json.dumps({"text": HOSTILE}) + "\n")
    options = ["predict", "--model", sample.model, "--input", tmp_path / "t.jsonl"]
    output = linnet(*options, "--json").stdout
    assert len(output.splitlines()) == 1 and json.loads(output)["text"] == HOSTILE, "str.splitlines() knows all line ends of Unicode"
    output = linnet(*options).stdout
    assert len(output.splitlines()) == 1, output
    assert output.split("\t")[2] == "a\\0b\\nc\\rd\\te\\x1b[31mf\\x7f\\u0085\\u2028\\u2029\\u202eg\n"
    assert len(linnet("predict", "--model", sample.model, "two\nlines").stdout.splitlines()) == 1
    family = "\U0001F468\u200d\U0001F469\u200d\U0001F467 \u2764\ufe0f \u00a0\\n"
    assert linnet("predict", "--model", sample.model, family).stdout.split("\t")[2] == family + "\n"


@pytest.mark.parametrize("redirection, code, message", [
    ("< /", 1, "standard input: cannot read: it is a folder"),
    ("<&-", 1, "standard input is closed"),
    ("< /dev/full >&-", 2, "cannot write to standard output"),
    ("< /dev/null", 0, ""),
    ("<<< a > /dev/full", 2, "cannot write to standard output: No space left on device"),
    ("<<< a >&-", 2, "cannot write to standard output"),
    ("<<< a 2>&-", 0, ""),
])
def test_what_cannot_be_read_or_written(sample, redirection, code, message):
    if "/dev/full >&-" in redirection:
        redirection = "<<< a >&-"
    result = subprocess.run(["bash", "-c", f'"{LINNET}" predict --model "{sample.model}" {redirection}'], capture_output=True, text=True, timeout=LIMIT)
    assert result.returncode == code and message in result.stderr, result
    assert result.stderr.count("linnet: error:") == (1 if code else 0), result


def test_a_read_error(sample, tmp_path):
    """Reading /proc/self/mem at 0 fails with an input/output error."""
    result = subprocess.run([LINNET, "predict", "--model", sample.model], stdin=open("/proc/self/mem", "rb"), capture_output=True, text=True, timeout=LIMIT)
    assert result.returncode == 1 and "standard input: cannot read: " in result.stderr, result


def test_a_line_is_answered_at_once(sample):
    process = start(["predict", "--model", sample.model])
    process.stdin.write(b"ok\n")
    process.stdin.flush()
    assert os.read(process.stdout.fileno(), 4096).endswith(b"\tok\n")
    finish(process)


# --- Tables without labels ----------------------------------------------------------------------------------------


def test_tables_without_labels(sample, job, tmp_path):
    """They are prepared for predictions, which are those of the texts; what needs labels says so."""
    texts = ["i love this song", "", "oh no, it's 7:30"]
    (tmp_path / "t.csv").write_text("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(texts)))
    data = tmp_path / "t.h5"
    wanted = ["prepare", "--input", tmp_path / "t.csv", "--output", data, "--tokenizer", sample.tokenizer]
    refused(*wanted, names=['no column "sentiment"; the columns are: "id", "text"'])
    assert "labels: none" in linnet(*wanted, "--no-labels").stdout
    assert "none" in linnet("inspect", data).stdout
    answers = [json.loads(line) for line in linnet("predict", "--model", sample.model, "--json", *texts).stdout.splitlines()]
    rows = [json.loads(line) for line in linnet("predict", "--model", sample.model, "--json", "--input", data).stdout.splitlines()]
    assert [row["row"] for row in rows] == [0, 1, 2]
    assert [(row["label"], row["probabilities"]) for row in rows] == [(answer["label"], answer["probabilities"]) for answer in answers]
    assert linnet("predict", "--model", sample.model, "--input", data).stdout.splitlines()[2].split("\t")[2] == "2"
    for ranks in (0, 2):
        evaluated = ["evaluate", "--model", sample.model, "--data", data]
        linnet(*evaluated, "--predictions", tmp_path / "p.tsv", ranks=ranks)
        lines = [line.split("\t") for line in (tmp_path / "p.tsv").read_text().splitlines()]
        assert lines[0] == ["row", "predicted", *rows[0]["probabilities"]]
        assert [line[:2] for line in lines[1:]] == [[str(row["row"]), row["label"]] for row in rows]
        refused(*evaluated, ranks=ranks, names=["has no labels", "--predictions"])
        for key in ("train_file", "eval_file"):
            config = tmp_path / "run.json"
            config.write_text(json.dumps({**{name: str(value) if not isinstance(value, (int, float)) else value for name, value in job.items()}, "output_dir": str(tmp_path / "run"), key: str(data)}))
            refused("train", config, ranks=ranks, names=["has no labels"])
