"""Real disks in trouble for a while: training continues with one warning per checkpoint that cannot be saved, the last good checkpoint
stays, and later ones are saved again. fail_calls_test.py makes single calls fail."""
import pytest

from disks import FullDisk, Impossible, QuotaDisk, ReadOnlyDisk
from support import Hold, checkpoints, events, finish, left_over, linnet, start, train, wait_for, weights_digest, without_timing, write_config


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=20, reduction_units=4, max_steps=48,
                logging_steps=1, save_strategy="steps", save_steps=4, save_total_limit=1, threads_per_rank=1)


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("undisturbed"), **settings)


class Trouble:
    """A run whose rank 0 is held at two lines of its log. The trouble begins at the first, when checkpoint-4 is complete."""

    FIRST, SECOND = 7, 25

    def __init__(self, at_call, disk, folder, ranks, settings):
        self.run, self.stderr, self.disk = disk.place / "run", folder / "stderr", disk
        self.config = write_config(folder / "config.json", output_dir=self.run, **settings)
        self.hold = Hold(at_call, folder, "0" if ranks else "", "pwrite", [self.FIRST, self.SECOND], "run/metrics.jsonl")
        with open(self.stderr, "wb") as file:
            self.process = start(["train", self.config], ranks, stderr=file, env=self.hold.environment, before=disk.before)

    def begin(self):
        self.hold.reached(self.process, self.FIRST)
        # The checkpoint is written in the background.
        wait_for(lambda: sorted(path.name for path in self.run.glob("checkpoint-*")) == ["checkpoint-4"], self.process, "checkpoint-4", self.stderr)
        self.disk.begin()
        self.hold.let_go(self.FIRST)

    def end(self):
        """End the trouble; until then only the last good checkpoint exists."""
        self.hold.reached(self.process, self.SECOND)
        self.check()
        self.disk.end()
        self.hold.let_go(self.SECOND)

    def check(self):
        assert checkpoints(self.run) == [4], self.stderr.read_text()
        linnet("inspect", self.run / "checkpoint-4")


@pytest.mark.parametrize("kind", [FullDisk, QuotaDisk, ReadOnlyDisk])
def test_run_survives_trouble_with_its_disk(settings, undisturbed, at_call, tmp_path, kind):
    try:
        disk = kind(tmp_path / "disk")
    except Impossible as reason:
        pytest.skip(f"this machine cannot make such a disk: {reason}")
    trouble = Trouble(at_call, disk, tmp_path, 0, settings)
    run, stderr = trouble.run, trouble.stderr
    try:
        trouble.begin()
        trouble.end()
        code, told = finish(trouble.process).code, stderr.read_text()
        assert code == 0, told
        lost = [line for line in told.splitlines() if line.startswith("linnet: warning:") and "checkpoint-" in line]
        assert len(lost) > 1 and all(disk.says in line for line in lost), told
        assert checkpoints(run) == [48] and not left_over(run), told
        linnet("inspect", run / "checkpoint-48")
        assert weights_digest(run) == weights_digest(undisturbed)
        assert without_timing(events(run)) == without_timing(events(undisturbed))
    finally:
        trouble.process.kill()
        trouble.process.wait()
        disk.unmount()


@pytest.mark.parametrize("kind", [FullDisk, ReadOnlyDisk])
def test_run_fails_if_the_trouble_stays(settings, at_call, tmp_path, kind):
    """The final model cannot be written either: exit code 2, one line, and the run can resume from the last good checkpoint."""
    try:
        disk = kind(tmp_path / "disk")
    except Impossible as reason:
        pytest.skip(f"this machine cannot make such a disk: {reason}")
    trouble = Trouble(at_call, disk, tmp_path, 2, settings)
    try:
        trouble.begin()
        trouble.hold.let_go(Trouble.SECOND)
        assert finish(trouble.process, limit=200).code == 2, trouble.stderr.read_text()
        errors = [line for line in trouble.stderr.read_text().splitlines() if line.startswith("linnet: error:")]
        assert len(errors) == 1 and disk.says in errors[0], errors
        trouble.check()
        assert not (trouble.run / "model.safetensors").exists()
        disk.end()
        linnet("train", trouble.config, "--set", "resume_from_checkpoint=auto", ranks=2)
        assert checkpoints(trouble.run) == [48]
    finally:
        trouble.process.kill()
        trouble.process.wait()
        disk.unmount()
