"""System calls fail, one call site after the other: the run continues or ends with one line, and nothing is lost.

By default the tests try every few call sites, which takes half a minute; LINNET_FAULTS=all (make kill-many) tries each."""
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import (LINNET, checkpoints, events, finish, left_over, linnet, start, train, wait_for, weights_digest, without_timing,
                     write_config)

ALL = os.environ.get("LINNET_FAULTS") == "all"
pytestmark = pytest.mark.skipif("/san/" in LINNET, reason="the preloaded library replaces calls that the sanitizers replace")


@pytest.fixture(scope="module")
def settings(sample):
    """Two updates with everything that a run does: log lines, evaluations, checkpoints, the removal of one, the final model."""
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20,
                reduction_units=4, max_steps=2, logging_steps=1, eval_strategy="steps", eval_steps=1, save_strategy="steps",
                save_steps=1, save_total_limit=1, resume_from_checkpoint="auto", dropout=0.1, threads_per_rank=1)


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("undisturbed"), **settings)


def assert_checkpoints_intact(run):
    for step in checkpoints(run) if run.exists() else []:
        linnet("inspect", run / f"checkpoint-{step}")


def run_with_fault(settings, undisturbed, folder, environment):
    """One run in which a call fails; returns what it printed."""
    folder.mkdir()
    run = folder / "run"
    config = write_config(folder / "config.json", output_dir=run, **settings)
    result = finish(start(["train", config], env=environment))
    assert result.code in (0, 1, 2), result
    assert len(result.errors) == (result.code != 0), result
    # A complete model that could not be put in its place stays for the next start.
    assert not left_over(run, (".tmp", ".old") if result.code == 2 else (".tmp", ".old", ".new")), result
    assert_checkpoints_intact(run)
    if result.code != 0:
        assert finish(start(["train", config])).code == 0, result  # the next start succeeds
        assert not left_over(run), result
    assert weights_digest(run) == weights_digest(undisturbed), result
    assert without_timing(events(run)) == without_timing(events(undisturbed)), result
    shutil.rmtree(folder)
    return result


@pytest.mark.parametrize("call, stride", [("write", 6), ("fsync", 8), ("rename", 4), ("remove", 1), ("open", 6), ("mmap", 1),
                                          ("malloc", 40)])
def test_each_call_site(settings, undisturbed, fail_calls, tmp_path, call, stride):
    """Make the first call fail, then the second, and so on, until there is no such call."""

    def fails_at(number):
        mark = tmp_path / f"mark-{number}"
        run_with_fault(settings, undisturbed, tmp_path / str(number), fail_calls(call=call, at=number, mark=mark))
        return mark.exists()

    workers, number, reached = 3, 1, 0
    with ThreadPoolExecutor(workers) as pool:
        while True:
            tried = list(pool.map(fails_at, range(number, number + workers * (1 if ALL else stride), 1 if ALL else stride)))
            reached += sum(tried)
            if not all(tried):
                break
            number += len(tried) * (1 if ALL else stride)
    assert reached > 0, f"no {call} was made to fail"


def test_no_memory_for_a_copy(settings, undisturbed, fail_calls, tmp_path):
    """Without memory for the copy that a checkpoint is written from, the run saves in the foreground and says so."""
    for number in range(1, 30):
        mark = tmp_path / f"mark-{number}"
        result = run_with_fault(settings, undisturbed, tmp_path / str(number),
                                fail_calls(call="malloc", at=number, above=600_000, below=1_000_000, mark=mark))
        if re.search("memory.*background", result.stderr):
            assert result.code == 0 and "warning" not in result.stderr, result
            return
        assert mark.exists(), "no allocation was the copy"


def count_lost(stderr):
    """The number of warnings about a checkpoint that cannot be saved."""
    return len(re.findall("^linnet: warning: .*checkpoint-[0-9]+", stderr.read_text(), re.M))


@pytest.mark.parametrize("call, ranks", [("write", 2), ("open", 0)])
def test_disk_that_is_full_for_a_while(settings, fail_calls, tmp_path, call, ranks):
    """Or cannot open files: one warning per checkpoint that cannot be saved, the last good one stays, and the run ends well. The run has many
    updates, so that it outlives the trouble."""
    longer = {**settings, "max_steps": 1000, "save_steps": 40, "eval_strategy": "no", "eval_steps": None}
    full, run, stderr = tmp_path / "full", tmp_path / "run", tmp_path / "stderr"
    config = write_config(tmp_path / "config.json", output_dir=run, **longer)
    with open(stderr, "wb") as file:
        process = start(["train", config], ranks, stderr=file, env=fail_calls(call=call, under="/run/", **{"while": full}))
    wait_for(lambda: run.exists() and checkpoints(run), process, "the first checkpoint", stderr, limit=50)
    full.touch()
    wait_for(lambda: count_lost(stderr) > 0, process, "a warning", stderr, limit=50)
    good = checkpoints(run)
    assert good, "the last good checkpoint is gone"
    wait_for(lambda: count_lost(stderr) > 1, process, "a second warning", stderr, limit=50)
    assert checkpoints(run) == good
    assert_checkpoints_intact(run)
    full.unlink()
    assert process.wait(200) == 0, stderr.read_text()
    assert checkpoints(run) == [1000] and not left_over(run), stderr.read_text()
    assert_checkpoints_intact(run)
    undisturbed = train(tmp_path / "other", **longer)
    assert weights_digest(run) == weights_digest(undisturbed)
    assert without_timing(events(run)) == without_timing(events(undisturbed))


def test_run_may_end_when_saving_fails(settings, fail_calls, tmp_path):
    full, run = tmp_path / "full", tmp_path / "run"
    longer = {**settings, "max_steps": 100, "save_steps": 4, "logging_steps": 100, "eval_strategy": "no", "eval_steps": None,
              "on_save_failure": "stop"}
    config = write_config(tmp_path / "config.json", output_dir=run, **longer)
    process = start(["train", config], 2, env=fail_calls(call="write", under="/run/checkpoint", **{"while": full}))
    wait_for(lambda: run.exists() and checkpoints(run), process, "the first checkpoint", limit=50)
    full.touch()
    result = finish(process)
    assert result.code == 2 and len(result.errors) == 1, result
    assert "checkpoint-" in result.errors[0] and "No space left on device" in result.errors[0], result
    assert len(checkpoints(run)) == 1 and not left_over(run), result
    assert_checkpoints_intact(run)


def test_output_folder_that_is_moved_away(settings, fail_calls, tmp_path):
    """The run makes the folder again and writes everything from then on into it."""
    longer = {**settings, "max_steps": 100, "save_steps": 4, "eval_strategy": "no", "eval_steps": None}
    run = tmp_path / "run"
    config = write_config(tmp_path / "config.json", output_dir=run, **longer)
    process = start(["train", config], 2)
    wait_for(lambda: run.exists() and checkpoints(run), process, "the first checkpoint", limit=50)
    run.rename(tmp_path / "away")
    result = finish(process)
    assert result.code == 0, result
    assert checkpoints(run) == [100] and not left_over(run)
    assert_checkpoints_intact(run)
    undisturbed = train(tmp_path / "other", **longer)
    assert weights_digest(run) == weights_digest(undisturbed)
    assert without_timing(events(run)) == without_timing(events(undisturbed))
