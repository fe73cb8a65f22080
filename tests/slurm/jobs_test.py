"""The batch scripts under a real Slurm: whatever happens to a job, it ends with the bits of an undisturbed run."""
import json
import re
import signal
import time
from pathlib import Path

import pytest

from support import LINNET, Hold, descendants, events, is_linnet, linnet, signal_rank, train, training_events, weights_digest, write_config

# Two ranks per node with one core each.
SMALL = ["--ntasks-per-node=2", "--cpus-per-task=1"]
STEPS = 1000


@pytest.fixture(scope="module")
def settings(sample):
    """Training that takes 4 ranks on 2 hosts some seconds, so that a test can disturb it, and one rank a second."""
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=4,
                reduction_units=4, learning_rate=1e-3, logging_steps=25, save_strategy="steps", save_steps=100,
                dropout=0.1, threads_per_rank=1, rank_timeout=30)


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    """A function that returns the digest of the weights after some steps without Slurm on one rank."""
    known = {}

    def digest(steps):
        if steps not in known:
            known[steps] = weights_digest(train(tmp_path_factory.mktemp("undisturbed"), max_steps=steps, **settings))
        return known[steps]

    return digest


@pytest.fixture
def submit(cluster, settings, tmp_path):
    """A function that submits a script with a configuration and an output folder; it returns the job and the folder."""

    def submit(script, *options, steps=STEPS, **environment):
        run = tmp_path / f"run-{steps}"
        config = write_config(tmp_path / "config.json", **settings)
        job = cluster.submit(script, config, log=tmp_path / f"{steps}.log", options=[*SMALL, *options],
                             LINNET_SETTINGS=f"max_steps={steps} output_dir={run}", **environment)
        return job, run

    return submit


@pytest.fixture
def hold(at_call, tmp_path):
    """Holds rank 0 of a job at a line of its log, so that a test always disturbs the job at the same point."""

    class LineHold(Hold):
        def __init__(self, line, log="/metrics.jsonl"):
            super().__init__(at_call, tmp_path, "any", "pwrite", [line], log)
            self.line, self.option = line, "--export=ALL," + ",".join(f"{name}={value}" for name, value in self.environment.items())

        def reached(self, job):
            job.until(lambda: self.is_reached(self.line), "held rank")

        def let_go(self):
            super().let_go(self.line)

    return LineHold


def signal_job(job, run):
    """Signal the batch script and wait until the signal has reached a rank."""

    def is_rank(pid):
        return is_linnet(pid) and str(run) in open(f"/proc/{pid}/cmdline").read()

    rank = next(filter(is_rank, descendants(job.cluster.process.pid)))
    signal_rank(job.cluster.process, rank, signal.SIGUSR1, job.signal)


def logs_each_step_once(run, steps):
    """Each step is in the log once, as if the job had started only once."""
    assert [event["step"] for event in training_events(run)] == list(range(25, steps + 1, 25))
    return True


@pytest.mark.parametrize("script", ["train-mpirun.sbatch", "train-srun.sbatch"])
def test_two_hosts_train(submit, undisturbed, tmp_path, script):
    """Two ranks on each of two hosts. The program is found by what LINNET_SETUP does, as a module does it."""
    (tmp_path / "setup").write_text(f"PATH={Path(LINNET).parent}:$PATH\n")
    job, run = submit(script, steps=200, LINNET="", LINNET_SETUP=tmp_path / "setup")
    job.until_ended()
    assert "4 ranks" in job.log.read_text() and "n1 x2, n2 x2" in job.log.read_text(), job
    assert weights_digest(run) == undisturbed(200)


def test_cancelled_job_stays_cancelled(submit):
    job, run = submit("train-mpirun.sbatch", steps=100000)
    job.until_step(run, 25)
    restarts = job.restarts()
    job.cluster.run("scancel", job.number)
    job.until_ended("CANCELLED")
    assert job.restarts() == restarts, job


def test_bad_input_is_not_tried_again(submit):
    job, _ = submit("train-srun.sbatch", steps="few")
    job.until_ended("FAILED")
    assert job.show()["ExitCode"] == "1:0" and "failed with exit code 1:" not in job.log.read_text(), job


def test_time_limit_saves_requeues_and_resumes(cluster, submit, undisturbed):
    """Slurm sends the signal itself, 30 s before the time limit of a minute, when it checks the limits. If the run ended before that, or was
    still starting, the test tries a longer run."""
    steps, log = 1000, ""
    while "stopped after saving" not in log:
        steps *= 2
        cluster.wait_for_clock(5)
        job, run = submit("train-srun.sbatch", "--time=1", "--signal=B:USR1@30", steps=steps)
        job.until_ended()
        log = job.log.read_text()
    assert job.restarts() > 0 and f"{run}/checkpoint-" in log, job
    assert weights_digest(run) == undisturbed(steps) and logs_each_step_once(run, steps)


def test_signal_saves_requeues_and_resumes(submit, hold, undisturbed):
    """On one host, with a signal from the user."""
    held = hold(2)
    job, run = submit("train.sbatch", "--ntasks=2", held.option)
    held.reached(job)
    signal_job(job, run)
    held.let_go()
    job.until(lambda: job.restarts() == 1, "restart")
    job.until_ended()
    assert re.search(rf"{run}/checkpoint-5[12]\b", job.log.read_text()), job
    assert weights_digest(run) == undisturbed(STEPS) and logs_each_step_once(run, STEPS)


@pytest.fixture
def urgent(cluster, tmp_path):
    """A function that submits a job of a higher priority to hosts, which it needs as a whole until the function that it returns is called."""
    script, go = tmp_path / "urgent.sh", tmp_path / "go"
    script.write_text(f"#!/bin/bash\nuntil [ -e {go} ]; do sleep 0.1; done\n")

    def submit(hosts):
        cluster.submit(script, log=tmp_path / "urgent.log", options=["--partition=urgent", f"--nodelist={','.join(hosts)}", "--cpus-per-task=4",
                                                                      f"--ntasks={len(hosts)}", "--ntasks-per-node=1"])
        return go.touch

    yield submit
    go.touch()


@pytest.mark.parametrize("script, options, parameter", [("train-srun.sbatch", [], ""), ("train.sbatch", ["--ntasks=2"], "preempt_send_user_signal")])
def test_preempted_job_saves_and_continues(cluster, submit, hold, urgent, undisturbed, script, options, parameter):
    """Another job takes all hosts. Slurm sends SIGTERM to the steps of this one, which srun has started, or with the parameter USR1 to the batch
    script, which mpirun needs."""
    cluster.set_controller_parameter(parameter)
    held = hold(2)
    job, run = submit(script, *options, held.option, steps=200)
    held.reached(job)
    end_urgent = urgent(["n1", "n2", "n3", "n4"])
    job.until(lambda: "PreemptTime" in job.show() and job.show()["PreemptTime"] != "None", "preemption")
    time.sleep(3)  # for the signal, which a held rank does not show; the updates that are left then are time for it, too
    held.let_go()
    job.until(lambda: job.restarts() == 1, "requeue")
    assert json.loads((run / "linnet_status.json").read_text())["status"] == "stopped", job
    end_urgent()
    job.until_ended()
    assert "stopped after saving: requeue" in job.log.read_text() and f"resuming from {run}/checkpoint-" in job.log.read_text(), job
    assert weights_digest(run) == undisturbed(200) and logs_each_step_once(run, 200)


def test_prediction_stops_and_goes_on(cluster, sample, at_call, tmp_path):
    """Two ranks on each of two hosts, held at the end of their first parts: a signal requeues the job, which goes on behind them."""
    table, output = tmp_path / "in.csv", tmp_path / "out.csv"
    table.write_text("text,n\n" + "".join(f"row {i} of a table of some parts,{i}\n" for i in range(2000)))
    linnet("predict", "--model", sample.model, "--input", table, "--output", tmp_path / "alone.csv")
    held = Hold(at_call, tmp_path, "any", "rename", [1], ".rows")
    option = "--export=ALL," + ",".join(f"{name}={value}" for name, value in held.environment.items())
    job = cluster.submit("predict.sbatch", sample.model, table, output, log=tmp_path / "predict.log", options=["--nodes=2", *SMALL, option])
    job.until(lambda: held.is_reached(1), "held ranks")
    signal_job(job, output)
    held.let_go(1)
    job.until(lambda: job.restarts() == 1, "restart")
    job.until_ended()
    assert "4 ranks" in job.log.read_text() and "going on behind" in job.log.read_text(), job
    assert output.read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert not list(tmp_path.glob("out.csv.*"))


def test_sweep_and_its_summary(cluster, settings, hold, tmp_path):
    """Two learning rates x two seeds. The last task, whose job number is that of the array, is stopped: only this task is requeued, and the
    summary waits for it."""
    config = write_config(tmp_path / "config.json", **settings, max_steps=2000, eval_strategy="steps", eval_steps=1000)
    stopped = tmp_path / "sweep/trial-003"
    description = tmp_path / "sweep.json"
    description.write_text(json.dumps({"config": str(config), "output_dir": str(tmp_path / "sweep"), "metric": "accuracy",
                                       "parameters": {"learning_rate": [1e-3, 3e-3], "seed": [1, 2]}}))
    held = hold(1, f"{stopped.name}/metrics.jsonl")
    sweep = cluster.submit("sweep.sbatch", description, log=tmp_path / "sweep-%a.log",
                           options=["--array=0-3", "--cpus-per-task=1", held.option])
    summary = cluster.submit("sweep-summary.sbatch", description, log=tmp_path / "summary.log",
                             options=[f"--dependency=afterany:{sweep.number}"])
    last = sweep.task(3)
    held.reached(last)
    signal_job(last, stopped)
    held.let_go()
    last.until(lambda: last.restarts() == 1, "restart")
    assert summary.show()["JobState"] == "PENDING", summary
    sweep.until_ended()
    summary.until_ended()
    assert sorted(int(task["Restarts"]) for task in sweep.tasks()) == [0, 0, 0, 1], sweep
    header, *rows = [line.split("\t") for line in (tmp_path / "sweep/sweep.tsv").read_text().splitlines()]
    rows = [dict(zip(header, row)) for row in rows]
    assert [(row["learning_rate"], row["seed"], row["state"], row["step"]) for row in rows] == \
        [(rate, seed, "finished", "2000") for rate in ("0.001", "0.003") for seed in ("1", "2")]
    for row in rows:
        last = [event for event in events(tmp_path / "sweep" / row["run"].split("/")[-1]) if "eval_loss" in event][-1]
        assert float(row["eval_accuracy"]) == pytest.approx(last["eval_accuracy"], abs=1e-6)
    assert "best: " in summary.log.read_text()


@pytest.mark.parametrize("how, script, which", [("cut", "train-srun.sbatch", 0), ("crash", "train-mpirun.sbatch", -1)])
def test_lost_host(submit, hold, undisturbed, how, script, which):
    """A power cut takes the host that runs the batch script, a crash another one; the job restarts on the other hosts. The host is lost when
    checkpoint-100 is complete, which it is before the next one begins."""
    held = hold(9)
    job, run = submit(script, held.option)
    held.reached(job)
    before = job.hosts()
    restarts = job.restarts()
    job.cluster.lose(how, before[which])
    held.let_go()
    job.until(lambda: job.restarts() > restarts, "restart")
    job.until_ended()
    assert before[which] not in job.hosts(), job
    assert f"{run}/checkpoint-" in job.log.read_text(), job
    assert weights_digest(run) == undisturbed(STEPS) and logs_each_step_once(run, STEPS)
