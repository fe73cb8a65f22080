"""Runs on several hosts, which are network namespaces with links of a given rate: the weights are the same as on one host, and a run ends
when a link is cut or a rank on another host is lost."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import namespaces
from support import (LINNET, MPICH, ROOT, checkpoints, finish, linnet, rank_of, ranks_of, train, update_met, wait_for, weights_digest,
                     write_config)

# rank_timeout of the failing runs, longer than a busy machine starves a process, and the seconds within which they must end: mpirun takes
# a few seconds, and with a cut link linnet kills it five seconds later.
TIMEOUT, LIMIT = 4, 60
ROOT_ALLOWED = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


@pytest.fixture(scope="module")
def possible():
    namespaces.remove_left_over()
    reason = namespaces.why_not()
    if reason is not None:
        pytest.skip(f"this machine cannot make hosts: {reason}")


@pytest.fixture
def make_hosts(possible):
    made = []

    def make(count, rate):
        made.append(namespaces.Hosts(count, rate))
        return made[-1].up()

    yield make
    for hosts in made:
        hosts.down()


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=24,
                reduction_units=6, max_steps=8, learning_rate=1e-3, logging_steps=1, save_strategy="no", dropout=0.1,
                threads_per_rank=1)


@pytest.fixture(scope="module")
def one_host(settings, tmp_path_factory):
    return weights_digest(train(tmp_path_factory.mktemp("one"), ranks=1, **settings))


def launch(hosts, folder, ranks_per_host, env=None):
    return (hosts.mpiexec if MPICH else hosts.mpirun)(folder, ranks_per_host, env)


def start_over(hosts, folder, ranks_per_host, settings, env=None):
    """`env`: variables for the ranks only."""
    config = write_config(folder / "config.json", output_dir=folder / "run", **settings)
    command = launch(hosts, folder, ranks_per_host, env) + [LINNET, "train", str(config)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
                            env={**os.environ, **ROOT_ALLOWED}, start_new_session=True)


@pytest.mark.parametrize("ranks, rate", [([1, 1], "100mbit"), ([2, 2], "1gbit"), ([1, 1, 1], "1gbit"), ([2, 2, 2], "100mbit"),
                                         ([1, 3, 1], "1gbit")])
def test_same_bits_as_on_one_host(settings, one_host, make_hosts, tmp_path, ranks, rate):
    """Also if the hosts have different numbers of ranks."""
    hosts = make_hosts(len(ranks), rate)
    result = finish(start_over(hosts, tmp_path, ranks, settings), limit=60)
    assert result.code == 0, result
    placed = ", ".join(f"{name} x{count}" for name, count in zip(hosts.names, ranks))
    assert f"{sum(ranks)} ranks" in result.stderr and placed in result.stderr, result
    # The data went over the links: each host sends at least its part of the gradient or the weights of each update.
    tensors = os.path.getsize(tmp_path / "run/model.safetensors") // 8
    sent = [hosts.sent(i) for i in range(len(ranks))]
    assert all(bytes_sent > tensors for bytes_sent in sent), sent
    assert weights_digest(tmp_path / "run") == one_host
    assert result.stdout.splitlines()[-1].endswith(one_host), result


def test_evaluate_over_hosts(sample, make_hosts, tmp_path):
    """The predictions are the same as on one host."""
    hosts = make_hosts(2, "1gbit")
    alone, over = tmp_path / "alone.tsv", tmp_path / "over.tsv"
    linnet("evaluate", "--model", sample.model, "--data", sample.test, "--predictions", alone)
    command = launch(hosts, tmp_path, 1) + [LINNET, "evaluate", "--model", str(sample.model), "--data", str(sample.test),
                                           "--predictions", str(over)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **ROOT_ALLOWED})
    assert done.returncode == 0, done
    assert over.read_bytes() == alone.read_bytes()


@pytest.mark.parametrize("name, environment, ranks", [
    ("one-node", {}, 2), ("sockets", {"LINNET_MAP": "ppr:1:socket", "LINNET_BIND": "socket"}, None)])
def test_hostfile_on_one_node(settings, one_host, tmp_path, name, environment, ranks):
    """Used as its comment says."""
    if ranks is not None and len(os.sched_getaffinity(0)) < ranks:
        pytest.skip(f"{ranks} ranks need as many cores")
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    command = [ROOT / "hosts/run.sh", ROOT / f"hosts/{name}.hostfile", LINNET, "train", config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **ROOT_ALLOWED, **environment})
    assert done.returncode == 0, done
    assert ranks is None or f" {ranks} ranks" in done.stderr, done
    assert weights_digest(tmp_path / "run") == one_host


def test_hostfile_of_two_nodes(settings, one_host, make_hosts, tmp_path):
    """Its host names are replaced by those of this test."""
    hosts = make_hosts(2, "1gbit")
    text = (ROOT / "hosts/two-nodes.hostfile").read_text()
    (tmp_path / "hostfile").write_text(text.replace("\nnode01", f"\n{hosts.names[0]}").replace("\nnode02", f"\n{hosts.names[1]}"))
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    agent = {"OMPI_MCA_plm": "rsh", "OMPI_MCA_plm_rsh_agent": str(ROOT / "tests/hosts/nsx"), "LINNET_MAP": "slot", "LINNET_BIND": "none",
             "LINNET_NETWORK": "10.78.0.0/24"}
    command = [ROOT / "tests/hosts/nsx", hosts.names[0], ROOT / "hosts/run.sh", tmp_path / "hostfile", LINNET, "train", config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **ROOT_ALLOWED, **agent})
    assert done.returncode == 0, done
    assert "4 ranks" in done.stderr and f"{hosts.names[0]} x2, {hosts.names[1]} x2" in done.stderr, done
    assert weights_digest(tmp_path / "run") == one_host


def endless(settings):
    return {**settings, "max_steps": 100000, "learning_rate": 0, "rank_timeout": TIMEOUT}


def ended(hosts, process, since, rank, host, cause, phase=r"in update \d+"):
    """Check that the run ended in time with one line, and that no process is left on any host."""
    result = finish(process)
    assert time.monotonic() - since < LIMIT, result
    assert result.code not in (0, 1, 75), result
    assert len(result.errors) == 1, result
    assert re.match(rf"linnet: error: rank {rank} on {host}, {phase}: .*{cause}", result.errors[0]), result
    until = time.monotonic() + 8
    while any(hosts.pids(i) for i in range(len(hosts.names))) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(hosts.pids(i) for i in range(len(hosts.names))), result


@pytest.mark.parametrize("count, ranks, lost, rank", [(2, 1, 1, 1), (3, 1, 2, 2)])
def test_cut_link_ends_the_run(settings, make_hosts, tmp_path, count, ranks, lost, rank):
    hosts = make_hosts(count, "1gbit")
    process = start_over(hosts, tmp_path, ranks, endless(settings))
    update_met(process, tmp_path / "run")
    since = time.monotonic()
    hosts.cut(lost)
    ended(hosts, process, since, rank, hosts.names[lost], r"\d s")


@pytest.mark.parametrize("phase, rank, call, path, number", [
    ("while loading", 1, "H5Fopen", "", 1), ("in the evaluation", 1, "H5Dread", "", None), ("while saving", 0, "mkdir", "checkpoint-4", 1),
    ("at the end", 1, "MPI_Finalize", "", 1)])
def test_cut_link_in_every_phase(settings, at_call, make_hosts, tmp_path, phase, rank, call, path, number):
    """The link is cut while a rank is held in a call. A first run counts the reads, of which the last is in the evaluation."""
    held = {**settings, "max_steps": 4, "save_strategy": "steps", "save_steps": 2, "rank_timeout": TIMEOUT}
    mark = tmp_path / "mark"
    hosts = make_hosts(2, "1gbit")
    if number is None:
        count = tmp_path / "count"
        assert finish(start_over(hosts, tmp_path, 1, held, at_call(rank, call, 0, AT_COUNT=str(count))), limit=60).code == 0
        number = int(count.read_text())
        shutil.rmtree(tmp_path / "run")  # a new run does not start over the checkpoints of another
    process = start_over(hosts, tmp_path, 1, held, at_call(rank, call, 60, number, path, AT_MARK=str(mark)))
    wait_for(mark.exists, process, "the call", limit=30)
    time.sleep(0.5)  # the other rank enters the phase and announces it
    since = time.monotonic()
    hosts.cut(1)
    ended(hosts, process, since, 1, hosts.names[1], r"\d s", phase)
    for step in checkpoints(tmp_path / "run") if phase != "while loading" else []:
        linnet("inspect", tmp_path / f"run/checkpoint-{step}")


@pytest.mark.parametrize("rank, number, cause", [(1, signal.SIGKILL, "killed"), (0, signal.SIGKILL, "killed"),
                                                 (1, signal.SIGSTOP, r"\d s")])
def test_lost_rank_ends_the_run(settings, make_hosts, tmp_path, rank, number, cause):
    hosts = make_hosts(2, "1gbit")
    process = start_over(hosts, tmp_path, 1, endless(settings))
    update_met(process, tmp_path / "run")
    pid = next(pid for pid in ranks_of(process) if rank_of(pid) == rank)
    since = time.monotonic()
    os.kill(pid, number)
    ended(hosts, process, since, rank, hosts.names[rank], cause)


@pytest.mark.parametrize("ranks", [1, 2])
def test_stopped_at_the_start(settings, at_call, make_hosts, tmp_path, ranks):
    """The last rank, before MPI has started, alone on its host or not: the others end the run at the limit on the start."""
    hosts, mark, last = make_hosts(2, "1gbit"), tmp_path / "mark", 2 * ranks - 1
    process = start_over(hosts, tmp_path, ranks, settings,
                         at_call(last, "MPI_Init_thread", "STOP", AT_MARK=str(mark), LINNET_START_TIMEOUT="3"))
    wait_for(mark.exists, process, "the call", limit=30)
    ended(hosts, process, time.monotonic(), 0, hosts.names[0], r"within 3 s", "at the start")


def test_cut_link_at_the_start(settings, at_call, make_hosts, tmp_path):
    """Before MPI has started only the limit on the start ends the run."""
    hosts, mark = make_hosts(2, "1gbit"), tmp_path / "mark"
    process = start_over(hosts, tmp_path, 1, settings,
                         at_call(1, "MPI_Init_thread", 60, AT_MARK=str(mark), LINNET_START_TIMEOUT="3"))
    wait_for(mark.exists, process, "the call", limit=30)
    hosts.cut(1)
    ended(hosts, process, time.monotonic(), 0, hosts.names[0], r"within 3 s", "at the start")


def test_plan_over_hosts(settings, sample, make_hosts, tmp_path):
    """The plan measures the network, and a host sends as many bytes as planned. The model is wide enough that the data of an update (6 MB) is
    many times what the token bucket of the link lets through at once (256 KiB)."""
    hosts, wide = make_hosts(2, "1gbit"), tmp_path / "wide"
    linnet("init", "--output", wide, "--tokenizer", sample.tokenizer, "--layers", "4", "--width", "256", "--heads", "4")
    settings = {**settings, "model_name_or_path": wide}
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    constants = tmp_path / "constants.json"
    done = subprocess.run(launch(hosts, tmp_path, 1) + [LINNET, "plan", "--measure", str(config), "--constants", str(constants)],
                          capture_output=True, text=True, timeout=60, env={**os.environ, **ROOT_ALLOWED})
    assert done.returncode == 0, done
    measured = json.loads(constants.read_text())
    assert (measured["ranks"], measured["nodes"]) == (2, 2)
    # The token bucket lets a little more through than the rate of the link.
    assert 0 < measured["network_bytes_per_second"] < 1.05 * 1e9 / 8 and measured["network_latency_seconds"] > 0
    planned = json.loads(linnet("plan", config, "--ranks", 2, "--hosts", 2, "--constants", constants, "--json").stdout)
    before = hosts.sent(0)
    result = finish(start_over(hosts, tmp_path, 1, settings), limit=60)
    assert result.code == 0, result
    # The plan does not count headers of frames and TCP, acknowledgements, and the start and end of a run.
    sent = (hosts.sent(0) - before) / settings["max_steps"]
    assert 0.9 * planned["host_sent_bytes"] < sent < 1.6 * planned["host_sent_bytes"], (sent, planned)
