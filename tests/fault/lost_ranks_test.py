"""A rank dies, is stopped, runs out of memory or reads bad data, in each phase of a run: the run ends in time with one line that
names rank, host, phase and cause, and its last checkpoint is intact. A busy or slow rank does not end the run.

at_call.c makes a rank fail at a given moment. Before MPI has started, the launcher notices, and its own message names the rank."""
import os
import re
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import pytest

from support import (MPICH, checkpoints, finish, linnet, rank_of, ranks_of, start, train, update_met, wait_for,
                     weights_digest, write_config)

# rank_timeout of these runs, and the seconds within which they must end; the launcher itself takes some of them.
TIMEOUT, LIMIT = 2, 12


@pytest.fixture
def short(sample, job):
    """Four updates with a checkpoint after every second, and an evaluation at the end."""
    return {**job, "eval_file": sample.test, "max_steps": 4, "save_strategy": "steps", "save_steps": 2,
            "rank_timeout": TIMEOUT, "threads_per_rank": 1}


def start_run(folder, settings, ranks, env=None):
    config = write_config(folder / "config.json", output_dir=folder / "run", **settings)
    return start(["train", config], ranks, env)


def left_over(folder):
    """Processes that still work on the run in a folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                if str(folder / "config.json") in file.read().split("\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def told_by_hydra(result, cause):
    """Whether MPICH's launcher, which ends all ranks as soon as one of them is killed, was faster than the ranks that noticed it. Where
    the system gives a rank no memory, its UCX may crash before linnet can say so."""
    return MPICH and cause in (CAUSE["KILL"], "memory") and not result.errors and "BAD TERMINATION" in result.stdout + result.stderr


def lost(folder, process, rank, phase, cause, since=None, code=None):
    """Check that the run ended in time with this exit code and one line, and that no process is left."""
    since = since or time.monotonic()
    result = finish(process, limit=30)
    assert time.monotonic() - since < LIMIT, result
    assert result.code == code if code else result.code not in (0, 1, 75), result
    if not told_by_hydra(result, cause):
        assert len(result.errors) == 1, result
        assert re.match(rf"linnet: error: rank {rank} on {re.escape(socket.gethostname())}, {phase}: .*{cause}",
                        result.errors[0]), result
    until = time.monotonic() + 5
    while left_over(folder) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left_over(folder), result
    return result


CAUSE = {"KILL": "killed", "STOP": r"\d s", "MEMORY": "out of memory"}
DO = pytest.mark.parametrize("do", ["KILL", "STOP"])
LAST = 0  # the last of some calls; those before it are -1, -2, ...


class Loss:
    """How a rank is lost: the phase that the line names, the fault, which rank of how many, and at which of its calls. `epochs`: the run
    has two epochs and no evaluation, so that its last read is in an update."""

    def __init__(self, phase, do, rank, call, path="", number=1, cause=None, ranks=3, epochs=False, code=None):
        self.phase, self.do, self.rank, self.ranks, self.call, self.path, self.number = phase, do, rank, ranks, call, path, number
        self.cause, self.epochs, self.code = cause or CAUSE[do], epochs, code
        self.name = f"{phase}, {do}, rank {rank} of {ranks}, {call}"


UPDATE = r"in update \d+"
LOSSES = [
    *[Loss("while loading", do, rank, "H5Fopen", "train.h5") for do in ("KILL", "STOP", "MEMORY") for rank in (0, 1)],
    # The limit of the system, which may make a library such as HDF5 crash.
    Loss("while loading", "LIMIT", 1, "H5Fopen", "train.h5", cause="memory"),
    Loss("while loading", "FAIL", 1, "H5Fopen", "train.h5", cause="train.h5", code=1),
    Loss("while loading", "FAIL", 1, "open", "model.safetensors", cause="model.safetensors.*Input/output error", code=1),
    Loss(UPDATE, "MEMORY", 1, "H5Dread", number=LAST - 1, epochs=True, code=2),
    Loss(UPDATE, "FAIL", 2, "H5Dread", number=LAST, epochs=True, cause='train.h5.*"tokens"', code=1),
    *[Loss("in the evaluation", do, 1, "H5Dread", number=LAST) for do in ("KILL", "STOP")],
    # In the thread that saves; the training thread may be in any phase.
    Loss(r"(in update \d+|in the evaluation|while saving|at the end)", "MEMORY", 0, "mkdir", "run/checkpoint-4", code=2),
    Loss("in the evaluation", "MEMORY", 1, "H5Dread", number=LAST - 1, code=2),
    Loss("in the evaluation", "KILL", 0, "H5Dread", number=LAST),
    Loss("in the evaluation", "FAIL", 2, "H5Dread", number=LAST, cause='test.h5.*"tokens"', code=1),
    *[Loss("at the end", do, rank, "MPI_Finalize") for do in ("KILL", "STOP") for rank in (0, 1)],
    Loss("at the end", "MEMORY", 0, "open", "run/model.safetensors", code=2),
    Loss("at the end", "FAIL", 0, "open", "run/model.safetensors", cause="model.safetensors.*Input/output error", code=2),
]


@pytest.fixture(scope="module")
def outcomes(request, sample, at_call, tmp_path_factory):
    """The results of all chosen tests, which are started ahead, since they wait for most of their time."""
    base = dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=20, reduction_units=4, learning_rate=1e-3,
                logging_steps=1, dropout=0.1, save_strategy="steps", save_steps=2, rank_timeout=TIMEOUT, threads_per_rank=1)
    with_evaluation, two_epochs = {**base, "max_steps": 4, "eval_file": sample.test}, {**base, "max_steps": 6}
    last = {}

    def settings_of(loss):
        return two_epochs if loss.epochs else with_evaluation

    def count(loss):
        """The number of the last such call, counted in a run without a fault."""
        key = loss.rank, loss.epochs
        if key not in last:
            folder = tmp_path_factory.mktemp("count")
            env = at_call(loss.rank, loss.call, loss.do, AT_COUNT=str(folder / "count"))
            assert finish(start_run(folder, settings_of(loss), loss.ranks, env)).code == 0
            last[key] = int((folder / "count").read_text())
        return last[key]

    def run(loss, folder, number):
        env = at_call(loss.rank, loss.call, loss.do, number, loss.path)
        result = lost(folder, start_run(folder, settings_of(loss), loss.ranks, env), loss.rank, loss.phase, loss.cause, code=loss.code)
        saved = checkpoints(folder / "run") if (folder / "run").exists() else []
        assert saved or loss.phase in ("while loading", UPDATE), result
        for step in saved:
            linnet("inspect", folder / f"run/checkpoint-{step}")

    with ThreadPoolExecutor(3) as pool:
        chosen = [item.callspec.params["loss"] for item in request.session.items if getattr(item, "originalname", "") == "test_lost"]
        yield {loss.name: pool.submit(run, loss, tmp_path_factory.mktemp("lost"), loss.number + (count(loss) if loss.number <= LAST else 0))
               for loss in chosen}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_lost(outcomes, loss):
    outcomes[loss.name].result()


@pytest.mark.parametrize("call", ["MPI_Init_thread", "MPI_Comm_split_type"])
def test_killed_at_the_start(at_call, short, tmp_path, call):
    """Before the heartbeats, which need MPI to start. The launcher notices a process that ends, and reports it itself; Hydra names no rank."""
    result = finish(start_run(tmp_path, short, 2, at_call(1, call, "KILL")), limit=LIMIT)
    assert result.code not in (0, 75) and ("BAD TERMINATION" in result.stdout if MPICH else "rank 1" in result.stderr), result


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("call", ["MPI_Init_thread", "MPI_Comm_split_type", "socket"])
def test_stopped_at_the_start(at_call, short, tmp_path, call, rank):
    """Before MPI has started, right after, and while the ranks connect: the lowest rank that is not stopped reports the limit, and the
    launcher then kills the stopped one."""
    process = start_run(tmp_path, short, 3, at_call(rank, call, "STOP", path="local" if call == "socket" else "", LINNET_START_TIMEOUT="3"))
    lost(tmp_path, process, 1 - rank, "at the start", "within 3 s")


def test_stopped_while_the_ranks_connect(at_call, short, tmp_path):
    """Rank 0's heartbeats have started, and miss those of rank 1 long before the limit on the start."""
    process = start_run(tmp_path, short, 3, at_call(1, "socket", "STOP", path="local"))
    lost(tmp_path, process, 1, "at the start", CAUSE["STOP"])


def test_no_memory_at_the_start(at_call, short, tmp_path):
    env = at_call(1, "MPI_Comm_split_type", "MEMORY")
    lost(tmp_path, start_run(tmp_path, short, 3, env), 1, "at the start", "out of memory")


@pytest.mark.parametrize("number", [2, 10])
@pytest.mark.parametrize("rank", [0, 1])
def test_no_thread_at_the_start(at_call, short, tmp_path, rank, number):
    """The first thread is that of the limit on the start, then eight try whether MPI can have some, then comes that of the heartbeats."""
    process = start_run(tmp_path, short, 3, at_call(rank, "pthread_create", "FAIL", number=number))
    lost(tmp_path, process, rank, "at the start", "thread", code=2)


@pytest.mark.parametrize("rank, number, own_limit", [
    *[(rank, number, True) for number in (signal.SIGKILL, signal.SIGSTOP) for rank in (0, 2)],
    (1, signal.SIGKILL, False), (1, signal.SIGSTOP, False)])
def test_in_an_update(short, tmp_path, rank, number, own_limit):
    """With the default of rank_timeout the run ends within 10 s, too."""
    settings = {**short, "max_steps": 100000, "save_steps": 100000, "max_grad_norm": 0, "learning_rate": 0}
    if not own_limit:
        del settings["rank_timeout"]
    process = start_run(tmp_path, settings, 3)
    update_met(process, tmp_path / "run")
    pids = {rank_of(pid): pid for pid in ranks_of(process)}
    assert sorted(pids) == [0, 1, 2]
    since = time.monotonic()
    os.kill(pids[rank], number)
    result = lost(tmp_path, process, rank, r"in update \d+", CAUSE["KILL" if number == signal.SIGKILL else "STOP"], since)
    assert number == signal.SIGKILL or re.search("warning: .*the launcher .* will be killed unless it ends the job", result.stderr), result
    assert own_limit or time.monotonic() - since < 10


@DO
def test_while_saving(at_call, short, tmp_path, do):
    """While the run saves its second checkpoint: the first one is intact, and the resumed run ends with the same bits."""
    env = at_call(0, "mkdir", do, path="checkpoint-4")
    lost(tmp_path, start_run(tmp_path, short, 2, env), 0, "while saving", CAUSE[do])
    run = tmp_path / "run"
    assert checkpoints(run) == [2]
    linnet("inspect", run / "checkpoint-2")
    train(tmp_path, ranks=2, resume_from_checkpoint="auto", **short)
    assert weights_digest(run) == weights_digest(train(tmp_path / "undisturbed", ranks=1, **short))


@DO
def test_other_rank_while_saving(at_call, short, tmp_path, do):
    """Rank 0 writes for longer than rank_timeout, which is fine; then a rank that waits for it is lost."""
    run = tmp_path / "run"
    process = start_run(tmp_path, short, 2, at_call(0, "mkdir", 20, path="checkpoint-4"))
    wait_for((run / "checkpoint-4.tmp").exists, process, "checkpoint-4.tmp", limit=30)
    time.sleep(1.5 * TIMEOUT)
    assert process.poll() is None, finish(process)
    since = time.monotonic()
    os.kill(next(pid for pid in ranks_of(process) if rank_of(pid) == 1), getattr(signal, f"SIG{do}"))
    lost(tmp_path, process, 1, "while saving", CAUSE[do], since)
    assert checkpoints(run) == [2]
    linnet("inspect", run / "checkpoint-2")


def test_no_memory_of_another_rank_while_saving(at_call, short, tmp_path):
    """Rank 0 writes, but the rank that cannot deliver its part prints the line: it gets no memory after its last read."""
    settings = {**short, "max_steps": 6, "eval_file": None, "on_save_failure": "stop"}
    count = tmp_path / "count"
    (tmp_path / "undisturbed").mkdir()
    env = at_call(1, "H5Dread", "MEMORY", path="train.h5", AT_COUNT=str(count))
    assert finish(start_run(tmp_path / "undisturbed", settings, 2, env)).code == 0
    env = at_call(1, "H5Dread", "MEMORY", int(count.read_text()), "train.h5")
    lost(tmp_path, start_run(tmp_path, settings, 2, env), 1, "while saving", r"cannot save checkpoint-\d+ .*out of memory", code=2)
    (tmp_path / "continued").mkdir()
    result = finish(start_run(tmp_path / "continued", {**settings, "on_save_failure": "continue"}, 2, env))
    assert result.code == 0 and re.search("warning: rank 1: .*checkpoint-6.*out of memory", result.stderr), result


@DO
def test_evaluate_command(sample, at_call, tmp_path, do):
    env = at_call(1, "H5Dread", do, number=1)
    # left_over() finds the processes of this test by this path.
    arguments = ["evaluate", "--model", sample.model, "--data", sample.test, "--rank-timeout", "1", "--predictions",
                 tmp_path / "config.json"]
    lost(tmp_path, start(arguments, 2, env), 1, "while loading", CAUSE[do])


def test_rank_with_bad_data_is_named(sample, short, tmp_path, copy_of):
    """The label of the last sample is damaged; the last rank, which reads it, finds that."""
    damaged = copy_of(sample.train, "damaged.h5")
    with h5py.File(damaged, "r+") as file:
        file["labels"][-1] = 7
    process = start_run(tmp_path, {**short, "train_file": damaged}, 3)
    result = finish(process, limit=LIMIT)
    assert result.code == 1 and len(result.errors) == 1, result
    assert re.match(rf"linnet: error: rank 2 on {re.escape(socket.gethostname())}, while loading: .*damaged.h5",
                    result.errors[0]), result


def test_slow_rank_is_named(at_call, job, tmp_path):
    """The disk of a rank is slow once, for longer than rank_timeout: the run continues, and a warning says for which rank the others waited
    and how long. The slow read is the last one, of the second epoch's samples; a run without a fault counts the reads."""
    settings = {**job, "rank_timeout": TIMEOUT, "threads_per_rank": 1}
    count = tmp_path / "count"
    process = start_run(tmp_path, settings, 3, at_call(1, "H5Dread", 3, AT_COUNT=str(count)))
    assert finish(process).code == 0
    process = start_run(tmp_path, settings, 3, at_call(1, "H5Dread", 3, number=int(count.read_text())))
    result = finish(process)
    assert result.code == 0 and not result.errors, result
    warnings = re.findall(rf"linnet: warning: .*rank 1 on {re.escape(socket.gethostname())} is slow.*?([\d.]+) s", result.stderr)
    assert warnings and max(map(float, warnings)) >= 2, result


def test_suspended_job_continues(short, tmp_path):
    """A batch system stops all ranks at once and continues them later: no rank is lost."""
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


def test_job_suspended_at_the_start_continues(at_call, short, tmp_path):
    """The time while the ranks are suspended does not count as time of the start."""
    mark = tmp_path / "mark"
    process = start_run(tmp_path, short, 2, at_call(1, "MPI_Init_thread", 2, AT_MARK=str(mark), LINNET_START_TIMEOUT="10"))
    wait_for(lambda: mark.exists() and len(ranks_of(process)) == 2, process, "two ranks")
    pids = ranks_of(process)
    for number, seconds in ((signal.SIGSTOP, 12.0), (signal.SIGCONT, 0.0)):
        for pid in pids:
            os.kill(pid, number)
        time.sleep(seconds)
    result = finish(process)
    assert result.code == 0 and not result.errors, result


def test_mpi_does_not_end(at_call, short, tmp_path):
    """All ranks live, and one waits in MPI_Finalize as MPICH does with UCX on several hosts: the run, which is complete, ends without it.
    Open MPI's mpirun takes such an end for a failure."""
    process = start_run(tmp_path, short, 2, at_call(1, "MPI_Finalize", 60, LINNET_END_TIMEOUT="2"))
    result = finish(process, limit=30)
    assert (result.code == 0 or not MPICH) and not result.errors, result
    assert re.search(r"warning: .*MPI has not ended within 2 s \(LINNET_END_TIMEOUT\)", result.stderr), result
    assert not left_over(tmp_path), result
    linnet("inspect", tmp_path / "run")


def test_stopped_launcher_is_killed(short, tmp_path):
    """mpirun cannot end the job that has lost a rank, nor pass on what its ranks print."""
    process = start_run(tmp_path, {**short, "max_steps": 100000, "save_steps": 100000, "learning_rate": 0}, 2)
    update_met(process, tmp_path / "run")
    rank = next(pid for pid in ranks_of(process) if rank_of(pid) == 1)
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(rank, signal.SIGKILL)
    if MPICH:  # Hydra's proxy ends the other rank, so that none is left that would kill mpiexec
        wait_for(lambda: not ranks_of(process), process, "the end of all ranks")
        os.kill(process.pid, signal.SIGCONT)
        result = finish(process, limit=30)
        assert result.code not in (0, 1, 75), result
    else:
        result = finish(process, limit=30)
        assert result.code == -signal.SIGKILL, result
    assert not left_over(tmp_path), result
