#!/usr/bin/env python3
"""Several hosts on one machine: network namespaces on a bridge, each with its own name, network and shared memory. They share the
kernel, the disk and the cores. As a script, it removes the hosts that a killed test has left.

Names contain the process id of the test that made them, so that tests do not collide and the hosts of dead tests can be found."""
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NETWORK = "10.78.0"


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True, timeout=20)


def why_not():
    """Why this machine cannot make hosts, or None. A missing program is an error."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    missing = [tool for tool in ("ip", "tc", "unshare", "mpirun") if shutil.which(tool) is None]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)} not found; scripts/dependencies.sh --test installs what the tests need")
    probe = Hosts(1, "1gbit")
    try:
        probe.up()
        done = probe.run(0, "true")
    except subprocess.CalledProcessError as error:
        return f"{' '.join(error.cmd)}: {error.stderr.strip()}"
    finally:
        probe.down()
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


class Hosts:
    """`count` hosts whose links carry `rate` (as in tc: "100mbit") in each direction. `cores`, which may be a fraction, limits the CPU time
    of a host, so that a host does not use the time that another one leaves."""

    def __init__(self, count, rate, owner=None, cores=None):
        self.owner, self.rate, self.cores = owner or os.getpid(), rate, cores
        self.names = [f"lnh{self.owner}x{i + 1}" for i in range(count)]
        self.links = [f"lnv{self.owner}x{i + 1}" for i in range(count)]
        self.bridge = f"lnb{self.owner}"
        self.groups = Path(f"/run/lnh{self.owner}")  # nsx finds it by the host's name

    def up(self):
        table = "127.0.0.1 localhost\n" + "".join(f"{NETWORK}.{i + 1} {name}\n" for i, name in enumerate(self.names))
        if self.cores is not None:
            # Control groups of version 1. Not those in /sys, which `ip netns exec` mounts anew.
            self.groups.mkdir()
            subprocess.run(["mount", "-t", "cgroup", "-o", "cpu", "none", self.groups], check=True, timeout=20)
        ip("link", "add", self.bridge, "type", "bridge")
        ip("link", "set", self.bridge, "up")
        for i, (name, link) in enumerate(zip(self.names, self.links)):
            ip("netns", "add", name)
            ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", link, "master", self.bridge, "up")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "addr", "add", f"{NETWORK}.{i + 1}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            shape = ["root", "tbf", "rate", self.rate, "burst", "256k", "latency", "50ms"]
            for command in (["tc", "qdisc", "add", "dev", link], ["tc", "-n", name, "qdisc", "add", "dev", "eth0"]):
                subprocess.run(command + shape, check=True, capture_output=True, text=True, timeout=20)
            # `ip netns exec` lays this over /etc.
            folder = Path("/etc/netns") / name
            folder.mkdir(parents=True)
            (folder / "hosts").write_text(table)
            if self.cores is not None:
                self.limit_cores(name)
        return self

    def limit_cores(self, name):
        """In periods of 4 ms of CPU time: the kernel does not keep shorter ones, and with longer ones messages wait long for a throttled host."""
        group = self.groups / name
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(str(round(4000 / self.cores)))
        (group / "cpu.cfs_quota_us").write_text("4000")

    def pids(self, i):
        return [int(pid) for pid in ip("netns", "pids", self.names[i], check=False).stdout.split()]

    def down(self):
        for i, (name, link) in enumerate(zip(self.names, self.links)):
            until = time.monotonic() + 5
            while (pids := self.pids(i)) and time.monotonic() < until:
                for pid in pids:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(0.05)
            ip("link", "del", link, check=False)
            ip("netns", "del", name, check=False)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
            if (self.groups / name).exists():
                (self.groups / name).rmdir()
        if self.groups.exists():
            subprocess.run(["umount", self.groups], check=True, timeout=20)
            self.groups.rmdir()
        ip("link", "del", self.bridge, check=False)
        try:
            Path("/etc/netns").rmdir()
        except OSError:
            pass  # another test's hosts

    def run(self, i, *command):
        return subprocess.run([HERE / "nsx", self.names[i], *command], capture_output=True, text=True, timeout=20)

    def cut(self, i):
        """Pull the cable of a host."""
        ip("link", "set", self.links[i], "down")

    def sent(self, i):
        """Bytes that the host has sent over its link."""
        return int(Path(f"/sys/class/net/{self.links[i]}/statistics/rx_bytes").read_text())

    def mpirun(self, folder, ranks_per_host, env=None):
        """The command line of mpirun on the first host, with this number of ranks on each host, or a list with a number for each. `env`:
        variables for the ranks only."""
        ranks = ranks_per_host if isinstance(ranks_per_host, list) else [ranks_per_host] * len(self.names)
        hostfile = folder / "hostfile"
        hostfile.write_text("".join(f"{name} slots={count}\n" for name, count in zip(self.names, ranks)))
        network = f"{NETWORK}.0/24"
        passed_on = [word for name, value in (env or {}).items() for word in ("-x", f"{name}={value}")]
        options = {"plm": "rsh", "plm_rsh_agent": HERE / "nsx", "pml": "ob1", "btl": "self,vader,tcp",
                   "btl_tcp_if_include": network, "oob_tcp_if_include": network, "mpi_yield_when_idle": "1"}
        return [str(HERE / "nsx"), self.names[0], "mpirun", "--hostfile", str(hostfile), "--bind-to", "none",
                *(str(word) for key, value in options.items() for word in ("--mca", key, value)),
                "-n", str(sum(ranks)), *passed_on]

    def mpiexec(self, folder, ranks_per_host, env=None):
        """The same with mpiexec of MPICH. Its UCX would find the memory of another host's processes, which have the kernel in common; and
        before MPICH 4.2 it sometimes does not end."""
        ranks = ranks_per_host if isinstance(ranks_per_host, list) else [ranks_per_host] * len(self.names)
        hostfile = folder / "hostfile"
        hostfile.write_text("".join(f"{name}:{count}\n" for name, count in zip(self.names, ranks)))
        variables = {"UCX_NET_DEVICES": "eth0", "UCX_TLS": "tcp,self", "LINNET_END_TIMEOUT": "5", **(env or {})}
        return [str(HERE / "nsx"), self.names[0], "mpiexec.mpich", "-f", str(hostfile), "-launcher", "rsh", "-launcher-exec", str(HERE / "nsx"),
                "-iface", "eth0", *(word for name, value in variables.items() if value for word in ("-genv", name, value)), "-n", str(sum(ranks))]


def remove_left_over():
    """Remove the hosts of tests that have ended."""
    left = {}
    for name in re.findall(r"\blnh(\d+)x(\d+)\b", ip("netns", "list", check=False).stdout):
        left[int(name[0])] = max(left.get(int(name[0]), 0), int(name[1]))
    for owner in map(int, re.findall(r"\blnb(\d+)\b", ip("-o", "link", check=False).stdout)):
        left.setdefault(owner, 0)
    for owner, count in left.items():
        if not Path(f"/proc/{owner}").exists():
            Hosts(count, "", owner).down()


if __name__ == "__main__" and shutil.which("ip"):
    remove_left_over()
