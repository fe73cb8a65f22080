"""Progress: a bar on a terminal, lines in a file, and what neither may damage. The terminals are pseudo-terminals; a run is held where a
test looks at it, so that nothing depends on how fast it is."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from support import ENVIRONMENT, LIMIT, LINNET, ROOT, Hold, end_group, events, finish, linnet, start, without_timing, write_config

ROWS = "".join(f"text number {n},{('negative', 'neutral', 'positive')[n % 3]}\n" for n in range(40)).encode()
OFTEN = {"LINNET_PROGRESS_SECONDS": "0.2"}
TERMINAL = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": ""}


class Terminal:
    """A pseudo-terminal, what was written to it, and what it would show."""

    def __init__(self, columns=100):
        self.master, self.slave = pty.openpty()
        self.resize(columns)
        self.written = b""

    def resize(self, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.written += os.read(self.master, 65536)
        return True

    def wait_for(self, pattern, start=0):
        """Wait until the pattern was written; returns the match."""
        until = time.monotonic() + LIMIT
        while not (match := re.search(pattern, self.written[start:].decode(errors="replace"))):
            assert time.monotonic() < until, (pattern, self.written)
            self.read(0.1)
        return match

    def close(self):
        self.drain()
        os.close(self.slave)
        os.close(self.master)

    def drain(self):
        while self.read(0):
            pass

    def lines(self):
        """The lines that the terminal shows at the end, without the empty ones. Everything that moves its cursor is \\r, \\n and ESC [K."""
        self.drain()
        shown, column = [[]], 0
        for part in re.findall(r"\x1b\[K|.|\n", self.written.decode(errors="replace"), re.S):
            line = shown[-1]
            if part == "\x1b[K":
                del line[column:]
            elif part == "\r":
                column = 0
            elif part == "\n":
                shown.append([])
            else:
                assert part >= " ", repr(part)
                line[column:column + 1] = part
                column += 1
        return [text for line in shown if (text := "".join(line).rstrip())]


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


def prepare(sample, place, *options):
    return ["prepare", "--input", "-", "--format", "csv", "--text-column", "text", "--label-column", "label", "--output", place / "out.h5",
            "--tokenizer", sample.tokenizer, *options]


def feed(process, rows=ROWS):
    process.stdin.write(b"text,label\n" + rows)
    process.stdin.flush()


@pytest.fixture
def held(at_call, job, tmp_path):
    """A function that starts a training run on a terminal or in a file, held before its second log line; returns process and hold."""

    processes = []

    def begin(stderr, ranks=0, env=None, **settings):
        hold = Hold(at_call, tmp_path, "0" if ranks else "", "pwrite", [2], "/run/metrics.jsonl", **{**TERMINAL, **(env or {})})
        config = write_config(tmp_path / "held.json", output_dir=tmp_path / "run", **{**job, **settings})
        process = start(["train", config], ranks, hold.environment, stderr=stderr)
        processes.append(process)
        hold.reached(process, 2)
        return process, hold

    yield begin
    for process in processes:  # that a failed test left
        if process.poll() is None:
            end_group(process)


# --- A terminal ---------------------------------------------------------------------------------------------------------------------------


def test_bar_of_a_table(sample, tmp_path, terminal):
    """The size of standard input is not known: there is a count and a rate. The bar goes without a trace."""
    process = start(prepare(sample, tmp_path), env=TERMINAL, stderr=terminal.slave)
    feed(process)
    terminal.wait_for(r"\rprepare: [0-9.]+ (bytes|kB) \[00:\d\d")
    assert finish(process).code == 0
    assert terminal.lines() == []


def test_bar_of_a_run(held, job, tmp_path, terminal):
    """What is logged meanwhile has its own lines, the same as in a file."""
    plain = linnet("train", write_config(tmp_path / "plain.json", output_dir=tmp_path / "plain", **job)).stderr.splitlines()
    process, hold = held(terminal.slave)
    terminal.wait_for(r"\rtrain:  20%\|█+[▏▎▍▌▋▊▉]? *\| 2/10 \[00:\d\d<[^\]]*, loss \d\.\d+, learning rate [0-9.e-]+(, \d+ tokens/s)?\]\x1b\[K")
    hold.let_go(2)
    assert finish(process).code == 0
    assert [re.sub(r"[\d.e+-]+", "#", line).replace("/run", "/plain") for line in terminal.lines()] == [
        re.sub(r"[\d.e+-]+", "#", line) for line in plain]


def test_bar_of_predictions(sample, tmp_path, terminal):
    """Where answers go into a pipe, which here is full until the bar has been seen."""
    rows = 2000
    (tmp_path / "texts.csv").write_text("text\n" + "".join(f"what a long day this is and its number is {n}\n" for n in range(rows)))
    process = start(["predict", "--model", sample.model, "--input", tmp_path / "texts.csv"], env=TERMINAL, stderr=terminal.slave)
    terminal.wait_for(rf"\rpredict: +\d+%\|[^\r]*\| \d+/{rows} \[00:\d\d")
    result = finish(process)
    assert result.code == 0 and len(result.stdout.splitlines()) == rows
    assert terminal.lines() == []


def test_bar_under_mpirun(held, terminal):
    """Standard error of a rank is a pipe to mpirun, which passes it on to the terminal."""
    process, hold = held(terminal.slave, ranks=2)
    terminal.wait_for(r"\rtrain:  20%\|█+[▏▎▍▌▋▊▉]? *\| 2/10 \[[^\]]*\]\x1b\[K")
    hold.let_go(2)
    assert finish(process).code == 0
    assert not any("%|" in line or "train:" in line for line in terminal.lines())


def test_no_bar_where_mpirun_marks_lines(tmp_path, at_call, job, terminal):
    hold = Hold(at_call, tmp_path, "0", "pwrite", [2], "/run/metrics.jsonl", **TERMINAL, **OFTEN)
    config = write_config(tmp_path / "held.json", output_dir=tmp_path / "run", **job)
    process = subprocess.Popen([ROOT / "scripts/mpirun.sh", "2", "--tag-output", LINNET, "train", config], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=terminal.slave, env={**ENVIRONMENT, **hold.environment}, start_new_session=True)
    terminal.wait_for(r"train     2/10 updates .*\n")
    hold.let_go(2)
    assert finish(process, None).code == 0
    assert b"%|" not in terminal.written


def test_bar_follows_the_width(held, terminal):
    terminal.resize(60)
    process, hold = held(terminal.slave)
    terminal.wait_for(r"\rtrain: .*\x1b\[K")
    terminal.resize(30)
    narrow = terminal.wait_for(r"\r(train: [^|\r]{5,30})\x1b\[K")
    assert len(narrow[1]) < 30
    bars = re.findall(r"\r(train:[^\r]*)\x1b\[K", terminal.written.decode())
    assert all(len(bar) < 60 for bar in bars), bars
    hold.let_go(2)
    assert finish(process).code == 0


def test_bar_in_ascii(held, terminal):
    process, hold = held(terminal.slave, env={"LC_ALL": "C"})
    terminal.wait_for(r"\rtrain:  20%\|#+\d? *\| 2/10 ")
    hold.let_go(2)
    assert finish(process).code == 0
    assert terminal.written.isascii()


@pytest.mark.parametrize("env, settings", [({"TERM": "dumb"}, {}), ({}, {"disable_tqdm": True})])
def test_lines_in_place_of_the_bar(held, terminal, env, settings):
    process, hold = held(terminal.slave, env={**OFTEN, **env}, **settings)
    terminal.wait_for(r"train     2/10 updates \(20 %\) .*\n")
    hold.let_go(2)
    assert finish(process).code == 0
    assert b"\x1b" not in terminal.written and b"%|" not in terminal.written


def test_quiet(sample, tmp_path, terminal):
    """The table is read at the pace of the test: for longer than a bar waits, and for many intervals."""
    process = start(prepare(sample, tmp_path, "--quiet"), env={**TERMINAL, **OFTEN}, stderr=terminal.slave)
    feed(process)
    assert not terminal.read(1.5)
    assert finish(process).code == 0
    assert terminal.written == b""


def test_interrupt_leaves_a_clean_line(sample, tmp_path, terminal):
    process = start(prepare(sample, tmp_path), env=TERMINAL, stderr=terminal.slave)
    feed(process)
    terminal.wait_for(r"\rprepare: ")
    process.send_signal(signal.SIGINT)
    assert finish(process).code == -signal.SIGINT
    assert terminal.lines() == [] and terminal.written.endswith(b"\r\x1b[K")


def test_background_of_a_terminal(sample, tmp_path):
    """A job in the background of a terminal that stops what writes to it (stty tostop): it draws no bar and is not stopped."""
    master, slave = pty.openpty()
    modes = termios.tcgetattr(slave)
    modes[3] |= termios.TOSTOP
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    reading, writing = os.pipe()
    leader = os.fork()
    if leader == 0:  # a session with this terminal, as a shell has it, whose foreground is the leader itself
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        command = [LINNET, *map(str, prepare(sample, tmp_path))]
        job = subprocess.Popen(command, stdin=reading, stdout=subprocess.DEVNULL, stderr=slave, process_group=0,
                               env={**ENVIRONMENT, **TERMINAL, **OFTEN})
        os.close(reading)
        os.close(writing)
        os._exit(job.wait())
    os.close(reading)
    os.write(writing, b"text,label\n" + ROWS)
    said = b""
    while not re.search(rb"prepare +[0-9.]+ (bytes|kB) .*\n", said):
        assert select.select([master], [], [], LIMIT)[0], said
        said += os.read(master, 65536)
    os.close(writing)
    assert os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]) == 0
    assert b"\x1b" not in said and b"prepare:" not in said
    os.close(master)
    os.close(slave)


# --- A file -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [0, 2])
def test_lines_of_a_run(held, tmp_path, ranks):
    """In a file there are lines, also while a single step lasts; no character of it moves a cursor."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        process, hold = held(file, ranks, env=OFTEN)
        until = time.monotonic() + LIMIT
        pattern = r"^train     2/10 updates \(20 %\)  .*loss \d\.\d+, learning rate [0-9.e-]+, \d+ tokens/s  .*$"
        while len(re.findall(pattern, log.read_text(), re.M)) < 2:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        hold.let_go(2)
        assert finish(process).code == 0
    assert not re.search(r"[\r\x1b]", log.read_text())


def test_lines_can_be_turned_off(held, tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        process, hold = held(file, env={"LINNET_PROGRESS_SECONDS": "0"})
        time.sleep(1.5)  # many times the interval of the other tests
        hold.let_go(2)
        assert finish(process).code == 0
    assert not re.search(r"^train ", log.read_text(), re.M)


def test_progress_changes_no_result(job, tmp_path):
    """The same log and weights, on a terminal and in a file."""
    results = []
    for name, env in ("file", {}), ("often", {"LINNET_PROGRESS_SECONDS": "0.02"}):
        run = tmp_path / name
        linnet("train", write_config(tmp_path / f"{name}.json", output_dir=run, **job), env=env)
        results.append((without_timing(events(run)), (run / "model.safetensors").read_bytes()))
    assert results[0] == results[1]
