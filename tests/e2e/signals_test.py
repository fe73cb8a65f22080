"""Stop signals: save, exit 75, go on when run again."""
import os
import signal

import pytest

from support import checkpoints, finish, linnet, ranks_of, start, train, training_events, update_met, weights_digest, write_config

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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
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


def test_one_rank_told_is_all_told(settings, tmp_path):
    """A signal that reaches a single rank stops all of them at the same update."""
    stop(tmp_path, settings, 2, lambda process: os.kill(ranks_of(process)[-1], signal.SIGTERM))
