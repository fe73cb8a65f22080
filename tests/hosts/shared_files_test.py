"""What a file server is asked for: each file of the model and the data is opened by one rank of the job, whatever the number of ranks and
hosts, and the results are the same as when every rank opens it."""
import errno
import os
import re
import shutil
import subprocess

import pytest

from hosts_test import ROOT_ALLOWED, make_hosts, possible, start_over  # noqa: F401 (fixtures)
from support import LINNET, ROOT, finish, linnet, losses, start, train, weights_digest, write_config

pytestmark = pytest.mark.skipif("/san/" in LINNET, reason="the preloaded library replaces calls that the sanitizers replace")


@pytest.fixture(scope="session")
def counter(tmp_path_factory):
    library = tmp_path_factory.mktemp("count") / "count_reads.so"
    source = ROOT / "tests/hosts/count_reads.c"
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return library


class Counts:
    """What the processes of a job ask the file system for in a folder."""

    def __init__(self, library, under, to, network=False):
        self.to = to
        to.mkdir()
        self.environment = {"LD_PRELOAD": str(library), "COUNT_UNDER": f"{under}/", "COUNT_TO": str(to), **({"COUNT_NETWORK": "1"} if network else {})}

    def read(self):
        """Of each process: (host, opens, stats, bytes read, bytes mapped), the one with the most opens first."""
        found = [(path.name.rsplit("-", 1)[0], *map(int, path.read_text().split())) for path in self.to.iterdir()]
        shutil.rmtree(self.to)
        return sorted(found, key=lambda one: -one[1])


@pytest.fixture
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=24, reduction_units=8,
                max_steps=4, learning_rate=1e-3, logging_steps=1, save_strategy="no", dropout=0.1, threads_per_rank=1)


def files_read(sample):
    return [*(path for path in sample.model.iterdir() if path.suffix in (".json", ".txt", ".safetensors")), sample.train, sample.test]


def test_one_rank_of_all_hosts_opens_the_files(settings, sample, counter, make_hosts, tmp_path):  # noqa: F811
    """With 2 hosts of 1 and of 2 ranks, and with 4 hosts, the opens, and the bytes, are those of one rank; without broadcast_files each rank
    opens them."""
    hosts = None
    seen, digests = {}, set()
    for count, ranks, broadcast in [(2, 1, True), (2, 2, True), (2, 2, False), (4, 1, True)]:
        if hosts is None or len(hosts.names) != count:
            if hosts is not None:
                hosts.down()  # those of one test have the same names
            hosts = make_hosts(count, "1gbit")
        counts = Counts(counter, sample.folder, tmp_path / "counts")
        config = {**settings, "broadcast_files": broadcast}
        folder = tmp_path / f"{count}-{ranks}-{broadcast}"
        folder.mkdir()
        result = finish(start_over(hosts, folder, ranks, config, counts.environment), limit=60)
        assert result.code == 0, result
        seen[count, ranks, broadcast] = found = counts.read()
        assert len(found) == count * ranks, found
        digests.add(weights_digest(folder / "run"))
    one = seen[2, 1, True]
    size = sum(path.stat().st_size for path in files_read(sample))
    for key in [(2, 1, True), (2, 2, True), (4, 1, True)]:
        assert seen[key][0] == one[0] and one[0][1] > 0, seen
        assert all(others[1:] == (0, 0, 0, 0) for others in seen[key][1:]), seen
    # Once, but for the pieces by which rank 0 tells a model from another one.
    assert size <= one[0][3] <= size + 256 * 4096 + os.path.getsize(sample.model / "config.json"), (one, size)
    assert all(rank[1] >= 10 and rank[3] + rank[4] > 0 for rank in seen[2, 2, False]), seen
    assert len(digests) == 1, digests


@pytest.mark.parametrize("ranks", [2, 4])
def test_one_rank_of_a_host_opens_files_of_a_file_server(settings, sample, counter, tmp_path, ranks):
    """On one host only files on a network file system are copied: those of its own disk are in its page cache."""
    for network in (False, True):
        counts = Counts(counter, sample.folder, tmp_path / "counts", network)
        config = write_config(tmp_path / "config.json", output_dir=tmp_path / f"run-{network}", **settings)
        linnet("train", config, ranks=ranks, env=counts.environment)
        found = counts.read()
        assert len(found) == ranks and found[0][1] > 0, found
        assert all((rank[1:] == (0, 0, 0, 0)) == network for rank in found[1:]), found
    assert weights_digest(tmp_path / "run-True") == weights_digest(tmp_path / "run-False")


def test_checkpoints_are_read_by_one_rank(settings, sample, counter, tmp_path):
    """Resuming, and loading the best model at the end."""
    run, alone = tmp_path / "out/run", tmp_path / "alone"
    saved = {**settings, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2, "load_best_model_at_end": True,
             "learning_rate": 0.5}  # so large that the first model is the best
    for folder, ranks, environment in [(alone, 1, {}), (run, 3, Counts(counter, tmp_path / "out", tmp_path / "counts", True).environment)]:
        config = write_config(tmp_path / "config.json", output_dir=folder, **saved)
        result = linnet("train", config, ranks=ranks, env=environment)
        assert "loading the best model" in result.stderr, result
    counts = sorted((tmp_path / "counts").iterdir())
    assert sum(int(path.read_text().split()[0]) > 0 for path in counts) == 1, [path.read_text() for path in counts]
    shutil.rmtree(tmp_path / "counts")
    for folder, ranks in [(alone, 1), (run, 3)]:
        counts = Counts(counter, tmp_path / "out", tmp_path / "counts", True)
        config = write_config(tmp_path / "config.json", output_dir=folder, **{**saved, "max_steps": 8, "load_best_model_at_end": False})
        linnet("train", config, "--set", "resume_from_checkpoint=true", ranks=ranks, env=counts.environment)
        found = counts.read()
    assert found[0][1] > 0 and all(rank[1:] == (0, 0, 0, 0) for rank in found[1:]), found
    assert weights_digest(run) == weights_digest(alone) and losses(run) == losses(alone)


def test_evaluate_and_predict_read_once(sample, counter, tmp_path):
    outputs = []
    for ranks in (1, 3):
        for arguments in [("evaluate", "--model", sample.model, "--data", sample.test), ("evaluate", "--model", sample.model, "--data", sample.test_csv)]:
            counts = Counts(counter, sample.folder, tmp_path / "counts", True)
            outputs.append(linnet(*arguments, ranks=ranks, env=counts.environment).stdout.splitlines()[2:])
            assert [rank for rank in counts.read()[1:] if rank[1] or rank[3] or rank[4]] == []
        counts = Counts(counter, sample.model, tmp_path / "counts", True)
        output = tmp_path / f"{ranks}.csv"
        linnet("predict", "--model", sample.model, "--input", sample.test_csv, "--output", output, ranks=ranks, env=counts.environment)
        assert [rank for rank in counts.read()[1:] if rank[1] or rank[3] or rank[4]] == []
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "3.csv").read_bytes()


def test_ranks_that_cannot_share_a_copy(settings, fail_calls, counter, tmp_path):
    """As in containers of their own: a line says it, and every rank opens the files itself."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    fault = fail_calls(call="open", under="/fd/", rank=1, errno=errno.EACCES, **{"while": tmp_path})
    counts = Counts(counter, settings["train_file"].parent, tmp_path / "counts", True).environment
    both = {**fault, **counts, "LD_PRELOAD": f"{fault['LD_PRELOAD']} {counts['LD_PRELOAD']}"}
    result = finish(start(["train", config], 2, env=both))
    assert result.code == 0 and re.search("rank 1 on .* cannot share a copy", result.stderr), result
    assert weights_digest(tmp_path / "run") == weights_digest(train(tmp_path / "other", ranks=2, **settings))


def test_copy_that_may_not_be_as_large(sample, counter, tmp_path):
    """By ulimit -f: the same."""
    model = tmp_path / "model"
    linnet("init", "--output", model, "--tokenizer", sample.tokenizer, "--layers", 4, "--width", 256, "--heads", 4)
    counts = Counts(counter, model, tmp_path / "counts", True)
    result = finish(start(["evaluate", "--model", model, "--data", sample.test], 2, counts.environment, before=["bash", "-c", 'ulimit -f 6000; exec "$@"', "bash"]))
    assert result.code == 0 and re.search("rank 0 on .* cannot share a copy", result.stderr), result


def test_large_token_file_is_read_by_every_rank(settings, sample, counter, copy_of, tmp_path):
    """One of more than 1 GiB, here most of it a hole that belongs to none of its arrays."""
    large = copy_of(sample.train)
    os.truncate(large, (1 << 30) + 1)
    counts = Counts(counter, tmp_path, tmp_path / "counts", True)
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "train_file": large, "max_steps": 1})
    result = linnet("train", config, ranks=2, env=counts.environment)
    assert f"{large} has 1.1 GB: every rank reads its part" in result.stderr, result
    assert all(rank[1] == 2 and rank[3] > 0 for rank in counts.read()[1:])


def test_file_that_cannot_be_read_ends_all_ranks(settings, sample, counter, copy_of, tmp_path):
    """One line, by the rank that reads."""
    data = copy_of(sample.train)
    data.write_bytes(b"")
    counts = Counts(counter, tmp_path, tmp_path / "counts", True)
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "train_file": data})
    result = linnet("train", config, ranks=3, code=1, env=counts.environment)
    assert len(result.errors) == 1 and str(data) in result.errors[0], result
