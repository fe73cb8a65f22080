"""Two runs in one folder: the second waits or is refused and changes nothing; a killed run blocks nobody."""
import os
import re
import signal
import time

import pytest

from support import (LINNET, REFUSED, Hold, checkpoints, end_group, events, finish, is_linnet, linnet, rank_of, ranks_of, refused, start, train,
                     wait_for, weights_digest, without_timing, write_config)

AT_ONCE = {"LINNET_LOCK_TIMEOUT": "0"}
LINE = 5  # the line of its log at which the first run is held

no_sanitizers = pytest.mark.skipif("/san/" in LINNET, reason="the preloaded library replaces calls that the sanitizers replace")


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=20, reduction_units=4, max_steps=8, logging_steps=1,
                save_strategy="steps", save_steps=4, threads_per_rank=1, resume_from_checkpoint="auto")


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("undisturbed"), **settings)


class First:
    """A run whose rank 0 is held in the middle of training."""

    def __init__(self, at_call, folder, ranks, settings):
        self.run = folder / "run"
        self.config = write_config(folder / "config.json", output_dir=self.run, **settings)
        self.hold = Hold(at_call, folder, "0" if ranks else "", "pwrite", [LINE], "run/metrics.jsonl")
        self.process = start(["train", self.config], ranks, env=self.hold.environment)
        self.hold.reached(self.process, LINE)
        # The checkpoint is written in the background.
        wait_for(lambda: checkpoints(self.run) == [4], self.process, "checkpoint-4")
        pids = ranks_of(self.process) if ranks else [self.process.pid]
        self.pid = next(pid for pid in pids if not ranks or rank_of(pid) == 0)

    def content(self):
        """Each file below its folder and the time of its last change."""
        return {path: path.stat().st_mtime_ns for path in self.run.rglob("*")}

    def go_on(self):
        self.hold.let_go(LINE)
        result = finish(self.process)
        assert result.code == 0, result

    def kill(self):
        pids = [self.process.pid, *ranks_of(self.process)]
        end_group(self.process)
        for pid in filter(is_linnet, pids):
            os.kill(pid, signal.SIGKILL)
        self.process.communicate()
        while any(map(is_linnet, pids)):
            time.sleep(0.005)


@pytest.fixture(params=[0, 2])
def ranks(request):
    return request.param


@pytest.fixture
def first(settings, at_call, tmp_path, ranks):
    first = First(at_call, tmp_path, ranks, settings)
    yield first
    if first.process.poll() is None:
        first.kill()


def test_second_run_is_refused(first, ranks, undisturbed):
    (first.run / "checkpoint-8.tmp").mkdir()  # as if the first run were writing it
    before = first.content()
    result = refused("train", first.config, ranks=ranks, env=AT_ONCE, names=[first.run, f"process {first.pid} on "])
    assert first.content() == before
    first.go_on()
    assert weights_digest(first.run) == weights_digest(undisturbed)
    assert without_timing(events(first.run)) == without_timing(events(undisturbed))


def test_second_run_waits(first, ranks, undisturbed, tmp_path):
    """And resumes from the last checkpoint of the first run."""
    stderr = tmp_path / "stderr"
    with open(stderr, "wb") as file:
        second = start(["train", first.config], ranks, stderr=file)
    wait_for(lambda: f"process {first.pid} on " in stderr.read_text(), second, "the line about the first run", stderr)
    first.go_on()
    assert finish(second).code == 0, stderr.read_text()
    assert f"{first.run}/checkpoint-8" in stderr.read_text()
    assert weights_digest(first.run) == weights_digest(undisturbed)


def test_signal_ends_the_wait(first, ranks, tmp_path):
    """With exit code 75, which makes a batch script start it again."""
    stderr, before = tmp_path / "stderr", first.content()
    with open(stderr, "wb") as file:
        second = start(["train", first.config], ranks, stderr=file)
    wait_for(lambda: f"process {first.pid} on " in stderr.read_text(), second, "the line about the first run", stderr)
    second.send_signal(signal.SIGUSR1)
    assert finish(second).code == 75, stderr.read_text()
    assert "signal" in stderr.read_text() and "error" not in stderr.read_text()
    assert first.content() == before


def test_killed_run_blocks_nobody(first, ranks, undisturbed):
    first.kill()
    assert (first.run / ".lock").exists()
    result = linnet("train", first.config, ranks=ranks, env=AT_ONCE)
    assert re.search(r"checkpoint-4\b.*4 of 8", result.stderr), result
    assert weights_digest(first.run) == weights_digest(undisturbed)


def test_other_commands_take_no_lock(first, sample):
    linnet("inspect", first.run / "checkpoint-4")
    linnet("evaluate", "--model", first.run / "checkpoint-4", "--data", sample.test)
    linnet("predict", "--model", first.run / "checkpoint-4", "a text")
    first.go_on()


@no_sanitizers
def test_file_system_without_locks_gives_one_warning(settings, undisturbed, fail_calls, tmp_path, ranks):
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    result = linnet("train", config, ranks=ranks, env=fail_calls(call="lock", under="/run/.lock", **{"while": tmp_path}))
    assert len([line for line in result.stderr.splitlines() if "warning" in line and "locks" in line and str(tmp_path / "run") in line]) == 1
    assert weights_digest(tmp_path / "run") == weights_digest(undisturbed)


@no_sanitizers
def test_lock_that_fails_ends_the_run(settings, fail_calls, tmp_path, ranks):
    """linnet does not write to a file system whose locks fail."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    env = {**REFUSED, **fail_calls(call="lock", under="/run/.lock", errno=5, **{"while": tmp_path})}
    result = linnet("train", config, ranks=ranks, code=2, env=env)
    assert len(result.errors) == 1 and all(name in result.errors[0] for name in ("/run/.lock", "Input/output error")), result
