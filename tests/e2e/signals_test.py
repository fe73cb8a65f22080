"""Stop signals: save, exit with 75, resume when run again. The tests hold a rank in a call, so that a signal always comes at the same
point of a run."""
import json
import os
import signal
import time

import pytest

from support import (LIMIT, LINNET, Hold, checkpoints, evaluation_events, events, finish, linnet, rank_of, ranks_of, signal_rank, start, train,
                     training_events, wait_for, weights_digest, without_timing, write_config)

STEPS = 12
MIDDLE = 5  # the update after which a run is held to be stopped in its middle


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=30, reduction_units=4, max_steps=STEPS,
                logging_steps=1, save_strategy="no", dropout=0.1, rank_timeout=60, resume_from_checkpoint="auto")


@pytest.fixture(scope="module")
def never_stopped(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("never"), ranks=2, **settings)


def pid_of(process, ranks, rank):
    pids = {rank_of(pid): pid for pid in ranks_of(process)} if ranks else {0: process.pid}
    assert sorted(pids) == list(range(max(ranks, 1)))
    return pids[rank]


@pytest.fixture
def stop(at_call, tmp_path):
    """A function that starts a run, holds rank 0 in a call and stops the run by a signal; it returns the folder of the run."""
    starts = 0

    def stop(settings, ranks, call, path, call_number, number, rank=0, launcher=False):
        nonlocal starts
        starts += 1
        folder = tmp_path / f"start-{starts}"
        folder.mkdir()
        config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
        hold = Hold(at_call, folder, "0" if ranks else "", call, [call_number], path)
        process = start(["train", config], ranks, hold.environment)
        hold.reached(process, call_number)
        pid = pid_of(process, ranks, rank)
        signal_rank(process, pid, number, lambda: os.kill(process.pid if launcher else pid, number))
        hold.let_go(call_number)
        result = finish(process)
        assert result.code == 75, result
        for step in checkpoints(tmp_path / "run"):
            linnet("inspect", tmp_path / f"run/checkpoint-{step}")
        return tmp_path / "run"

    return stop


@pytest.fixture
def stop_in_middle(settings, stop):
    def stop_in_middle(ranks, number, **way):
        run = stop(settings, ranks, "pwrite", "metrics.jsonl", MIDDLE, number, **way)
        # The run stops at the next update; a rank that is not held may already have done its part of that one.
        latest = MIDDLE + 2 if way.get("rank", 0) else MIDDLE + 1
        step, = checkpoints(run)
        assert MIDDLE + 1 <= step <= latest
        return run

    return stop_in_middle


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP])
def test_signal_saves_and_run_resumes(settings, stop_in_middle, never_stopped, tmp_path, number):
    """The run has one rank without mpirun and is resumed on two."""
    run = stop_in_middle(0, number)
    train(tmp_path, ranks=2, **settings)
    assert weights_digest(run) == weights_digest(never_stopped)
    assert [event["step"] for event in training_events(run)] == list(range(1, STEPS + 1))


def test_mpirun_passes_usr1_on(settings, stop_in_middle, never_stopped, tmp_path):
    """Slurm's --signal=USR1 reaches a job like this. The run is resumed without mpirun."""
    run = stop_in_middle(2, signal.SIGUSR1, launcher=True)
    train(tmp_path, ranks=0, **settings)
    assert weights_digest(run) == weights_digest(never_stopped)


def test_signal_to_one_rank_stops_all(stop_in_middle):
    """A signal that reaches a single rank stops all of them at the same update."""
    stop_in_middle(2, signal.SIGTERM, rank=1)


@pytest.mark.parametrize("ranks", [0, 2])
def test_signal_while_loading(settings, stop, ranks):
    """The run does one update and saves it; exit code 75 makes a batch script run it again."""
    assert checkpoints(stop(settings, ranks, "H5Fopen", "train.h5", 1, signal.SIGTERM, rank=max(ranks, 1) - 1)) == [1]


@pytest.fixture(scope="module")
def evaluating(settings, sample, tmp_path_factory):
    """A run of few updates with evaluations of 5,000 texts, one at a time; linnet reads 4,096 texts at once."""
    folder = tmp_path_factory.mktemp("evaluating")
    lines = sample.test_csv.read_text().splitlines(keepends=True)
    table = folder / "long.csv"
    table.write_text(lines[0] + "".join(lines[1:]) * (5000 // (len(lines) - 1)))
    linnet("prepare", "--input", table, "--output", folder / "long.h5", "--tokenizer", sample.tokenizer)
    return {**settings, "max_steps": 4, "threads_per_rank": 1, "eval_file": folder / "long.h5", "eval_strategy": "steps", "eval_steps": 2,
            "per_device_eval_batch_size": 1, "metric_for_best_model": "loss"}


def test_signal_in_an_evaluation(evaluating, at_call, stop, tmp_path):
    """The run stops inside the evaluation. The next run repeats that evaluation before its first update, so the log is the same."""
    last = {}  # the last read of texts in the first and in the second evaluation of a run
    for number, steps in ((1, 2), (2, 4)):
        count = tmp_path / f"count-{steps}"
        complete = train(tmp_path / f"complete-{steps}", ranks=2, env=at_call(0, "H5Dread", "", path="long.h5", AT_COUNT=str(count)), **{**evaluating, "max_steps": steps})
        last[number] = int(count.read_text())
    # Rank 0 reads each of the two groups of texts twice: to run them, and for the file of predictions. The last quarter of the reads comes
    # after the last batch.
    reads = last[2] - last[1]
    assert reads >= 8 and reads % 4 == 0, "an evaluation needs two groups to have a middle"
    middle = {number: last[number] - reads // 4 for number in last}

    def stop_in_evaluation(reading, step):
        run = stop(evaluating, 2, "H5Dread", "long.h5", reading, signal.SIGTERM, rank=1)
        state = json.loads((run / f"checkpoint-{step}/linnet_state.json").read_text())
        assert state["evaluation_due"] is True
        assert not [event for event in evaluation_events(run) if event["step"] == step], "the signal came after the evaluation"
        return checkpoints(run)

    assert stop_in_evaluation(middle[1], 2) == [2]
    # Stop again in the same evaluation, then in the last one.
    assert stop_in_evaluation(middle[1], 2) == [2]
    assert stop_in_evaluation(middle[2], 4) == [2, 4]
    run = train(tmp_path, ranks=2, **evaluating)
    assert weights_digest(run) == weights_digest(complete)
    assert without_timing(events(run)) == without_timing(events(complete))


@pytest.mark.skipif("/san/" in LINNET, reason="the preloaded library replaces calls that the sanitizers replace")
def test_second_signal_ends_at_once(settings, fail_calls, tmp_path):
    """The second signal ends a process that cannot save, here because its thread is held in a call. Saved checkpoints stay."""
    run, mark = tmp_path / "run", tmp_path / "mark"
    short = {**settings, "threads_per_rank": 1, "save_strategy": "steps", "save_steps": 4}
    config = write_config(tmp_path / "config.json", output_dir=run, **short)
    process = start(["train", config], env=fail_calls(call="rename", under="/run/checkpoint-8", pause=3, mark=mark))
    wait_for(mark.exists, process, "the call")
    process.send_signal(signal.SIGUSR1)
    time.sleep(1.5)
    assert process.poll() is None, "the process ended without saving"
    # A signal within a second of the first counts as the same one, and a process on a busy machine may see both late.
    until = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < until:
        process.send_signal(signal.SIGUSR1)
        time.sleep(1.5)
    assert finish(process, limit=10).code == -signal.SIGUSR1
    assert checkpoints(run) == [4] and (run / "checkpoint-8.tmp").exists()
    linnet("inspect", run / "checkpoint-4")
    linnet("train", config)
    assert not (run / "checkpoint-8.tmp").exists()
