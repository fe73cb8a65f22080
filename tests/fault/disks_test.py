"""Real disks in trouble for a while: training goes on with one line a checkpoint that could not be saved, the last good one stays,
and all is well when it is over. What may fail, call by call: fail_calls_test.py."""
import time

import pytest

from disks import FullDisk, Impossible, QuotaDisk, ReadOnlyDisk
from support import checkpoints, events, linnet, start, train, weights_digest, without_timing, write_config

LOST = "could not be saved, training goes on"


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=20, reduction_units=4, max_steps=600,
                logging_steps=20, save_strategy="steps", save_steps=20, save_total_limit=1, threads_per_rank=1)


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("undisturbed"), **settings)


def wait_for(condition, process, stderr, what):
    until = time.monotonic() + 50
    while not condition():
        if time.monotonic() > until or process.poll() is not None:
            process.kill()
            raise AssertionError(f"waited in vain for {what}: {stderr.read_text()}")
        time.sleep(0.005)


@pytest.mark.parametrize("kind", [FullDisk, QuotaDisk, ReadOnlyDisk])
def test_trouble_that_ends(settings, undisturbed, tmp_path, kind):
    try:
        disk = kind(tmp_path / "disk")
    except Impossible as reason:
        pytest.skip(f"no such disk can be made here: {reason}")
    run, stderr = disk.place / "run", tmp_path / "stderr"
    config = write_config(tmp_path / "config.json", output_dir=run, **settings)
    process = None
    try:
        with open(stderr, "wb") as file:
            process = start(["train", config], stderr=file, before=disk.before)
        wait_for(lambda: run.exists() and checkpoints(run), process, stderr, "the first checkpoint")
        disk.begin()
        wait_for(lambda: stderr.read_text().count(LOST) > 1, process, stderr, "two warnings")
        good = checkpoints(run)
        assert len(good) == 1, "the last good checkpoint is gone, or another that is not whole is there"
        linnet("inspect", run / f"checkpoint-{good[0]}")
        disk.end()
        code, told = process.wait(200), stderr.read_text()
        assert code == 0, told
        assert all(disk.says in line for line in told.splitlines() if LOST in line), told
        assert checkpoints(run) == [600] and not [path for path in run.iterdir() if path.suffix in (".tmp", ".old")], told
        linnet("inspect", run / "checkpoint-600")
        assert weights_digest(run) == weights_digest(undisturbed)
        assert without_timing(events(run)) == without_timing(events(undisturbed))
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        disk.unmount()


def test_trouble_to_the_end(settings, tmp_path):
    """The final model cannot be written either: exit code 2, one line, and the last good checkpoint to go on from."""
    try:
        disk = FullDisk(tmp_path / "disk")
    except Impossible as reason:
        pytest.skip(f"no such disk can be made here: {reason}")
    run, stderr = disk.place / "run", tmp_path / "stderr"
    config = write_config(tmp_path / "config.json", output_dir=run, **{**settings, "max_steps": 100})
    try:
        with open(stderr, "wb") as file:
            process = start(["train", config], ranks=2, stderr=file)
        wait_for(lambda: run.exists() and checkpoints(run), process, stderr, "the first checkpoint")
        disk.begin()
        assert process.wait(200) == 2, stderr.read_text()
        errors = [line for line in stderr.read_text().splitlines() if line.startswith("linnet: error:")]
        assert len(errors) == 1 and disk.says in errors[0], errors
        good = checkpoints(run)
        assert len(good) == 1 and not (run / "model.safetensors").exists()
        linnet("inspect", run / f"checkpoint-{good[0]}")
        disk.end()
        linnet("train", config, "--set", "resume_from_checkpoint=auto", ranks=2)
        assert checkpoints(run) == [100]
    finally:
        disk.unmount()
