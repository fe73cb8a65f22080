"""linnet built with MPICH, beside the one built with Open MPI: the same bits, exit codes, and what Hydra does not do by itself."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from support import LIMIT, LINNET, MPICH, ROOT, finish, linnet, rank_of, ranks_of, start, train, update_met, weights_digest, write_config

OPEN_MPI = ROOT / "build/linnet"

pytestmark = pytest.mark.skipif(not MPICH, reason="the program was not built with MPICH")


@pytest.fixture
def endless(job):
    return {**job, "max_steps": 100000, "learning_rate": 0, "threads_per_rank": 1}


def test_version_names_the_mpi():
    told = json.loads(linnet("--version", "--json").stdout)
    assert told["mpi"].startswith("MPICH") and re.match(r"MPICH \d+\.\d+", told["mpi.h"]), told


def test_only_functions_of_the_standard():
    """With MPICH's ABI, the program runs with Intel MPI and Cray MPICH as well: it takes no function of MPICH's own."""
    names = subprocess.run(["nm", "-D", "--undefined-only", LINNET], capture_output=True, text=True, check=True).stdout.split()
    taken = [name for name in names if re.match(r"P?MPI|mpi", name)]
    assert "MPI_Init_thread" in taken and all(re.fullmatch(r"MPI_[A-Z][a-z_]+", name) for name in taken), taken


def test_same_bits_as_with_open_mpi(job, tmp_path):
    config = write_config(tmp_path / "config.json", **{**job, "max_steps": 5, "output_dir": tmp_path / "open-mpi"})
    done = subprocess.run([ROOT / "scripts/mpirun.sh", "2", OPEN_MPI, "train", config], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done
    for ranks in (0, 1, 2, 3, 4):
        run = train(tmp_path / f"{ranks}", ranks=ranks, **{**job, "max_steps": 5})
        assert weights_digest(run) == weights_digest(tmp_path / "open-mpi"), ranks


@pytest.mark.parametrize("launcher, program, right", [("mpiexec.mpich", OPEN_MPI, "mpirun of Open MPI"), ("mpirun", LINNET, "mpiexec of MPICH")])
def test_launcher_of_the_other_mpi(launcher, program, right, job, tmp_path):
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **job)
    env = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run([launcher, "-n", "2", program, "train", config], capture_output=True, text=True, timeout=LIMIT, env=env)
    assert done.returncode == 1 and "started 2 processes" in done.stderr and right in done.stderr, done
    assert not (tmp_path / "run").exists()


def test_one_process_refuses_several():
    """The first one's line is the only one: Hydra is asked to end the others, which wait for that."""
    since = time.monotonic()
    result = linnet("inspect", "nothing", ranks=3, code=1)
    assert len(result.errors) == 1 and "started 3 processes (PMI_SIZE)" in result.errors[0], result
    assert time.monotonic() - since < LIMIT


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_exit_code_after_a_signal(endless, tmp_path, ranks, number):
    """Hydra passes the signal on, and 4.0 would then forget the exit code."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **endless)
    process = start(["train", config], ranks)
    update_met(process, tmp_path / "run")
    process.send_signal(number)
    result = finish(process)
    assert result.code == 75 and not result.errors and "stopped by a signal" in result.stderr, result


def test_ctrl_c_at_a_terminal(endless, tmp_path):
    """mpiexec and its ranks see one Ctrl-C; a second one would end them without saving. Also, its terminal shows the bar."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **endless)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(ROOT / "scripts/mpirun.sh", ["mpirun.sh", "2", LINNET, "train", str(config)])
    shown, until, sent = b"", time.monotonic() + LIMIT, False
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 1 << 16)
            except OSError:  # all have closed it
                break
        if not sent and b"updates/s" in shown:
            os.write(terminal, b"\x03")
            sent = True
    else:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert sent and code == 75 and b"stopped by a signal" in shown, (code, shown.decode(errors="replace"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_lost_rank(endless, tmp_path, number):
    """Of a killed rank Hydra may tell before the others do: it ends all of them at once."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**endless, "rank_timeout": 2})
    process = start(["train", config], 2)
    update_met(process, tmp_path / "run")
    os.kill(next(pid for pid in ranks_of(process) if rank_of(pid) == 1), number)
    result = finish(process)
    assert result.code not in (0, 1, 75), result
    if not (number == signal.SIGKILL and "BAD TERMINATION" in result.stdout):
        assert len(result.errors) == 1 and re.match(r"linnet: error: rank 1 on .*, in update \d+: ", result.errors[0]), result


def test_rank_that_fails_before_mpi_starts(endless, at_call, tmp_path):
    """The others are in MPI_Init, and wait no longer than Hydra takes to end them."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **endless)
    result = finish(start(["train", config], 2, at_call(1, "pthread_create", "FAIL", number=2, LINNET_START_TIMEOUT="0")))
    assert result.code == 2 and len(result.errors) == 1 and "rank 1" in result.errors[0], result


def test_mpi_does_not_end(job, at_call, tmp_path):
    """A rank waits in MPI_Finalize, as with UCX on several hosts: the run is complete, and its exit code says so."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **job)
    result = finish(start(["train", config], 2, at_call(1, "MPI_Finalize", 60, LINNET_END_TIMEOUT="2")))
    assert result.code == 0 and "MPI has not ended within 2 s" in result.stderr, result
