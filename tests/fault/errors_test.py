"""Every case of errors.py ends with exit code 1 and one line, which errors_golden.tsv holds: alone and on 3 ranks, within a time
limit. The examples of docs/reference/errors.md are some of these lines. `make errors` writes both files' lines."""
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from errors import CASES, CONSTANTS, SETTINGS, make_folder
from support import LIMIT, REFUSED, ROOT, finish, linnet, start, train

PAGE = ROOT / "docs/reference/errors.md"
GOLDEN = ROOT / "tests/fault/errors_golden.tsv"
WRITING = os.environ.get("LINNET_ERRORS") == "write"
EXAMPLE = re.compile(r"(?<=^<!-- case: )(.*)( -->\n```text\nlinnet: error: )(.*)(?=\n```$)", re.M)
PARAMETERS = [pytest.param(case, ranks, id=f"{case.name} ({case.command[0]}, {ranks or 'alone'})") for case in CASES for ranks in case.ranks]

# Root may read and write everything unless it drops these capabilities; the cases about permissions need that.
AS_A_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def base(sample, tmp_path_factory):
    """The files that each case's folder links to."""
    folder = tmp_path_factory.mktemp("base")
    for name, path in {"tokenizer": sample.tokenizer, "model": sample.model, "train.csv": sample.train_csv, "train.h5": sample.train,
                       "test.h5": sample.test}.items():
        os.symlink(path, folder / name)
    (folder / "few.csv").write_text("text,sentiment\na,positive\nb,negative\n")
    linnet("prepare", "--input", folder / "few.csv", "--output", folder / "few.h5", "--tokenizer", sample.tokenizer)
    (folder / "constants.json").write_text(json.dumps(CONSTANTS, indent=1) + "\n")
    place = tmp_path_factory.mktemp("run")
    run = train(place, **{**SETTINGS, "model_name_or_path": sample.model, "train_file": sample.train, "output_dir": place / "run", "max_steps": 2,
                          "save_strategy": "steps", "save_steps": 2})
    os.symlink(run / "checkpoint-2", folder / "checkpoint")
    return folder


@pytest.fixture(scope="module")
def results(request, base, tmp_path_factory):
    """The results of all chosen tests, which are started ahead: mpirun waits for most of a failed job's time."""
    folder = tmp_path_factory.mktemp("errors")

    def run(number, case, ranks):
        place = make_folder(case, folder / f"{number}-{ranks}", base)
        environment = {**REFUSED, "LINNET_LOCK_TIMEOUT": "0"}
        return finish(start(case.command, ranks, env=environment, cwd=place, before=AS_A_USER), limit=LIMIT), place

    with ThreadPoolExecutor(8) as pool:
        chosen = [item.callspec.params for item in request.session.items if getattr(item, "originalname", "") == "test_refused"]
        yield {(case["case"].name, case["case"].command[0], case["ranks"]): pool.submit(run, number, **case) for number, case in enumerate(chosen)}
        pool.shutdown(cancel_futures=True)  # if the tests are interrupted


def message(case, result):
    """The error line without its prefix, digests and, after case.upto, the words of a library."""
    line = re.sub(r"^linnet: error: (rank \d+ on [^,]+, [^:]+: )?", "", result.errors[0])
    line = re.sub(r"\b[0-9a-f]{12}…", "…", line)
    line = re.sub(r"\brun [0-9a-f]{8}\b", "run …", line)
    if case.upto and case.upto in line:
        line = line[: line.index(case.upto) + len(case.upto)] + " …"
    return line


def read_golden():
    """(case, command) → message."""
    rows = (line.split("\t") for line in GOLDEN.read_text().splitlines()) if GOLDEN.exists() else ()
    return {(name, command): message for name, command, message in rows}


MESSAGES = {}  # of the cases that have run


@pytest.mark.parametrize("case, ranks", PARAMETERS)
def test_refused(results, case, ranks):
    key = case.name, case.command[0]
    result, folder = results[(*key, ranks)].result()
    assert result.code == 1 and len(result.errors) == 1, result
    assert not list(folder.glob("run/*.safetensors")) and not list(folder.glob("*.tmp*")), "the refused run wrote files"
    MESSAGES.setdefault(key, message(case, result))
    if not WRITING:
        assert message(case, result) == read_golden().get(key), f"{GOLDEN.name} has another message (make errors): {result}"


def test_golden_file_and_page_have_these_messages():
    """With LINNET_ERRORS=write both are written first: the golden file completely, the page's examples in their places."""
    keys = [(case.name, case.command[0]) for case in CASES]
    if WRITING:
        messages = {**read_golden(), **MESSAGES}
        GOLDEN.write_text("".join("\t".join([*key, messages[key]]) + "\n" for key in keys if key in messages))
        by_name = {name: messages[name, command] for name, command in reversed(keys) if (name, command) in messages}
        PAGE.write_text(EXAMPLE.sub(lambda match: match[1] + match[2] + by_name.get(match[1], match[3]), PAGE.read_text()))
    golden = read_golden()
    assert list(golden) == keys
    examples = {match[1]: match[3] for match in EXAMPLE.finditer(PAGE.read_text())}
    assert examples and not examples.keys() - {case.name for case in CASES}, f"{PAGE.name} has examples of cases that are not in errors.py"
    for name, line in examples.items():
        assert line in [golden[key] for key in keys if key[0] == name], f"{PAGE.name} has another message for {name!r} (make errors)"
