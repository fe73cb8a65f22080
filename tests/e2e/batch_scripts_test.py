"""The batch scripts as text: what must hold without a Slurm."""
import os
import re
import subprocess

import pytest

from support import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("*.sbatch"))
TRAINING = [script for script in SCRIPTS if "train() {" in script.read_text()]


def cycle_of(script):
    """The lines that save, put back into the queue and go on."""
    return re.search(r"^# ---- Save.*?^# -+$", script.read_text(), re.M | re.S)[0]


def test_cycle_is_the_same_in_all_that_train():
    """They have to stand alone, since Slurm runs copies of them; a mend in one must reach all."""
    assert len(TRAINING) == 4 and len({cycle_of(script) for script in TRAINING}) == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_asks_slurm_for_what_a_job_needs_to_go_on(script):
    asked = re.findall(r"^#SBATCH (--[\w-]+)(?:=(\S+))?", script.read_text(), re.M)
    assert {"--requeue", "--open-mode", "--time", "--output"} <= {name for name, _ in asked}
    assert script not in TRAINING or ("--signal", "B:USR1@120") in asked


@pytest.mark.parametrize("sent, left, restarts, requeued", [
    (False, 0, 0, False), (False, 1, 0, False), (False, 75, 0, True), (False, 75, 20, True), (False, 137, 19, True),
    (False, 137, 20, False), (True, 0, 0, False), (True, 1, 0, True), (True, 75, 0, True), (True, 138, 20, True)])
def test_which_ends_put_a_job_back(sent, left, restarts, requeued):
    """The cycle alone, round a command that ends with a code, with or without a signal before."""
    command = f"trap : USR1; kill -USR1 $PPID; sleep 0.1; exit {left}" if sent else f"exit {left}"
    script = f'scontrol() {{ echo "scontrol $*"; }}\n{cycle_of(TRAINING[0])}\ntrain bash -c "$1"'
    task = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2", "SLURM_RESTART_COUNT": str(restarts)}
    result = subprocess.run(["bash", "-c", script, "script", command], env={**os.environ, **task}, stdout=subprocess.PIPE,
                            text=True, timeout=20)
    assert result.returncode == left, result
    assert ("scontrol requeue 5_2" in result.stdout) == requeued, result
