"""linnet_status.json: what a run says of itself, which batch scripts decide by, and `linnet train --status`, which prints it."""
import json
import os
import signal

import pytest

from support import Hold, checkpoints, finish, linnet, ranks_of, rank_of, refused, signal_rank, start, train, wait_for, write_config

STEPS = 8


@pytest.fixture
def settings(job):
    return {**job, "max_steps": STEPS, "rank_timeout": 60, "resume_from_checkpoint": "auto"}


def status(run):
    return json.loads((run / "linnet_status.json").read_text())


def figures(run):
    told = status(run)
    return told["status"], told["exit_code"], told["updates"], told["resumed_from"], told["checkpoint"]


@pytest.mark.tiny
def test_finished_run(settings, tmp_path):
    """The command prints the file as it is, or that there is none; a run that is started again after its end has no update left."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    assert json.loads(linnet("train", config, "--status").stdout) == {"status": "none"}
    assert not (tmp_path / "run").exists()
    run = train(tmp_path, **{**settings, "save_strategy": "steps", "save_steps": 3})
    assert figures(run) == ("finished", 0, STEPS, 0, STEPS)
    first = status(run)
    assert first["run"] == json.loads((run / "linnet_run.json").read_text())["id"] and first["total_updates"] == STEPS and "error" not in first
    assert linnet("train", config, "--status").stdout == (run / "linnet_status.json").read_text()
    train(tmp_path, **settings)
    assert figures(run) == ("finished", 0, STEPS, STEPS, STEPS) and status(run)["started"] >= first["started"]


@pytest.mark.parametrize("ranks", [0, 2])
def test_stopped_and_killed_runs(settings, at_call, tmp_path, ranks):
    """A run is held in its fifth line of the log: it says that it has done an update, also when it is then killed. Stopped by a signal it has saved."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    run = tmp_path / "run"
    for number, end in enumerate((signal.SIGKILL, signal.SIGUSR1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        hold = Hold(at_call, folder, "0" if ranks else "", "pwrite", [5], "metrics.jsonl")
        process = start(["train", config], ranks, hold.environment)
        hold.reached(process, 5)
        assert figures(run) == ("running", None, 1, 0, 0)
        pid = {rank_of(pid): pid for pid in ranks_of(process)}[0] if ranks else process.pid
        if end == signal.SIGKILL:
            os.kill(pid, end)
        else:
            signal_rank(process, pid, end, lambda: os.kill(pid, end))
            hold.let_go(5)
        code = finish(process).code
        assert code == 75 if end == signal.SIGUSR1 else code not in (0, 1, 75)
        if end == signal.SIGKILL:
            assert figures(run) == ("running", None, 1, 0, 0)
    saved, = checkpoints(run)
    assert figures(run) == ("stopped", 75, saved, 0, saved)
    train(tmp_path, ranks=ranks, **settings)
    assert figures(run) == ("finished", 0, STEPS, saved, saved)


def test_checkpoints_are_told(settings, at_call, tmp_path):
    """After a checkpoint is written the file says how far a killed run had come."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "save_strategy": "steps", "save_steps": 3, "save_in_background": False})
    hold = Hold(at_call, tmp_path, "", "pwrite", [5], "metrics.jsonl")
    process = start(["train", config], 0, hold.environment)
    hold.reached(process, 5)
    assert figures(tmp_path / "run") == ("running", None, 3, 0, 3)
    process.kill()
    finish(process)


@pytest.mark.parametrize("ranks", [0, 2])
def test_failed_run(settings, tmp_path, ranks):
    """The error is in the file; the update that failed does not count."""
    train(tmp_path, ranks=ranks, code=2, **{**settings, "learning_rate": 1e30, "lr_scheduler_type": "constant", "dropout": 0.0})
    assert figures(tmp_path / "run") == ("failed", 2, 1, 0, 0)
    assert "the loss of sample" in status(tmp_path / "run")["error"]


@pytest.mark.tiny
def test_refused_start_leaves_it(settings, tmp_path):
    """A configuration that is refused, also as another run's, says nothing of the run in the folder."""
    run = train(tmp_path, **settings)
    before = (run / "linnet_status.json").read_bytes()
    for change in ({"train_file": tmp_path / "none.h5"}, {"num_train_epochs": -1}):
        refused("train", write_config(tmp_path / "other.json", output_dir=run, **{**settings, **change}))
    (run / "checkpoint-4").mkdir()
    (run / "checkpoint-4/trainer_state.json").write_text('{"global_step": 4}')
    refused("train", write_config(tmp_path / "other.json", output_dir=run, **{**settings, "resume_from_checkpoint": None}))
    assert (run / "linnet_status.json").read_bytes() == before
    refused("train", write_config(tmp_path / "other.json", **settings), "--status", names=["output_dir"])
    refused("train", "--status", names=["expected a configuration file"])


def test_status_under_a_launcher(settings, tmp_path):
    """One of the processes prints it."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    assert json.loads(linnet("train", config, "--status", ranks=2).stdout) == {"status": "none"}


@pytest.mark.parametrize("number, code, told", [(1, 2, "failed"), (2, 0, "finished"), (3, 2, "running")])
def test_file_that_cannot_be_written(settings, at_call, tmp_path, number, code, told):
    """At the start and at the end that is an error: a run that exits with 0 has said that it is finished. In between it is a warning."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    result = finish(start(["train", config], 0, at_call("", "rename", "FAIL", number, "linnet_status.json")))
    assert result.code == code and "linnet_status.json" in result.stderr and len(result.errors) == (code != 0), result
    assert status(tmp_path / "run")["status"] == told
