"""How many threads run: what the process may use, and a warning where more are asked for."""
import json
import os
from pathlib import Path

import pytest

from support import finish, linnet, start

CPUS = len(os.sched_getaffinity(0))
GROUPS = (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "{}"), (Path("/sys/fs/cgroup"), "cpu.max", "{} 100000")


def command(job, folder, *more):
    """The arguments of a training run."""
    return ["train", *(word for key, value in {**job, "output_dir": folder}.items() for word in (f"--{key}", value)), *more]


def threads(before=(), **environment):
    result = finish(start(["--version", "--json"], before=before, env={"OMP_NUM_THREADS": "", **environment}))
    assert result.code == 0, result
    return json.loads(result.stdout)["threads"]


def test_processors_that_are_left():
    """One thread for each core that the process is bound to, at most; OMP_NUM_THREADS says otherwise."""
    first = min(os.sched_getaffinity(0))
    assert threads(before=["taskset", "-c", str(first)]) == 1
    assert 1 <= threads() <= CPUS
    assert threads(OMP_NUM_THREADS=str(CPUS + 3)) == CPUS + 3


@pytest.fixture
def group():
    """A function that makes a control group with a CPU quota, in CPUs; as root."""
    made = []

    def make(cpus):
        for root, name, form in GROUPS:
            folder = root / f"linnet-test-{os.getpid()}-{len(made)}"
            try:
                folder.mkdir()
                made.append(folder)
                (folder / name).write_text(form.format(int(cpus * 100000)))
                return ["bash", "-c", f'echo $$ >{folder}/cgroup.procs && exec "$@"', "bash"]
            except OSError:
                continue
        pytest.skip("no CPU control group can be made here")

    yield make
    for folder in made:
        folder.rmdir()


def test_quota(group):
    """A container with half a CPU and one with a CPU and a half."""
    assert threads(before=group(0.5)) == 1
    assert threads(before=group(1.5)) == min(2, threads())


def test_ranks_share_a_quota(sample, job, group, tmp_path):
    """Two ranks with the time of one CPU run a thread each, however many cores there are."""
    result = finish(start(command(job, tmp_path / "run"), ranks=2, before=group(1.0), env={"OMPI_MCA_hwloc_base_binding_policy": "none"}))
    assert result.code == 0 and "2 ranks x 1 thread" in result.stderr, result
    assert result.stderr.count("2 threads on ") == 1 and "which has 1 CPU for them: fewer are faster" in result.stderr, result


def test_warning(job, tmp_path):
    """One line for all ranks of a host; none where each thread has a CPU."""
    many = linnet(*command(job, tmp_path / "many", "--threads_per_rank", CPUS), ranks=2)
    assert many.stderr.count(f"warning: rank 0: {2 * CPUS} threads on ") == many.stderr.count("fewer are faster") == 1, many
    few = linnet(*command(job, tmp_path / "few"))
    assert "fewer are faster" not in few.stderr, few
