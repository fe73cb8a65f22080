"""docs/reference/errors.md: every case of errors.py is refused with exit code 1 and the one line that the page says, alone and on 3
ranks, within a time limit. `make errors` writes the page anew."""
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from errors import CASES, CONSTANTS, SETTINGS, make_folder
from support import LIMIT, REFUSED, ROOT, finish, linnet, start, train

PAGE = ROOT / "docs/reference/errors.md"
WRITING = os.environ.get("LINNET_ERRORS") == "write"
HEAD = """# What linnet refuses

<!-- Made from tests/fault/errors.py by `make errors`; tests/fault/errors_test.py fails where the page and the program differ. -->

Bad use and bad input end with exit code 1 and one line on standard error, before anything is computed, or written but for the
output folder and its `.lock`. Below is every case that the tests bring about, with that line as they see it (after `linnet: error: `, and with several ranks the rank that met
it). `train` and `evaluate` are run alone and on 3 ranks; the line is the same. `…` stands for digests, and for what a library
says in its own words. Other exit codes: [exit-codes.md](exit-codes.md).
"""
PARAMETERS = [pytest.param(case, ranks, id=f"{case.name} ({case.command[0]}, {ranks or 'alone'})") for case in CASES for ranks in case.ranks]

# Root may read and write everything, unless it gives that up: the cases about permissions are of no use else.
AS_A_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def base(sample, tmp_path_factory):
    """What every case's folder is linked to."""
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
    """Of every chosen test, started ahead of it: most of a failed job's time mpirun waits."""
    folder = tmp_path_factory.mktemp("errors")

    def run(number, case, ranks):
        place = make_folder(case, folder / f"{number}-{ranks}", base)
        environment = {**REFUSED, "LINNET_LOCK_TIMEOUT": "0"}
        return finish(start(case.command, ranks, env=environment, cwd=place, before=AS_A_USER), limit=LIMIT), place

    with ThreadPoolExecutor(8) as pool:
        chosen = [item.callspec.params for item in request.session.items if getattr(item, "originalname", "") == "test_refused"]
        yield {(case["case"].name, case["case"].command[0], case["ranks"]): pool.submit(run, number, **case) for number, case in enumerate(chosen)}
        pool.shutdown(cancel_futures=True)  # of tests that are broken off


def told(case, result):
    """The error line without what is not the case's."""
    line = re.sub(r"^linnet: error: (rank \d+ on [^,]+, [^:]+: )?", "", result.errors[0])
    line = re.sub(r"\b[0-9a-f]{12}…", "…", line)
    if case.upto and case.upto in line:
        line = line[: line.index(case.upto) + len(case.upto)] + " …"
    return line


def row(case, line):
    cells = [case.what, f"`{case.command[0]}`", f"`` {line} ``" if "`" in line else f"`{line}`"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


LINES = {}


@pytest.mark.parametrize("case, ranks", PARAMETERS)
def test_refused(results, case, ranks):
    result, folder = results[case.name, case.command[0], ranks].result()
    assert result.code == 1 and len(result.errors) == 1, result
    assert not list(folder.glob("run/*.safetensors")) and not list(folder.glob("*.tmp*")), "something was written though the run was refused"
    line = row(case, told(case, result))
    if WRITING:
        LINES.setdefault((case.name, case.command[0]), line)
    else:
        assert line in PAGE.read_text().splitlines(), f"docs/reference/errors.md says otherwise (make errors): {result}"


def test_page_is_of_these_cases(request):
    """Every case has a row and every row a case; with LINNET_ERRORS=write the page is written."""
    if WRITING:
        page, section = HEAD, None
        for case in CASES:
            if case.section != section:
                section = case.section
                page += f"\n## {section}\n\n| what | command | line |\n|---|---|---|\n"
            page += LINES[case.name, case.command[0]] + "\n"
        PAGE.write_text(page)
    wanted = [(case.what.replace("|", "\\|"), f"`{case.command[0]}`") for case in CASES]
    found = [tuple(line.split(" | ")[:2]) for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| what |")]
    assert [(what.removeprefix("| "), command) for what, command in found] == wanted
    assert PAGE.read_text().startswith(HEAD)
