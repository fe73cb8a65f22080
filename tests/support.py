"""Shared by the Python tests: run linnet under time limits, and read and write its files.

The program is build/linnet, or the one in the environment variable LINNET. Run the tests in the root of the repository."""
import functools
import hashlib
import json
import os
import platform
import re
import signal
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
LINNET = str(ROOT / os.environ.get("LINNET", "build/linnet"))
SHARED = ROOT.parent / "shared"

# The program of aarch64 under qemu (tests/arm), on x86-64.
EMULATED = "/arm/" in LINNET
MACHINE = "aarch64" if EMULATED else platform.machine()

# A copy: pytest changes the environment while other threads start programs.
ENVIRONMENT = dict(os.environ)

# Seconds after which a run counts as hanging; on the tests' tiny models a run takes a second or two. The sanitizers make it several
# times slower, and qemu more.
LIMIT = 300 if "/san/" in LINNET else 600 if EMULATED else 60

LABELS = ["negative", "neutral", "positive"]


# The program is linked with MPICH, not Open MPI.
MPICH = "mpich" in subprocess.run(["ldd", LINNET], capture_output=True, text=True).stdout

# mpirun waits a second or two for the other ranks of a failed job. The ranks of a refused run end by themselves, and MPI_Finalize lets
# none end before the error is printed, so that mpirun need not wait.
REFUSED = {"OMPI_MCA_odls_base_sigkill_timeout": "0"}


class Result:
    """Exit code and output of a program."""

    def __init__(self, command, code, stdout, stderr):
        self.command, self.code, self.stdout, self.stderr = command, code, stdout, stderr

    @property
    def errors(self):
        return [line for line in self.stderr.splitlines() if line.startswith("linnet: error:")]

    def __repr__(self):
        return f"{self.command}\nexit code {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def command_of(arguments, ranks):
    """The command line; ranks = 0 is a run without mpirun."""
    launcher = [str(ROOT / "scripts/mpirun.sh"), str(ranks)] if ranks else []
    return launcher + [LINNET, *map(str, arguments)]


def start(arguments, ranks=0, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, before=()):
    """Start linnet in its own process group; `before` is a command that starts it."""
    return subprocess.Popen([*before, *command_of(arguments, ranks)], stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, cwd=cwd,
                            env={**ENVIRONMENT, **(env or {})}, start_new_session=True)


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def finish(process, stdin=b"", limit=None):
    """Wait for a started program. After the time limit, kill it with its ranks and fail the test."""
    try:
        stdout, stderr = process.communicate(stdin, timeout=limit or LIMIT)
    except subprocess.TimeoutExpired:
        end_group(process)
        stdout, stderr = process.communicate()
        raise AssertionError(f"still running after {limit or LIMIT} s: {process.args}\n{(stderr or b'').decode(errors='replace')}")
    return Result(" ".join(map(str, process.args)), process.returncode, stdout.decode(), (stderr or b"").decode(errors="replace"))


def descendants(pid):
    """The child processes of pid and their descendants."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(child) for child in file.read().split()]
    except OSError:
        return []
    return children + [below for child in children for below in descendants(child)]


def is_linnet(pid):
    """Whether a process runs the program; one that has ended, waited for or not, does not."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "linnet"
    except OSError:
        return False


def ranks_of(process):
    """The process ids of the ranks of a job."""
    return [pid for pid in descendants(process.pid) if is_linnet(pid)]


def linnet(*arguments, ranks=0, code=0, env=None, stdin=b"", limit=None):
    """Run linnet and check its exit code."""
    result = finish(start(arguments, ranks, env), stdin, limit)
    assert result.code == code, result
    return result


def refused(*arguments, ranks=0, names=(), **options):
    """Run linnet on wrong input: exit code 1 and exactly one error line, which contains each of `names`."""
    result = linnet(*arguments, ranks=ranks, code=1, env={**REFUSED, **(options.pop("env", None) or {})}, **options)
    assert len(result.errors) == 1, result
    for name in names:
        assert str(name) in result.errors[0], result
    return result


def add_programs(folder):
    """Make `linnet` and `mpirun -n N` programs of a folder in which run_in() runs commands as the documentation has them."""
    (folder / "bin").mkdir()
    (folder / "bin/linnet").symlink_to(LINNET)
    (folder / "launcher").mkdir()
    launcher = folder / "launcher/mpirun"
    launcher.write_text(f"""#!/bin/sh
[ "$1" = -n ] || [ "$1" = -np ] || exit 9
shift
PATH='{folder}/bin:{os.environ["PATH"]}' exec '{ROOT}/scripts/mpirun.sh' "$@"
""")
    launcher.chmod(0o755)


def run_in(folder, command, limit=None, code=0):
    """Run a line of a shell in a folder of add_programs(); its standard output. A failure in a pipe is one, too."""
    path = f"{folder}/bin:{folder}/launcher:{os.environ['PATH']}"
    process = subprocess.Popen(["bash", "-e", "-o", "pipefail", "-c", command], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True, env={**ENVIRONMENT, "PATH": path, "MANPAGER": "cat"})
    result = finish(process, limit=limit)
    assert result.code == code, result
    return result.stdout


def rank_of(pid):
    """The rank of a process."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        return int(re.search(rb"\b(?:OMPI_COMM_WORLD|PMI)_RANK=(\d+)", file.read())[1])


def wait_for(condition, process, what, told=None, limit=LIMIT):
    """Wait for a condition while a job runs. `told`: the file with the messages of the job, if they go to a file."""
    until = time.monotonic() + limit
    while True:
        ended = process.poll() is not None  # asked first, so that the condition sees everything that the job did
        if condition():
            return
        if ended or time.monotonic() > until:
            end_group(process)
            result = finish(process)
            raise AssertionError(f"waited in vain for {what}: {told.read_text() if told else result}")
        time.sleep(0.005)


def update_met(process, run, count=3):
    """Wait until a run has done some updates."""
    log = run / "metrics.jsonl"
    wait_for(lambda: log.exists() and log.read_text().count("\n") >= count, process, f"{count} updates", limit=30)


class Hold:
    """A rank that waits in chosen calls until it is released, so that a test always meets a run at the same point. `environment` makes
    tests/fault/at_call.c hold the rank."""

    def __init__(self, at_call, folder, rank, call, numbers, path="", **more):
        self.mark = folder / "hold"
        numbers = ",".join(map(str, numbers))
        self.environment = at_call(rank, call, "HOLD", numbers, path, AT_MARK=str(self.mark), **more)

    def is_reached(self, number):
        return Path(f"{self.mark}.{number}").exists()

    def reached(self, process, number):
        """Wait until the rank waits in its n-th call."""
        wait_for(lambda: self.is_reached(number), process, f"call {number}")

    def let_go(self, number):
        Path(f"{self.mark}.{number}.go").touch()


def status_of(pid, name):
    """A line of /proc/PID/status."""
    with open(f"/proc/{pid}/status") as file:
        return re.search(rf"^{name}:\s*(.*)$", file.read(), re.M)[1]


def peak_memory(pid):
    """The peak resident memory of a process in bytes."""
    return 1024 * int(status_of(pid, "VmHWM").removesuffix(" kB"))


def signals_of(pid, name):
    """A set of signals of a process, for example ShdPnd, the pending ones."""
    mask = int(status_of(pid, name), 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def signal_rank(process, pid, number, send):
    """Call `send`, which sends a signal to a rank of a job, and wait until the rank has it: a stopped process shows its pending signals."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: status_of(pid, "State").startswith("T"), process, "a stopped rank")
    send()
    wait_for(lambda: number in signals_of(pid, "ShdPnd"), process, "the signal")
    os.kill(pid, signal.SIGCONT)


def write_config(path, **settings):
    path.write_text(json.dumps(settings, indent=1, default=str) + "\n")
    return path


def train(folder, ranks=0, code=0, limit=None, env=None, command="train", **settings):
    """Train to folder/run with the configuration folder/config.json; return the folder of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    settings.setdefault("output_dir", folder / "run")
    config = write_config(folder / "config.json", **settings)
    linnet(command, config, ranks=ranks, code=code, limit=limit, env=env)
    return Path(settings["output_dir"])


def events(run):
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def training_events(run):
    return [event for event in events(run) if "loss" in event]


def evaluation_events(run):
    return [event for event in events(run) if "eval_loss" in event]


def losses(run):
    return [event["loss"] for event in training_events(run)]


def without_timing(lines):
    """Events without the values that depend on a clock."""
    timed = ("tokens_per_second", "samples_per_second", "eval_runtime", "eval_samples_per_second", "train_runtime",
             "train_samples_per_second", "train_steps_per_second")
    return [{key: value for key, value in event.items() if key not in timed} for event in lines]


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def weights_digest(folder):
    return sha256(folder / "model.safetensors")


def checkpoints(run):
    """The steps of the checkpoints of a run, ascending."""
    found = (re.fullmatch(r"checkpoint-(\d+)", path.name) for path in run.iterdir())
    return sorted(int(match[1]) for match in found if match)


def left_over(run, endings=(".tmp", ".old", ".new")):
    """Unfinished or replaced files in the folder of a run, which only a crash may leave."""
    return [path.name for path in run.iterdir() if path.name.endswith(endings)] if run.exists() else []


def read_safetensors(path):
    """Tensors by name, as float32 arrays; all must be F32."""
    data = Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", (name, entry)
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[8 + size + begin : 8 + size + end], "<f4").reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array, "<f4").tobytes())


TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                   "chat_template.jinja")


def remove_tokenizer(folder):
    """Make a model folder one without a tokenizer."""
    for name in TOKENIZER_FILES:
        (folder / name).unlink(missing_ok=True)


@functools.cache
def tokenizer_digest(folder):
    """The identity of a tokenizer, from a token file that linnet prepares with it."""
    with tempfile.TemporaryDirectory() as made:
        table, tokens = Path(made) / "one.csv", Path(made) / "one.h5"
        table.write_text("text,sentiment\na,neutral\n")
        linnet("prepare", "--input", table, "--output", tokens, "--tokenizer", folder)
        with h5py.File(tokens) as file:
            return file.attrs["tokenizer_digest"]


def write_token_file(path, ids, labels, tokenizer, max_length=1024, label_names=LABELS, changes=None, problem=None):
    """A token file (docs/reference/formats.md) from lists of ids; `changes` replaces datasets ("/tokens") and attributes ("tokens"). With
    `problem`, a problem_type, the file is of version 3; `labels` may be lists of targets then."""
    changes = changes or {}
    vocabulary = json.loads((tokenizer / "vocab.json").read_text(encoding="utf-8"))
    columns = {
        "tokens": np.array([token for sample in ids for token in sample], "<u2" if max(vocabulary.values()) < 2**16 else "<u4"),
        "offsets": np.cumsum([0, *map(len, ids)]).astype("<i8"),
        **({"targets": np.array(labels, "<f4").ravel()} if isinstance(labels[0], list) else
           {"labels": np.array(labels, "u1" if len(label_names) <= 256 else "<u2")}),
        "rows": np.arange(len(ids), dtype="<i8"),
    }
    width = max(len(name.encode()) for name in label_names)
    attributes = {
        "format_version": np.int64(3 if problem else 2),
        **({"problem_type": np.bytes_(problem)} if problem else {}),
        "samples": np.int64(len(ids)),
        "tokens": np.int64(len(columns["tokens"])),
        "vocabulary_size": np.int64(max(vocabulary.values()) + 1),
        "end_of_text": np.int64(vocabulary["<|endoftext|>"]),
        "max_length": np.int64(max_length),
        "longest_sample": np.int64(max(map(len, ids))),
        "tokenizer_digest": np.bytes_(tokenizer_digest(tokenizer)),
        "source_name": np.bytes_(b"test"),
        "source_digest": np.bytes_(b"0" * 64),
        "source_size": np.int64(0),
        "label_names": np.array([name.encode() for name in label_names], f"S{width}"),
    }
    with h5py.File(path, "w", libver="v110") as file:
        for name, column in columns.items():
            column = changes.get(f"/{name}", column)
            file.create_dataset(name, data=column, chunks=(len(column),), maxshape=(None,))
        for name, value in attributes.items():
            file.attrs[name] = changes.get(name, value)
    return path
