"""A real Slurm for the tests: cluster.sh in its own namespaces, and functions to submit, follow and signal jobs on its head node."""
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from support import LINNET, ROOT

HERE = Path(__file__).resolve().parent
NAMESPACES = ["--pid", "--mount", "--net", "--uts", "--ipc"]

# Seconds that a test waits for a job; a lost host and the queue take 30 s, training a few.
LIMIT = 240


class Cluster:
    """A head node and hosts n1, n2, ... They end when their standard input is closed, by stop() or by the end of the tests."""

    def __init__(self, folder, hosts):
        self.folder = folder
        self.errors = open(folder / "cluster.log", "wb")
        self.process = subprocess.Popen(["unshare", "--fork", "--kill-child", "--mount-proc", *NAMESPACES,
                                         HERE / "cluster.sh", folder, str(hosts)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.stop()
            raise AssertionError(f"Slurm did not start:\n{(folder / 'cluster.log').read_text()}")
        self.began = time.monotonic()
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.head = children.read_text().split()[0]

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()

    def run(self, *command, **environment):
        """Run a command on the head node; return what it prints."""
        environment = {**os.environ, "SLURM_CONF": self.folder / "slurm.conf", "TMPDIR": self.folder / "local",
                       "LINNET": LINNET, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                       "OMPI_MCA_mpi_yield_when_idle": "1", **environment}
        result = subprocess.run(["nsenter", "--target", self.head, *NAMESPACES, "--wd=/", *map(str, command)],
                                env={key: str(value) for key, value in environment.items()}, timeout=30,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert result.returncode == 0, f"{command}: exit code {result.returncode}\n{result.stdout}"
        return result.stdout

    def lose(self, how, host):
        """cut: the host disappears as in a power cut; crash: its processes die, and their connections end."""
        self.process.stdin.write(f"{how} {host}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == f"{how} {host}\n"

    def set_controller_parameter(self, parameter):
        """Make this, or nothing, the SlurmctldParameters of the cluster."""
        path = self.folder / "slurm.conf"
        lines = [line for line in path.read_text().splitlines() if not line.startswith("SlurmctldParameters=")]
        path.write_text("\n".join([*lines, *([f"SlurmctldParameters={parameter}"] if parameter else [])]) + "\n")
        self.run("scontrol", "reconfigure")

    def wait_for_clock(self, before):
        """Wait until `before` seconds before slurmctld checks the time limits, which it does every 30 s."""
        time.sleep((self.began - before - time.monotonic()) % 30)

    def submit(self, script, *arguments, log, options=(), **environment):
        """Submit a script of scripts/ with sbatch; return the job."""
        number = self.run("sbatch", "--parsable", f"--output={log}", f"--chdir={log.parent}", *options,
                          ROOT / "scripts" / script, *arguments, **environment)
        return Job(self, number.strip(), log)


class Job:
    def __init__(self, cluster, number, log):
        self.cluster, self.number, self.log = cluster, number, log

    def show(self):
        """The fields of the job that scontrol shows, as a dictionary."""
        return self.tasks()[0]

    def task(self, index):
        """A task of an array."""
        return Job(self.cluster, f"{self.number}_{index}", Path(str(self.log).replace("%a", str(index))))

    def tasks(self):
        """The fields of each task of an array."""
        lines = self.cluster.run("scontrol", "show", "job", "--oneliner", self.number).splitlines()
        return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines if line.startswith("JobId=")]

    def restarts(self):
        return int(self.show()["Restarts"])

    def hosts(self):
        return self.cluster.run("scontrol", "show", "hostnames", self.show()["NodeList"]).split()

    def signal(self):
        """Send USR1 to the batch script, as Slurm's --signal=B:USR1 does."""
        self.cluster.run("scancel", "--batch", "--signal=USR1", self.number)

    def until(self, met, what):
        """Wait until met() is true."""
        end = time.monotonic() + LIMIT
        while not met():
            assert time.monotonic() < end, f"job {self.number}: no {what} within {LIMIT} s\n{self}"
            time.sleep(0.1)

    def until_step(self, run, step):
        """Wait until the log of the run has a line for the step or a later one."""
        log = run / "metrics.jsonl"

        def met():
            steps = re.findall(r'"step":(\d+)', log.read_text()) if log.exists() else []
            assert self.show()["JobState"] in ("PENDING", "CONFIGURING", "RUNNING"), self
            return steps and int(steps[-1]) >= step

        self.until(met, f"step {step}")

    def until_ended(self, state="COMPLETED"):
        """Wait until the job, or each task of the array, has ended in this state."""
        ended = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "BOOT_FAIL"}
        self.until(lambda: all(task["JobState"] in ended for task in self.tasks()), "end")
        assert all(task["JobState"] == state for task in self.tasks()), self

    def __repr__(self):
        log = self.log.read_text(errors="replace") if self.log.exists() else "none"
        controller = (self.cluster.folder / "slurmctld.log").read_text().splitlines()[-30:]
        return "\n".join([f"{self.tasks()}", f"--- {self.log}", log, "--- slurmctld", *controller])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("only root can make the cluster's hosts")
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "ip", "unshare") if not shutil.which(name)]
    assert not missing, f"{', '.join(missing)} not found; scripts/dependencies.sh --slurm installs what these tests need"
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), hosts=4)
    yield cluster
    cluster.stop()
