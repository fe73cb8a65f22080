"""A rank that dies, is stopped, runs out of memory or meets bad data of its own, in every phase of a run: the run ends in
time, with one line that names rank, host, phase and cause, and its last checkpoint is whole. A rank that is busy or slow
ends nothing.

at_call.c says how a rank is made to fail at a given moment. Where this is left to the launcher (before MPI has started)
its own message names the rank."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import h5py
import pytest

from support import (ROOT, checkpoints, finish, linnet, rank_of, ranks_of, start, train, update_met, weights_digest,
                     write_config)

# Seconds of silence that these runs allow, and within which they must have ended: the launcher takes some seconds of its own.
TIMEOUT, LIMIT = 1.5, 12


@pytest.fixture(scope="module")
def at_call(tmp_path_factory):
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc to build tests/fault/at_call.c with")
    library = tmp_path_factory.mktemp("preloaded") / "at_call.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, ROOT / "tests/fault/at_call.c", "-ldl"], check=True)
    return library


@pytest.fixture
def short(sample, job):
    """Four updates with a checkpoint after every second, and an evaluation at the end."""
    return {**job, "eval_file": sample.test, "max_steps": 4, "save_strategy": "steps", "save_steps": 2,
            "rank_timeout": TIMEOUT, "threads_per_rank": 1}


def fault(at_call, rank, call, do, number=1, path="", **more):
    return {"LD_PRELOAD": str(at_call), "AT_RANK": str(rank), "AT_CALL": call, "AT_DO": str(do), "AT_NUMBER": str(number),
            "AT_PATH": path, **more}


def start_run(folder, settings, ranks, env=None):
    config = write_config(folder / "config.json", output_dir=folder / "run", **settings)
    return start(["train", config], ranks, env)


def left_over(folder):
    """Processes that still work on a folder's run."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                if str(folder / "config.json") in file.read().split("\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def lost(folder, process, rank, phase, cause, since=None):
    """The run ended in time, with an exit code and the one line; nothing is left of it."""
    since = since or time.monotonic()
    result = finish(process, limit=30)
    assert time.monotonic() - since < LIMIT, result
    assert result.code not in (0, 1, 75), result
    assert len(result.errors) == 1, result
    assert re.match(rf"linnet: error: rank {rank} on {re.escape(socket.gethostname())}, {phase}: .*{cause}",
                    result.errors[0]), result
    until = time.monotonic() + 5
    while left_over(folder) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left_over(folder), result
    return result


CAUSE = {"KILL": "ended without a word: killed", "STOP": "no sign of life for"}
DO = pytest.mark.parametrize("do", ["KILL", "STOP"])


@DO
def test_at_the_start(at_call, short, tmp_path, do):
    env = fault(at_call, 1, "MPI_Init_thread", do, LINNET_START_TIMEOUT="2")
    process = start_run(tmp_path, short, 2, env)
    if do == "STOP":
        lost(tmp_path, process, 0, "at the start", "MPI has not started within 2 s")
        return
    result = finish(process, limit=LIMIT)
    assert result.code not in (0, 75) and "rank 1" in result.stderr, result


@DO
@pytest.mark.parametrize("rank", [0, 1])
def test_while_loading(sample, at_call, short, tmp_path, rank, do):
    env = fault(at_call, rank, "H5Fopen", do, path=sample.train.name)
    lost(tmp_path, start_run(tmp_path, short, 2, env), rank, "while loading", CAUSE[do])


@pytest.mark.parametrize("rank, number", [(0, signal.SIGKILL), (2, signal.SIGKILL), (0, signal.SIGSTOP), (2, signal.SIGSTOP)])
def test_in_an_update(short, tmp_path, rank, number):
    settings = {**short, "max_steps": 100000, "save_steps": 100000, "max_grad_norm": 0, "learning_rate": 0}
    process = start_run(tmp_path, settings, 3)
    update_met(process, tmp_path / "run")
    pids = {rank_of(pid): pid for pid in ranks_of(process)}
    assert sorted(pids) == [0, 1, 2]
    since = time.monotonic()
    os.kill(pids[rank], number)
    lost(tmp_path, process, rank, r"in update \d+", CAUSE["KILL" if number == signal.SIGKILL else "STOP"], since)


@DO
def test_in_the_evaluation(at_call, short, tmp_path, do):
    """The last reading of a run is the evaluation's: its number is found by a run in which nothing happens."""
    count = tmp_path / "count"
    process = start_run(tmp_path, short, 2, fault(at_call, 1, "H5Dread", do, AT_COUNT=str(count)))
    assert finish(process).code == 0
    shutil.rmtree(tmp_path / "run")
    process = start_run(tmp_path, short, 2, fault(at_call, 1, "H5Dread", do, number=int(count.read_text())))
    lost(tmp_path, process, 1, "in the evaluation", CAUSE[do])


@DO
def test_while_saving(at_call, short, tmp_path, do):
    """In the second checkpoint: the first is whole, and the run goes on from it to what it would have been."""
    env = fault(at_call, 0, "mkdir", do, path="checkpoint-4")
    lost(tmp_path, start_run(tmp_path, short, 2, env), 0, "while saving", CAUSE[do])
    run = tmp_path / "run"
    assert checkpoints(run) == [2]
    linnet("inspect", run / "checkpoint-2")
    train(tmp_path, ranks=2, resume_from_checkpoint="auto", **short)
    assert weights_digest(run) == weights_digest(train(tmp_path / "whole", ranks=1, **short))


def test_other_rank_while_saving(at_call, short, tmp_path):
    """Rank 0 writes for longer than the limit, which ends nothing; then a rank that waits for it dies."""
    run = tmp_path / "run"
    process = start_run(tmp_path, short, 2, fault(at_call, 0, "mkdir", 20, path="checkpoint-4"))
    until = time.monotonic() + 30
    while not (run / "checkpoint-4.tmp").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(1.5 * TIMEOUT)
    assert process.poll() is None, finish(process)
    since = time.monotonic()
    os.kill(next(pid for pid in ranks_of(process) if rank_of(pid) == 1), signal.SIGKILL)
    lost(tmp_path, process, 1, "while saving", CAUSE["KILL"], since)
    assert checkpoints(run) == [2]
    linnet("inspect", run / "checkpoint-2")


@DO
def test_at_the_end(at_call, short, tmp_path, do):
    lost(tmp_path, start_run(tmp_path, short, 2, fault(at_call, 1, "MPI_Finalize", do)), 1, "at the end", CAUSE[do])


@DO
def test_evaluate_command(sample, at_call, tmp_path, do):
    env = fault(at_call, 1, "H5Dread", do, number=1)
    # So that left_over() finds what belongs to this test.
    arguments = ["evaluate", "--model", sample.model, "--data", sample.test, "--rank-timeout", "1", "--predictions",
                 tmp_path / "config.json"]
    lost(tmp_path, start(arguments, 2, env), 1, "while loading", CAUSE[do])


def test_out_of_memory(sample, at_call, short, tmp_path):
    """A rank that gets no memory says so itself."""
    env = fault(at_call, 1, "H5Fopen", "MEMORY", path=sample.train.name)
    lost(tmp_path, start_run(tmp_path, short, 2, env), 1, "while loading", "memory")


def test_own_data(sample, short, tmp_path, copy_of):
    """The last sample's label is damaged, which the last rank finds, whose it is."""
    damaged = copy_of(sample.train, "damaged.h5")
    with h5py.File(damaged, "r+") as file:
        file["labels"][-1] = 7
    process = start_run(tmp_path, {**short, "train_file": damaged}, 3)
    result = finish(process, limit=LIMIT)
    assert result.code == 1 and len(result.errors) == 1, result
    assert re.match(rf"linnet: error: rank 2 on {re.escape(socket.gethostname())}, while loading: .*damaged.h5",
                    result.errors[0]), result


def test_slow_rank_is_named(at_call, job, tmp_path):
    """A rank whose disk is slow once, for longer than the limit: it ends nothing, and the log says who was waited for, and how long.
    The last reading is that of the second epoch's samples, whose number is found by a run in which nothing happens."""
    settings = {**job, "rank_timeout": TIMEOUT, "threads_per_rank": 1}
    count = tmp_path / "count"
    process = start_run(tmp_path, settings, 3, fault(at_call, 1, "H5Dread", 3, AT_COUNT=str(count)))
    assert finish(process).code == 0
    process = start_run(tmp_path, settings, 3, fault(at_call, 1, "H5Dread", 3, number=int(count.read_text())))
    result = finish(process)
    assert result.code == 0 and not result.errors, result
    warnings = re.findall(rf"linnet: warning: .*rank 1 on {re.escape(socket.gethostname())} is slow: the others waited "
                          r"([\d.]+) s for it", result.stderr)
    assert warnings and max(map(float, warnings)) >= 2, result


def test_whole_job_suspended(short, tmp_path):
    """A batch system stops all ranks at once and lets them go on later: nobody was lost."""
    settings = {**short, "max_steps": 100000, "save_steps": 100000, "learning_rate": 0}
    process = start_run(tmp_path, settings, 2)
    update_met(process, tmp_path / "run")
    pids = ranks_of(process)
    for number, seconds in ((signal.SIGSTOP, 1.5 * TIMEOUT), (signal.SIGCONT, 1.0)):
        for pid in pids:
            os.kill(pid, number)
        time.sleep(seconds)
    process.send_signal(signal.SIGUSR1)
    result = finish(process)
    assert result.code == 75 and not result.errors, result
