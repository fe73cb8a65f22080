"""Network file systems in trouble, by the errors that the system's calls then return: a handle that the server no longer knows (ESTALE), a
quota, no flushing, no locks. disks_test.py has real disks that fill up, reach a quota or become read-only."""
import errno
import re

import pytest

from support import LINNET, checkpoints, events, left_over, linnet, losses, train, weights_digest, without_timing, write_config

pytestmark = pytest.mark.skipif("/san/" in LINNET, reason="the preloaded library replaces calls that the sanitizers replace")


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, reduction_units=4,
                max_steps=4, logging_steps=1, eval_strategy="steps", eval_steps=2, save_strategy="steps", save_steps=2, threads_per_rank=1)


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("undisturbed"), **settings)


def same(run, undisturbed):
    assert checkpoints(run) == [2, 4] and not left_over(run)
    for step in (2, 4):
        linnet("inspect", run / f"checkpoint-{step}")
    return weights_digest(run) == weights_digest(undisturbed) and without_timing(events(run)) == without_timing(events(undisturbed))


@pytest.mark.parametrize("call, under, times, again, ranks", [
    ("read", "/model/config.json", 2, None, 0), ("read", "/model/model.safetensors", 1, None, 2), ("read", "/train.h5", 2, None, 2),
    ("open", "/run/.lock", 1, None, 0), ("lock", "/run/.lock", 1, None, 0), ("open", "/run/checkpoint-2.tmp/", 2, None, 0),
    ("fsync", "/run/checkpoint-2", 1, "checkpoint-2", 0), ("write", "/run/checkpoint-2.tmp/model", 2, "checkpoint-2", 0),
    ("write", "/run/checkpoint-2.tmp/optimizer", 1, "checkpoint-2", 2), ("write", "/run/model.tmp/model", 1, "model.tmp", 2),
    ("rename", "/run/checkpoint-2", 1, None, 0), ("rename", "/run/model.safetensors", 2, None, 0)])
def test_stale_handle_is_asked_for_again(settings, undisturbed, fail_calls, tmp_path, call, under, times, again, ranks):
    """The run goes on as if nothing had happened; what was written in part is written again, with a line."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    result = linnet("train", config, ranks=ranks, env=fail_calls(call=call, under=under, times=times, errno=errno.ESTALE, rank=0))
    assert "warning" not in result.stderr, result
    assert len(re.findall("writing again", result.stderr)) == (times if again else 0), result
    assert again is None or re.search(f"{again}.*Stale file handle: writing again", result.stderr), result
    assert same(tmp_path / "run", undisturbed)


def test_stale_handle_in_flushing_a_file(fail_calls, sample, tmp_path):
    """The file is not flushed again: that would not tell whether its bytes are lost."""
    result = linnet("prepare", "--input", sample.test_csv, "--output", tmp_path / "out.h5", "--tokenizer", sample.tokenizer, code=2,
                    env=fail_calls(call="fsync", under="/out.h5", times=1, errno=errno.ESTALE))
    assert "out.h5: cannot flush to disk: Stale file handle" in result.errors[0] and not list(tmp_path.iterdir()), result


def test_stale_handle_on_resuming(settings, undisturbed, fail_calls, tmp_path):
    """In rank 0's reading of the moments."""
    run = tmp_path / "run"
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint=undisturbed / "checkpoint-2", **settings)
    result = linnet("train", config, ranks=2, env=fail_calls(call="read", under="/optimizer.safetensors", times=3, errno=errno.ESTALE))
    assert "after update 2 of 4" in result.stderr and losses(run) == losses(undisturbed), result
    assert weights_digest(run) == weights_digest(undisturbed)


@pytest.mark.parametrize("under", ["/model/config.json", "/train.h5"])
def test_stale_handle_that_stays_ends_the_run(settings, fail_calls, tmp_path, under):
    """With exit code 2, the machine's: it is worth running again."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    result = linnet("train", config, ranks=2, code=2,
                    env=fail_calls(call="read", under=under, errno=errno.ESTALE, **{"while": tmp_path}))
    assert len(result.errors) == 1 and under in result.errors[0] and "Stale file handle" in result.errors[0], result


@pytest.mark.parametrize("call, number, says", [
    ("write", errno.ESTALE, "Stale file handle"), ("rename", errno.EDQUOT, "Disk quota exceeded"), ("fsync", errno.EDQUOT, "Disk quota exceeded"),
    ("fsync", errno.EIO, "Input/output error")])
def test_checkpoint_that_cannot_be_saved(settings, undisturbed, fail_calls, tmp_path, number, says, call):
    """Training continues, with one line; the one before stays, and later ones are saved."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings, resume_from_checkpoint="auto")
    run = tmp_path / "run"
    result = linnet("train", config, env=fail_calls(call=call, under="/run/checkpoint-4", errno=number, **{"while": tmp_path}))
    lost = [line for line in result.stderr.splitlines() if line.startswith("linnet: warning:")]
    assert len(lost) == 1 and "checkpoint-4" in lost[0] and "checkpoint-2 is the last good one" in lost[0] and says in lost[0], result
    assert checkpoints(run) == [2] and not left_over(run), result
    linnet("inspect", run / "checkpoint-2")
    assert weights_digest(run) == weights_digest(undisturbed)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_file_system_that_cannot_flush(settings, undisturbed, fail_calls, tmp_path, number):
    """One warning."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    result = linnet("train", config, env=fail_calls(call="fsync", under="/run", errno=number, **{"while": tmp_path}))
    warnings = [line for line in result.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1 and "cannot flush files to disk" in warnings[0], result
    assert same(tmp_path / "run", undisturbed)


def test_file_system_without_locks(settings, undisturbed, fail_calls, sample, tmp_path):
    """HDF5 takes no locks either, whatever its own variable says."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    locking = {"HDF5_USE_FILE_LOCKING": "TRUE"}
    result = linnet("train", config, ranks=2, env={**locking, **fail_calls(call="lock", under="/run/.lock", errno=errno.EOPNOTSUPP, **{"while": tmp_path})})
    warnings = [line for line in result.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1 and "locks" in warnings[0], result
    assert same(tmp_path / "run", undisturbed)
    without = {**locking, **fail_calls(call="flock", errno=errno.ENOLCK, **{"while": tmp_path})}
    linnet("train", config, "--set", f"output_dir={tmp_path / 'other'}", env=without)
    linnet("prepare", "--input", sample.test_csv, "--output", tmp_path / "test.h5", "--tokenizer", sample.tokenizer, env=without)
    assert (tmp_path / "test.h5").read_bytes() == sample.test.read_bytes()
