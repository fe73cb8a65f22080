"""The batch scripts as text, and their restart cycle without Slurm."""
import os
import re
import subprocess

import pytest

from support import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("*.sbatch"))
RESUMING = [script for script in SCRIPTS if "run_job() {" in script.read_text()]
TRAINING = [script for script in RESUMING if " train " in script.read_text()]


def cycle_of(script):
    """The part of a script that saves, requeues and resumes."""
    return re.search(r"^# ---- Save.*?^# -+$", script.read_text(), re.M | re.S)[0]


def test_resuming_scripts_share_one_cycle():
    """Slurm runs a copy of a script, so each must be complete; a correction of the cycle must reach all of them."""
    assert {script.name for script in set(RESUMING) - set(TRAINING)} == {"predict.sbatch"} and len(TRAINING) == 4
    assert len({cycle_of(script) for script in RESUMING}) == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script_asks_slurm_for_signal_and_requeue(script):
    asked = re.findall(r"^#SBATCH (--[\w-]+)(?:=(\S+))?", script.read_text(), re.M)
    assert {"--requeue", "--open-mode", "--time", "--output"} <= {name for name, _ in asked}
    assert script not in RESUMING or ("--signal", "B:USR1@120") in asked


@pytest.mark.parametrize("sent, left, restarts, requeued", [
    (False, 0, 0, False), (False, 1, 0, False), (False, 75, 0, True), (False, 75, 20, True), (False, 137, 19, True),
    (False, 137, 20, False), (True, 0, 0, False), (True, 1, 0, True), (True, 75, 0, True), (True, 138, 20, True)])
def test_exit_codes_that_requeue_a_job(sent, left, restarts, requeued):
    """The cycle runs a command that ends with an exit code, after a signal or without one."""
    command = f"trap : USR1; kill -USR1 $PPID; sleep 0.1; exit {left}" if sent else f"exit {left}"
    script = f'scontrol() {{ echo "scontrol $*"; }}\n{cycle_of(RESUMING[0])}\nrun_job bash -c "$1"'
    task = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2", "SLURM_RESTART_COUNT": str(restarts)}
    result = subprocess.run(["bash", "-c", script, "script", command], env={**os.environ, **task}, stdout=subprocess.PIPE,
                            text=True, timeout=20)
    assert result.returncode == left, result
    assert ("scontrol requeue 5_2" in result.stdout) == requeued, result


@pytest.mark.parametrize("config, passed", [("{}", "auto"), ('{"resume_from_checkpoint": null}', "auto"), ('{"resume_from_checkpoint": true}', "auto"),
                                            ('{\n "resume_from_checkpoint" : "other/checkpoint-5"\n}', None)])
def test_scripts_pass_auto_unless_a_checkpoint_is_named(tmp_path, config, passed):
    """Each start of a job is the same command; a checkpoint that the configuration names must not be replaced by `auto`."""
    lines = [re.search(r"^settings=\(\)\ngrep .*$", script.read_text(), re.M)[0] for script in TRAINING]
    assert len(set(lines)) == 1
    (tmp_path / "c.json").write_text(config)
    sweep = ROOT / "scripts/sweep.sbatch"  # it starts the program without a launcher
    result = subprocess.run(["bash", sweep, tmp_path / "c.json"], stdout=subprocess.PIPE, text=True, timeout=20,
                            env={**os.environ, "LINNET": "echo", "SLURM_ARRAY_TASK_ID": "0", "SLURM_JOB_ID": "7"})
    assert result.returncode == 0, result
    assert re.findall(r"resume_from_checkpoint=(\S+)", result.stdout) == ([passed] if passed else []), result


def test_prediction_script_runs_its_command(tmp_path):
    """The names, with what a shell would split, and the options come through; the exit code is the program's."""
    (tmp_path / "mpirun").write_text('#!/bin/bash\nwhile [ $# -gt 0 ] && [ "$1" != linnet ]; do shift; done\nprintf "%s\\n" "$@"\nexit 1\n')
    (tmp_path / "mpirun").chmod(0o755)
    result = subprocess.run(["bash", ROOT / "scripts/predict.sbatch", "a model", "in *.csv", "out.csv", "--text-column", "a b"], text=True,
                            stdout=subprocess.PIPE, timeout=20,
                            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "LINNET": "linnet", "SLURM_CPUS_PER_TASK": "4",
                                 "SLURM_JOB_ID": "7"})
    assert result.stdout.splitlines() == ["linnet", "predict", "--model", "a model", "--input", "in *.csv", "--output", "out.csv",
                                          "--text-column", "a b"]
    assert result.returncode == 1
