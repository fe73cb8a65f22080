"""The test command on machines whose Python is not what it needs: every part finds or gets one that has all modules, what is
missing is a failure, and what is skipped is listed. From nothing at all: tests/platforms/root.sh."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import LINNET, ROOT

LIMIT = 400
# A few tests of one part, none of which may be skipped.
FEW = "-k 'test_numpy_reference and small'"


@pytest.fixture
def tree(tmp_path):
    """The tests and scripts of this tree, with the program: runs of the test command in it do not meet this one."""
    tree = tmp_path / "tree"
    for name in ("scripts", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "Makefile"):
        shutil.copy(ROOT / name, tree)
    (tree / "build").mkdir()
    shutil.copy(LINNET, tree / "build/linnet")
    return tree


def folders():
    """The folders of PATH, without the one that this run of the test command put before them."""
    return [folder for folder in os.environ["PATH"].split(":") if folder and Path(folder) != ROOT / "build/test/bin"]


def run_parts(tree, *parts, path=None, pytest_options=FEW, **environment):
    """Run parts of the test command; returns exit code, the last lines of its output, and the counts of passed, failed and skipped."""
    environment = {**os.environ, "PATH": ":".join(map(str, path or folders())), "PYTEST_ADDOPTS": pytest_options, **environment}
    done = subprocess.run([tree / "scripts/test.sh", *parts], env=environment, cwd=tree, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    lines = done.stdout.splitlines()
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", lines[-1])
    assert counts, done.stdout
    return done.returncode, lines, tuple(int(count or 0) for count in counts.groups())


def check_all_ran(result):
    code, lines, counts = result
    assert (code, counts) == (0, (2, 0, 0)), "\n".join(lines)


def bare_environment(folder):
    """A virtual environment without modules; the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    return folder / "bin"


def add_pytest(folder):
    """Give an environment pytest and what it imports, from the Python that runs this test."""
    script = "import pytest, sys; print(*{module.__file__ for name, module in sys.modules.items() if '.' not in name and hasattr(module, '__file__')})"
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60).stdout.split()
    for path in map(Path, found):
        path = path.parent if path.name == "__init__.py" else path
        if path.parent.name in ("site-packages", "dist-packages"):
            (next(folder.glob("lib/python*/site-packages")) / path.name).symlink_to(path)


def links(folder, without):
    """A folder to be PATH: all programs of PATH but those whose names begin with `without`."""
    folder.mkdir()
    for source in folders():
        for program in Path(source).glob("*"):
            if not program.name.startswith(without) and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return folder


def test_python_with_pytest_alone(tree, tmp_path):
    python = bare_environment(tmp_path / "alone")
    add_pytest(tmp_path / "alone")
    subprocess.run([python / "python3", "-c", "import pytest"], check=True, timeout=60)
    assert subprocess.run([python / "python3", "-c", "import h5py"], capture_output=True, timeout=60).returncode != 0
    check_all_ran(run_parts(tree, "golden", path=[python, *folders()]))


def test_no_python_on_path(tree, tmp_path):
    path = links(tmp_path / "bin", ("python", "pyenv"))
    assert shutil.which("python3", path=path) is None
    check_all_ran(run_parts(tree, "golden", path=[path]))


def test_activated_environment(tree, tmp_path):
    folder = tmp_path / "environment"
    check_all_ran(run_parts(tree, "golden", path=[bare_environment(folder), *folders()], VIRTUAL_ENV=str(folder)))


def test_modules_from_requirements(tree, tmp_path):
    """Where neither the Python that is asked for has them nor the system's packages help."""
    for python in (sys.executable, *filter(None, [shutil.which("python3", path=":".join(folders()))]), "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, timeout=60).returncode == 0:
            break
    else:
        pytest.skip("no Python here can make a virtual environment with pip")
    subprocess.run([python, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True, timeout=60)
    code, lines, counts = result = run_parts(tree, "golden", PYTHON=str(tmp_path / "bare/bin/python3"))
    if any("No matching distribution" in line for line in lines):
        pytest.skip("pip reaches no package index")
    check_all_ran(result)
    assert (tree / "build/python/bin/python").exists()


def test_nothing_helps(tree):
    """A part that has no Python has failed, by name."""
    code, lines, counts = run_parts(tree, "golden", PYTHON="/bin/false")
    missing = "failed: golden (no python3 has all of: pytest h5py numpy)"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        assert code == 1 and counts == (0, 2, 0) and lines[-3:-1] == ["failed: dependencies", missing], lines
    else:
        assert code == 1 and counts == (0, 1, 1) and lines[-3] == missing and lines[-2].startswith("skipped: dependencies: "), lines


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's tests of hosts need tc")
def test_missing_tool_is_a_failure(tree, tmp_path):
    path = links(tmp_path / "bin", ("tc",))
    code, lines, counts = run_parts(tree, "hosts", path=[path], pytest_options="-k test_evaluate_over_hosts")
    assert code == 1 and counts == (0, 2, 0), lines
    assert any("tc not found" in line for line in lines), lines


def test_skipped_tests_are_listed(tree):
    (tree / "tests/golden/skipping_test.py").write_text(
        'import pytest\n\n\ndef test_passes():\n    pass\n\n\ndef test_is_skipped():\n    pytest.skip("of a reason")\n')
    shutil.rmtree(tree / "tests/unit")
    (tree / "tests/unit").mkdir()
    (tree / "tests/unit/some_test.c").touch()
    (tree / "build/tests/unit").mkdir(parents=True)
    program = tree / "build/tests/unit/some_test"
    program.write_text("#!/bin/sh\necho '1..2'\necho 'ok 1 - passes'\necho '# because of another'\necho 'not ok 2 # SKIP is_skipped'\n")
    program.chmod(0o755)
    code, lines, counts = run_parts(tree, "golden", "unit", pytest_options="-k skipping_test")
    assert (code, counts) == (0, (2, 0, 2)), lines
    assert sorted(lines[-3:-1]) == ["skipped: golden: skipping_test.test_is_skipped: of a reason",
                                    "skipped: some_test: is_skipped: of another"], lines
