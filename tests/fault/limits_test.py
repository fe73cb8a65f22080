"""The system's limits (ulimit, control groups): a line and an exit code from every command, within a time limit, and nothing left behind.

Exit code 127 is the system's loader, which says which library it cannot load."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support import LIMIT, LINNET, finish, linnet, start, write_config

pytestmark = pytest.mark.skipif("/san/" in LINNET, reason="the sanitizers need all the memory that they ask for")

SECONDS = LIMIT  # a command takes about one


@pytest.fixture(scope="module")
def commands(sample, tmp_path_factory):
    """Each command's arguments, given the folder that it writes to."""
    place = tmp_path_factory.mktemp("commands")
    config = write_config(place / "run.json", model_name_or_path=sample.model, train_file=sample.train, output_dir="unset", max_steps=1,
                          global_batch_size=4, logging_steps=1)
    linnet("plan", "--measure", config, "--constants", place / "constants.json", env={"OMP_NUM_THREADS": "1"})
    return {
        "version": lambda out: ["--version"],
        "prepare": lambda out: ["prepare", "--input", sample.train_csv, "--output", out / "o.h5", "--tokenizer", sample.tokenizer],
        "init": lambda out: ["init", "--output", out / "m", "--tokenizer", sample.tokenizer, "--layers", 1, "--width", 32, "--heads", 2],
        "init-config": lambda out: ["init-config", "--model", sample.model, "--data", sample.train, "--constants", place / "constants.json",
                                    "--output", out / "c.json"],
        "man": lambda out: ["man", "--output", out / "man"],
        "inspect": lambda out: ["inspect", sample.model],
        "predict": lambda out: ["predict", "--model", sample.model, "--json", "a text"],
        "plan": lambda out: ["plan", config, "--ranks", 2, "--constants", place / "constants.json"],
        "evaluate": lambda out: ["evaluate", "--model", sample.model, "--data", sample.test, "--predictions", out / "p.tsv"],
        "train": lambda out: ["train", config, "--set", f"output_dir={out / 'run'}"],
    }


NAMES = ["version", "man", "prepare", "init", "init-config", "inspect", "predict", "plan", "evaluate", "train"]


def limited(limit, arguments, ranks=0, env=None):
    """Run linnet under a limit of the shell, in the shape "-v 300000"."""
    return finish(start(arguments, ranks, env, before=["bash", "-c", f'ulimit {limit}; exec "$@"', "bash"]), limit=SECONDS)


def check(result, out):
    """A line and an exit code; a failed command leaves nothing of its own."""
    assert result.code in (0, 1, 2, 127), result
    if result.code:
        lines = result.errors if result.code != 127 else [line for line in result.stderr.splitlines() if "error while loading" in line]
        assert lines, result
    left = [path.name for path in out.rglob("*") if ".tmp" in path.name or path.name in ("model.new",)]
    assert not left, (left, result)
    if result.code:
        assert not (out / "o.h5").exists() and not (out / "m").exists() and not (out / "p.tsv").exists() and not (out / "c.json").exists(), result


def tried(limit, command, out):
    """Run a command under a limit with a new folder `out` for what it writes, and check how it ended."""
    out.mkdir()
    result = limited(limit, command(out))
    check(result, out)
    return result


@pytest.mark.parametrize("name", NAMES)
def test_address_space(commands, tmp_path, name):
    """Below what OpenBLAS took, its start went on for ever (OpenBLAS issue 5289)."""
    for kilobytes in (20_000, 50_000, 100_000, 200_000, 300_000, 500_000, 1_000_000):
        tried(f"-v {kilobytes}", commands[name], tmp_path / str(kilobytes))


def test_a_small_address_space_suffices(commands, tmp_path):
    """What needs neither MPI nor OpenBLAS works in 300 MB."""
    for name in ("version", "prepare", "init", "inspect", "predict"):
        result = limited("-v 300000", commands[name](tmp_path), env={"OMP_NUM_THREADS": "1"})
        assert result.code == 0, result


@pytest.mark.parametrize("name", NAMES)
def test_file_size(commands, tmp_path, name):
    """In blocks of 1,024 bytes. Before, SIGXFSZ ended the command without a line."""
    for blocks in (0, 1, 8, 50):
        result = tried(f"-f {blocks}", commands[name], tmp_path / str(blocks))
        if name in ("init", "evaluate", "train") or (name == "prepare" and blocks < 8):
            assert result.code == 2 and re.search("File too large|MPI needs", result.stderr), result


@pytest.mark.parametrize("name", NAMES)
def test_open_files(commands, tmp_path, name):
    for count in (4, 5, 7, 10, 15, 20, 30):
        tried(f"-n {count}", commands[name], tmp_path / str(count))
    result = limited("-S -n 5", commands[name](tmp_path))
    assert result.code == 0, result  # a soft limit is raised


@pytest.mark.parametrize("name", NAMES)
def test_stack(commands, tmp_path, name):
    for kilobytes in (128, 512, 1024):
        result = tried(f"-s {kilobytes}", commands[name], tmp_path / str(kilobytes))
        assert (result.code == 0) == (kilobytes >= 512), result


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, who has no such limit, and becomes a user who has")
@pytest.mark.parametrize("name", ["predict", "evaluate", "train"])
def test_threads(commands, tmp_path, name):
    """The limit counts all processes of a user. Threads are tried before anything is read, which that user may not."""
    user = ["setpriv", "--reuid", "64123", "--clear-groups", "bash", "-c", 'ulimit -u 3; exec "$@"', "bash"]
    result = finish(start(commands[name](tmp_path), env={"OMP_NUM_THREADS": "16"}, before=user), limit=SECONDS)
    check(result, tmp_path)
    assert result.code == 2 and re.search(r"cannot start \d+ more threads?", result.stderr), result


def test_standard_output(commands, tmp_path):
    """A file of results that may not grow."""
    with open(tmp_path / "out", "w") as out:
        process = start(commands["predict"](tmp_path), before=["bash", "-c", 'ulimit -f 0; exec "$@"', "bash"], stdout=out)
        _, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 2 and b"standard output: File too large" in stderr, stderr


def test_shared_memory(sample, tmp_path):
    """MPI shares memory by way of a file. Open MPI waits for ever where that may not be as large as it should."""
    model = tmp_path / "model"
    linnet("init", "--output", model, "--tokenizer", sample.tokenizer, "--layers", 4, "--width", 256, "--heads", 4)
    result = limited("-f 6000", ["evaluate", "--model", model, "--data", sample.test], ranks=2)
    assert result.code == 0 and "(ulimit -f) is too small to share it" in result.stderr, result


def test_cpu_time(commands, tmp_path):
    """A line a second before the system would kill the process."""
    endless = subprocess.Popen(["yes", "a text"], stdout=subprocess.PIPE)
    process = subprocess.Popen(["bash", "-c", 'ulimit -t 2; exec "$@"', "bash", LINNET, "predict", "--model", commands["predict"](tmp_path)[2]],
                               stdin=endless.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=60)
    endless.kill()
    endless.wait()
    assert process.returncode == -24 and b"the limit of CPU time (ulimit -t) is reached" in stderr, stderr  # SIGXCPU


GROUPS = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@pytest.fixture
def group():
    """A function that makes a memory group of this many bytes: of version 1, or of version 2."""
    made = []

    def make(limit):
        for root, name in zip(GROUPS, ("memory.limit_in_bytes", "memory.max")):
            folder = root / f"linnet-test-{os.getpid()}"
            try:
                folder.mkdir()
                made.append(folder)
                (folder / name).write_text(str(limit))
                return folder
            except OSError:
                continue
        pytest.skip("no memory control group can be made here")

    yield make
    for folder in made:
        folder.rmdir()


def test_control_group(sample, group, tmp_path):
    """Parameters of 340 MB in a group of 200 MB: a line, where the system would kill the process."""
    folder = group(200 << 20)
    arguments = ["init", "--output", tmp_path / "m", "--tokenizer", sample.tokenizer, "--layers", 12, "--width", 768, "--heads", 12]
    result = finish(start(arguments, before=["bash", "-c", f'echo $$ > {folder}/cgroup.procs; exec "$@"', "bash"]), limit=SECONDS)
    check(result, tmp_path)
    assert result.code == 2 and "control group has 210 MB" in result.stderr, result
