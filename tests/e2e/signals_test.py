"""Stop signals: save, exit 75, go on when run again."""
import json
import os
import re
import signal
import time

import pytest

from support import (LINNET, checkpoints, evaluation_events, events, finish, linnet, ranks_of, start, train, training_events,
                     update_met, weights_digest, without_timing, write_config)

STEPS = 60


@pytest.fixture(scope="module")
def settings(sample, tmp_path_factory):
    """A run of a few seconds, long enough to be met in its middle: a wider model and the window of all samples."""
    model = tmp_path_factory.mktemp("wide") / "model"
    linnet("init", "--output", model, "--tokenizer", sample.tokenizer, "--layers", "4", "--width", "128", "--heads", "4")
    return dict(model_name_or_path=model, train_file=sample.train, global_batch_size=30, reduction_units=4, max_steps=STEPS,
                logging_steps=1, save_strategy="no", dropout=0.1)


@pytest.fixture(scope="module")
def never_stopped(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("never"), ranks=2, **settings)


def stop(tmp_path, settings, ranks, send):
    """Start a run, send it a signal in its middle; returns the run's folder once it has ended with 75."""
    run = tmp_path / "run"
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint="auto", **settings)
    process = start(["train", config], ranks)
    update_met(process, run)
    send(process)
    result = finish(process)
    assert result.code == 75, result
    assert len(checkpoints(run)) == 1, result
    assert 3 <= checkpoints(run)[0] < STEPS, "the signal came after the run's end"
    linnet("inspect", run / f"checkpoint-{checkpoints(run)[0]}")
    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2])
def test_signal_saves_and_run_goes_on(settings, never_stopped, tmp_path, number):
    """One rank without mpirun; resumed on two."""
    run = stop(tmp_path, settings, 0, lambda process: process.send_signal(number))
    train(tmp_path, ranks=2, resume_from_checkpoint="auto", **settings)
    assert weights_digest(run) == weights_digest(never_stopped)
    assert [event["step"] for event in training_events(run)] == list(range(1, STEPS + 1))


def test_mpirun_passes_usr1_on(settings, never_stopped, tmp_path):
    """As Slurm's --signal=USR1 reaches a job; resumed alone."""
    run = stop(tmp_path, settings, 2, lambda process: process.send_signal(signal.SIGUSR1))
    train(tmp_path, ranks=0, resume_from_checkpoint="auto", **settings)
    assert weights_digest(run) == weights_digest(never_stopped)


@pytest.mark.parametrize("ranks", [0, 2])
def test_signal_while_loading(settings, tmp_path, ranks):
    """As early as a rank can tell: one update is done and saved, and the exit code has a batch script go on with it."""
    run = tmp_path / "run"
    process = start(["train", write_config(tmp_path / "config.json", output_dir=run, **settings)], ranks)
    os.kill(catching(process, ranks)[-1], signal.SIGTERM)
    result = finish(process)
    assert result.code == 75, result
    assert checkpoints(run) == [1]


def test_one_rank_told_is_all_told(settings, tmp_path):
    """A signal that reaches a single rank stops all of them at the same update."""
    stop(tmp_path, settings, 2, lambda process: os.kill(ranks_of(process)[-1], signal.SIGTERM))


@pytest.fixture(scope="module")
def evaluating(settings, sample, tmp_path_factory):
    """Few updates and long evaluations: 1,000 texts, one at a time."""
    folder = tmp_path_factory.mktemp("evaluating")
    lines = sample.test_csv.read_text().splitlines(keepends=True)
    table = folder / "long.csv"
    table.write_text(lines[0] + "".join(lines[1:]) * (1000 // (len(lines) - 1)))
    linnet("prepare", "--input", table, "--output", folder / "long.h5", "--tokenizer", sample.tokenizer)
    return {**settings, "max_steps": 4, "threads_per_rank": 1, "eval_file": folder / "long.h5", "eval_strategy": "steps", "eval_steps": 2,
            "per_device_eval_batch_size": 1, "metric_for_best_model": "loss"}


def catching(process, ranks):
    """Wait until a job's ranks catch SIGTERM; returns their process ids."""
    def catches(pid):
        with open(f"/proc/{pid}/status") as file:
            return int(re.search(r"SigCgt:\s*(\w+)", file.read())[1], 16) >> (signal.SIGTERM - 1) & 1

    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        pids = ranks_of(process) if ranks else [process.pid]
        if len(pids) == max(ranks, 1) and all(map(catches, pids)):
            return pids
        time.sleep(0.001)
    raise AssertionError(f"no {ranks} ranks seen: {finish(process)}")


def stop_in_evaluation(process, run, step):
    """Once the update's line is there its evaluation is under way."""
    update_met(process, run, step)
    time.sleep(0.1)
    os.kill(ranks_of(process)[-1], signal.SIGTERM)
    result = finish(process)
    assert result.code == 75, result
    assert not [event for event in evaluation_events(run) if event["step"] == step], "the signal came behind the evaluation"


def test_signal_in_an_evaluation(evaluating, tmp_path):
    """It is left at once, and done from its start by the next run, before the next update: the log is the same."""
    whole = train(tmp_path / "whole", ranks=2, **evaluating)
    run = tmp_path / "run"
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint="auto", **evaluating)
    process = start(["train", config], 2)
    stop_in_evaluation(process, run, 2)
    assert checkpoints(run) == [2]
    assert json.loads((run / "checkpoint-2/trainer_state.json").read_text())["linnet"]["evaluation_due"] is True
    # Stopped in the same evaluation again, then in the last one.
    process = start(["train", config], 2)
    catching(process, 2)
    time.sleep(0.5)
    stop_in_evaluation(process, run, 2)
    process = start(["train", config], 2)
    update_met(process, run, 3)
    stop_in_evaluation(process, run, 5)
    assert checkpoints(run) == [2, 4]
    linnet("train", config, ranks=2)
    assert weights_digest(run) == weights_digest(whole)
    assert without_timing(events(run)) == without_timing(events(whole))


@pytest.mark.skipif("/san/" in LINNET, reason="the library that stops a process in a call stands before the sanitizers' own")
def test_second_signal_ends_at_once(settings, fail_calls, tmp_path):
    """A process that cannot save, here since its thread is held in a call, is ended by the second signal; what was saved stays."""
    run, mark = tmp_path / "run", tmp_path / "mark"
    short = {**settings, "max_steps": 12, "threads_per_rank": 1, "save_strategy": "steps", "save_steps": 4}
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint="auto", **short)
    process = start(["train", config], env=fail_calls(call="rename", under="/run/checkpoint-8", pause=3, mark=mark))
    until = time.monotonic() + 30
    while not mark.exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGUSR1)
    time.sleep(1.5)
    assert process.poll() is None, "it ended without having saved"
    process.send_signal(signal.SIGUSR1)
    assert finish(process, limit=10).code == -signal.SIGUSR1
    assert checkpoints(run) == [4] and (run / "checkpoint-8.tmp").exists()
    linnet("inspect", run / "checkpoint-4")
    linnet("train", config)
    assert not (run / "checkpoint-8.tmp").exists()
