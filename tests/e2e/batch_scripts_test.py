"""The batch scripts without their batch systems: what they ask for, how they judge a start, which launcher they take, and complete jobs under
a stand-in for the variables and commands of PBS and LSF. tests/slurm has a real Slurm."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support import LINNET, ROOT, ENVIRONMENT, checkpoints, linnet, train, weights_digest, write_config

SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.suffix in (".sbatch", ".pbs", ".lsf") and path.stem != "sweep-summary")
SLURM = [path for path in (ROOT / "scripts").glob("*.sbatch")]
RESUMING = [script for script in SCRIPTS if script.stem != "evaluate"]

# The job as each system shows it to its script. ROOT/build/linnet is found as an installed program would be.
JOBS = {"sbatch": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "SLURM_CPUS_PER_TASK": "4"},
        "pbs": {"PBS_JOBID": "7.server", "PBS_O_WORKDIR": ".", "PBS_NODEFILE": "nodes", "OMP_NUM_THREADS": "4"},
        "lsf": {"LSB_JOBID": "7", "LSB_DJOB_NUMPROC": "2", "LSB_DJOB_HOSTFILE": "nodes", "OMP_NUM_THREADS": "4"}}


def name_of(script):
    return script.name


def program(path, text):
    path.write_text("#!/bin/bash\n" + text)
    path.chmod(0o755)


class Place:
    """A working folder with stand-ins for commands; what they are called with is in calls()."""

    def __init__(self, folder):
        self.folder, self.bin = folder, folder / "bin"
        self.bin.mkdir()
        (folder / "nodes").write_text("a\na\n")
        for name in ("scontrol", "qrerun"):
            program(self.bin / name, f'echo "{name} $*" >>{folder}/calls\n')

    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def start(self, script, *arguments, job=None, **environment):
        """Start a script, given by its name, as the first start of a job of its system."""
        environment = {**{key: value for key, value in ENVIRONMENT.items() if not key.startswith(("SLURM_", "LINNET"))},
                       "PATH": f"{self.bin}:{os.environ['PATH']}", **JOBS[script.split(".")[1]], **(job or {}), **environment}
        return subprocess.Popen(["bash", ROOT / "scripts" / script, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                env={key: str(value) for key, value in environment.items()})

    def run(self, script, *arguments, code=0, **options):
        """Run it to its end; what it printed."""
        process = self.start(script, *arguments, **options)
        try:
            output, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == code, output
        return output


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


# --- As text ------------------------------------------------------------------------------------------------------------------------------


def shell_files():
    found = [ROOT / "scripts/lib.sh", ROOT / "scripts/batch.sh"]
    for folder in ("scripts", "hosts", "tests", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".c", ".h") and re.match(rb"#!.*(bash|/sh)", path.read_bytes()[:64]):
                found.append(path)
    return sorted(found)


def test_all_shell_is_clean_for_shellcheck():
    """But for files that are only known when a script runs (SC1090, SC1091)."""
    files = shell_files()
    assert len(files) > 20 and {".sbatch", ".pbs", ".lsf", ".sh"} <= {path.suffix for path in files}
    done = subprocess.run(["shellcheck", "-x", "-S", "warning", "-e", "SC1090,SC1091", *files], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_scripts_share_their_beginning():
    """A batch system runs a copy of a script, so each must find batch.sh by itself, and all in the same way."""
    parts = {re.search(r"^# ---- The same in every script.*?^# -+$", script.read_text(), re.M | re.S)[0] for script in SCRIPTS}
    assert len(parts) == 1 and len(SCRIPTS) == 12


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_script_asks_for_signal_and_requeue(script):
    text = script.read_text()
    if script.suffix == ".sbatch":
        asked = re.findall(r"^#SBATCH (--[\w-]+)(?:=(\S+))?", text, re.M)
        assert {"--requeue", "--open-mode", "--time", "--output"} <= {name for name, _ in asked}
        assert (("--signal", "B:USR1@120") in asked) == (script in RESUMING)
    elif script.suffix == ".pbs":
        assert re.search(r"^#PBS -r y$", text, re.M) and re.search(r"^#PBS -l walltime=", text, re.M)
        assert ("\nwarn_before_limit 120\n" in text) == (script in RESUMING)
    else:
        assert re.search(r"^#BSUB -r$", text, re.M) and re.search(r'^#BSUB -Q "75"$', text, re.M) and re.search(r"^#BSUB -W ", text, re.M)
        assert bool(re.search(r"^#BSUB -wa 'USR1' -wt '2'$", text, re.M)) == (script in RESUMING)


def test_script_needs_a_batch_system(place):
    none = {"SLURM_JOB_ID": "", "SLURM_NTASKS": "", "SLURM_CPUS_PER_TASK": ""}
    assert "submit it" in place.run("train.sbatch", "c.json", job=none, LINNET=LINNET, code=1)


def test_batch_sh_is_found(place, tmp_path):
    """A script that was copied elsewhere finds it where the program is installed, through a link, or where LINNET_SCRIPTS says."""
    copy = tmp_path / "spool/slurm_script"
    copy.parent.mkdir()
    shutil.copy(ROOT / "scripts/train.sbatch", copy)
    (tmp_path / "c.json").write_text("{}")

    def run(program, **environment):
        return subprocess.run(["bash", copy, tmp_path / "c.json"], capture_output=True, text=True, timeout=60, cwd=tmp_path,
                              env={"PATH": os.environ["PATH"], "LINNET": str(program), "LINNET_LAUNCH": "env", **JOBS["sbatch"], **environment})

    installed = tmp_path / "usr/share/linnet/scripts"
    (tmp_path / "usr/bin").mkdir(parents=True)
    shutil.copy(LINNET, tmp_path / "usr/bin/linnet")
    result = run(tmp_path / "usr/bin/linnet")
    assert result.returncode == 1 and "set LINNET_SCRIPTS" in result.stderr
    assert run(tmp_path / "usr/bin/linnet", LINNET_SCRIPTS=str(ROOT / "scripts")).stderr.startswith("linnet: error: ")
    installed.mkdir(parents=True)
    shutil.copy(ROOT / "scripts/batch.sh", installed)
    (tmp_path / "link").symlink_to(tmp_path / "usr/bin/linnet")
    result = run(tmp_path / "link")
    assert result.returncode == 1 and result.stderr.startswith("linnet: error: "), result
    result = run("no-linnet")
    assert result.returncode == 1 and result.stderr.startswith("no-linnet not found: set LINNET"), result


# --- How a start is judged: with a stand-in for linnet that says of itself what the test wants --------------------------------------------


@pytest.fixture
def stand_in(place):
    """A function that runs train.sbatch once more, as a job that was started before, and returns whether that requeued the job."""
    (place.folder / "c.json").write_text("{}")
    program(place.bin / "linnet", f"""
case "$*" in
*--status*) cat {place.folder}/status 2>/dev/null || echo '{{"status": "none"}}'; exit ;;
*--version*) exit ;;
esac
echo "linnet $*" >>{place.folder}/calls
got=
trap 'got=yes' USR1
[ "$SIGNAL" = no ] || {{ kill -USR1 $PPID; until [ "$got" ]; do sleep 0.05; done; }}
read -r word code updates resumed <<<"$SAYS"
[ -z "$word" ] || printf '{{\\n  "status": "%s",\\n  "exit_code": %s,\\n  "updates": %s,\\n  "resumed_from": %s,\\n  "job": "%s",\\n  "started": "%s"\\n}}\\n' $SAYS "${{JOB:-}}" "${{STARTED:-$(date +%N)}}" >{place.folder}/status
exit "$CODE"
""")
    starts = 0

    def run(says, code, leaves, signal="no", **environment):
        nonlocal starts
        before = len([call for call in place.calls() if call.startswith("scontrol")])
        output = place.run("train.sbatch", "c.json", SAYS=says, CODE=code, SIGNAL=signal, code=leaves, LINNET_LAUNCH="env",
                           SLURM_RESTART_COUNT=str(starts), **environment)
        starts += 1
        requeued = [call for call in place.calls() if call.startswith("scontrol")][before:]
        assert requeued in ([], ["scontrol requeue 7"]), output
        assert bool(requeued) == (leaves == 75) and (place.folder / "linnet-7.starts").exists() == bool(requeued), output
        return output

    return run


@pytest.mark.parametrize("says, code, leaves, told", [
    ("finished 0 10 0", 0, 0, ""), ("finished 0 10 0", 137, 0, "linnet has finished, although env ended with exit code 137"),
    ("stopped 75 6 0", 75, 75, "stopped after saving: requeue"), ("stopped 75 6 0", 0, 75, "stopped after saving: requeue"),
    ("failed 2 6 0", 2, 75, "failed with exit code 2: requeue"), ("failed 2 6 0", 0, 75, "failed with exit code 2: requeue"),
    ("failed 1 6 0", 0, 1, ""), ("failed 1 0 0", 1, 1, ""),
    ("running null 6 0", 137, 75, "failed with exit code 137: requeue"), ("running null 6 0", 0, 75, "failed with exit code 2: requeue"),
    ("", 1, 1, ""), ("", 75, 75, "requeue"), ("", 0, 75, "failed with exit code 2: requeue"), ("", 127, 75, "failed with exit code 127: requeue")])
def test_what_the_run_says_decides(stand_in, says, code, leaves, told):
    """Not the launcher's exit code. What a start before this one has said does not count."""
    assert told in stand_in(says, code, leaves)


@pytest.mark.parametrize("says, code, leaves", [("", 138, 75), ("", 0, 75), ("running null 4 0", 0, 75), ("stopped 75 5 0", 0, 75), ("finished 0 9 0", 0, 0)])
def test_start_after_a_signal(stand_in, says, code, leaves):
    """mpirun ends by a signal that comes before it is ready for it; a run may finish nevertheless."""
    stand_in(says, code, leaves, signal="yes")


@pytest.mark.parametrize("says, code", [("", 0), ("", 137), ("running null 5 5", 137), ("failed 2 5 5", 2), ("stopped 75 5 5", 75)])
def test_start_without_an_update_is_requeued_twice(stand_in, says, code):
    """In a row: one that gets further counts anew."""
    stand_in(says, code, 75)
    stand_in("running null 9 5", 137, 75)
    stand_in(says, code, 75)
    stand_in(says, code, 75)
    output = stand_in(says, code, code if code == 137 else 2)
    assert "the third time in a row without an update" in output


def test_failing_job_ends(stand_in):
    """A job that gets further each time ends, too: LINNET_RESTARTS counts failures alone."""
    for updates in range(1, 4):
        stand_in(f"running null {updates} 0", 137, 75, LINNET_RESTARTS="2") if updates < 3 else None
        stand_in(f"stopped 75 {updates} 0", 75, 75, LINNET_RESTARTS="2")
    assert "failed 3 times: not requeued" in stand_in("running null 5 0", 137, 137, LINNET_RESTARTS="2")


@pytest.mark.parametrize("job, started, code, leaves", [("6", "now", 1, 1), ("6", "then", 1, 1), ("", "then", 1, 1), ("7", "now", 1, 75), ("", "now", 1, 75)])
def test_other_job_in_the_folder_is_not_taken_for_this_one(place, stand_in, job, started, code, leaves):
    """A start that is refused because another job has the folder is not requeued, whatever that job writes meanwhile."""
    (place.folder / "status").write_text('{\n  "status": "running",\n  "updates": 4,\n  "started": "then"\n}\n')
    stand_in("running null 6 0", code, leaves, JOB=job, STARTED=started)


def test_file_of_an_older_job_of_this_number_does_not_count(place, stand_in):
    (place.folder / "linnet-7.starts").write_text("20 2\n")
    assert "requeue" in stand_in("running null 0 0", 137, 75)


def test_failed_requeue_is_told(place, stand_in):
    program(place.bin / "scontrol", f"echo scontrol $* >>{place.folder}/calls; exit 1")
    assert "cannot requeue job 7: submit it again to resume" in stand_in("stopped 75 5 0", 75, 75)


def test_array_task_is_requeued_by_its_full_name(place):
    program(place.bin / "linnet", "[[ $* != *--status* ]] || exit 0; [[ $1 != sweep ]] || { echo c.json; exit 0; }; exit 137")
    (place.folder / "c.json").write_text("{}")
    task = {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2"}
    place.run("sweep.sbatch", "c.json", job=task, code=75)
    assert place.calls() == ["scontrol requeue 5_2"] and (place.folder / "linnet-5_2.starts").read_text() == "1 1\n"


def test_configuration_that_is_refused_starts_no_launcher(place):
    output = place.run("train.sbatch", write_config(place.folder / "c.json", seed=-1, output_dir="run"), LINNET=LINNET, LINNET_LAUNCH="touch started", code=1)
    assert len(re.findall("linnet: error: .*seed", output)) == 1 and not (place.folder / "started").exists()
    assert not place.calls()


# --- The command that is run --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(place):
    """A function that returns the words of the command that a script runs, under an MPI of this name."""
    program(place.bin / "linnet", f"""
case "$*" in
sweep*) echo "c *.json" ;;
*--status*) echo ;;
*--version*) echo "linnet    1.0"; echo "MPI       $STAND_IN_MPI" ;;
*) printf '%s\\n' "$0" "$@" >{place.folder}/words; exit 1 ;;
esac""")
    for name, version in {"mpirun": "$STAND_IN_MPIRUN", "mpirun.openmpi": "Open MPI", "mpiexec": "Open MPI", "mpiexec.mpich": "HYDRA", "mpiexec.hydra": "Intel", "srun": ""}.items():
        program(place.bin / name, f"""
[ "$1" != --version ] || {{ echo "{version}"; exit; }}
[ "$1" != --mpi=list ] || {{ echo "MPI plugin types are..."; printf '\\t%s\\n' $STAND_IN_PMI; exit; }}
printf '%s\\n' "${{0##*/}}" "$@" >{place.folder}/words; exit 1""")
    program(place.bin / "ompi_info", 'echo "   MCA pmix: $STAND_IN_COMPONENT (MCA v2.1.0)"')
    (place.folder / "c.json").write_text("{}")

    def words(script, *arguments, **environment):
        (place.folder / "words").write_text("")
        output = place.run(script, *arguments, code=1, **environment)
        return (place.folder / "words").read_text().splitlines() or output

    return words


@pytest.mark.parametrize("mpi, launcher", [
    ("Open MPI v4.1.4", "mpirun --map-by slot:PE=4 --bind-to core"), ("MPICH Version:\t4.0.2", "mpiexec.mpich -n 2 -bind-to core:4"),
    ("Intel(R) MPI Library 2021.10 for Linux* OS", "mpiexec.hydra -n 2"), ("MPI VERSION    : CRAY MPICH version 8.1.25", "mpiexec -n 2 --cpu-bind depth --depth 4"),
    ("another", "mpiexec -n 2")])
@pytest.mark.parametrize("system", JOBS)
def test_launcher_fits_the_mpi(command, mpi, launcher, system):
    """Open MPI is given the hosts of PBS and LSF, as it may have been built without support for them, and variables for other hosts."""
    found = command(f"train.{system}", "c.json", STAND_IN_MPI=mpi, STAND_IN_MPIRUN="(Open MPI)", LINNET_CONFIG="c.json", LINNET_ISA="avx2", OMP_NUM_THREADS="4")
    expected = launcher.split()
    if mpi.startswith("Open MPI"):
        expected += ([] if system == "sbatch" else ["--hostfile", "nodes"]) + ["-x", "OMP_NUM_THREADS"]
        names = found[len(expected) : found.index("linnet") if "linnet" in found else None]
        assert ("-x", "LINNET_ISA") in zip(names, names[1:])
        found = [word for word in found if not word.startswith("LINNET_")]
        found = [word for word, after in zip(found, [*found[1:], ""]) if (word, after) not in {("-x", "-x")}]
    assert found[: len(expected)] == expected, found
    assert found[-4:] == ["train", "c.json", "--set", "resume_from_checkpoint=auto"]


def test_launcher_of_another_mpi_is_not_taken(command):
    """Debian's mpirun is that of either MPI; here mpiexec is Open MPI's."""
    assert command("train.sbatch", "c.json", STAND_IN_MPI="Open MPI v4.1.4", STAND_IN_MPIRUN="HYDRA")[0] == "mpiexec"


@pytest.mark.parametrize("mpi, known, component, chosen", [
    ("Open MPI v4.1.4", "none pmi2 pmix pmix_v4", "ext3x", "pmix"), ("Open MPI v4.0.0", "none pmi2", "s2", "pmi2"), ("Open MPI v4.1.4", "none pmi2", "ext3x", None),
    ("Open MPI v5.0.1", "pmix_v4 pmi2", "", None), ("MPICH Version:\t4.0.2", "none pmix pmi2", "", "pmi2"), ("MPICH Version:\t4.0.2", "none pmix", "", None),
    ("MPI VERSION    : CRAY MPICH version 8.1.25", "pmi2 cray_shasta", "", "cray_shasta"), ("another", "none", "", "")])
def test_pmi_fits_the_mpi(command, place, mpi, known, component, chosen):
    found = command("train-srun.sbatch", "c.json", STAND_IN_MPI=mpi, STAND_IN_PMI=known, STAND_IN_COMPONENT=component)
    if chosen is None:
        assert "use train-mpirun.sbatch" in found and mpi in found
    else:
        assert found[:3] == ["srun", *([f"--mpi={chosen}"] if chosen else []), "--kill-on-bad-exit=1", f"{place.bin}/linnet"][:3]


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_launch_replaces_the_launcher(command, place, script):
    """Of every script; names with what a shell would split come through, and its setup file is read first."""
    (place.folder / "setup").write_text(f"export LINNET={place.bin}/linnet LINNET_FROM_SETUP=1\n")
    names = {"LINNET_CONFIG": "c *.json", "LINNET_MODEL": "a model", "LINNET_INPUT": "in *.csv", "LINNET_OUTPUT": "out.csv", "LINNET_DATA": "t *.h5", "LINNET_SWEEP": "sweep *.json",
             "LINNET_OPTIONS": "--batch-size 7", "SLURM_ARRAY_TASK_ID": "0"}
    (place.folder / "c *.json").write_text("{}")
    arguments = {"predict": ["a model", "in *.csv", "out.csv", "--text-column", "a b"], "evaluate": ["a model", "t *.h5"]}.get(script.stem, ["c *.json"])
    found = command(script.name, *arguments, LINNET_SETUP=place.folder / "setup", LINNET_LAUNCH="srun --mpi=a -n 4", LINNET="none", **names)
    expected = {"predict": ["predict", "--model", "a model", "--input", "in *.csv", "--output", "out.csv"], "evaluate": ["evaluate", "--model", "a model", "--data", "t *.h5"]}
    tail = {"predict": ["--text-column", "a b"] if script.suffix == ".sbatch" else ["--batch-size", "7"],
            "evaluate": [] if script.suffix == ".sbatch" else ["--batch-size", "7"]}
    launcher = [] if script.stem == "sweep" else ["srun", "--mpi=a", "-n", "4"]
    words = [*launcher, f"{place.bin}/linnet", *expected.get(script.stem, ["train", "c *.json", "--set", "resume_from_checkpoint=auto"]), *tail.get(script.stem, [])]
    assert found[: len(words)] == words


@pytest.mark.parametrize("config, passed", [("{}", "auto"), ('{"resume_from_checkpoint": null}', "auto"), ('{"resume_from_checkpoint": true}', "auto"),
                                            ('{\n "resume_from_checkpoint" : "other/checkpoint-5"\n}', None)])
def test_scripts_pass_auto_unless_a_checkpoint_is_named(command, place, config, passed):
    """Each start of a job is the same command; a checkpoint that the configuration names must not be replaced by `auto`."""
    (place.folder / "c.json").write_text(config)
    found = command("train.sbatch", "c.json", LINNET_LAUNCH="env", LINNET_SETTINGS="seed=7 max_steps=3")
    assert re.findall(r"resume_from_checkpoint=(\S+)", " ".join(found)) == ([passed] if passed else [])
    assert found[-4:] == ["--set", "seed=7", "--set", "max_steps=3"]


# --- Complete jobs under stand-ins for PBS and LSF ----------------------------------------------------------------------------------------


@pytest.fixture
def settings(sample):
    """The bits do not depend on where a run ends, so that a test can end it soon after it was stopped."""
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=4, reduction_units=2, learning_rate=1e-3,
                lr_scheduler_type="constant", logging_steps=1, save_strategy="no", dropout=0.1, threads_per_rank=1)


LAUNCH = f"{ROOT}/scripts/mpirun.sh 2"


def leaves_no_process(process):
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("system", ["pbs", "lsf"])
def test_job_saves_before_its_limit_and_continues(place, settings, tmp_path, system):
    """Under PBS the script itself waits until two minutes before the limit that qstat tells, and is here told when that is. LSF sends the
    signal to all processes of the job, and requeues one that ends with 75. The bits are those of an undisturbed run."""
    config = write_config(tmp_path / "c.json", output_dir=tmp_path / "run", **settings)
    program(place.bin / "qstat", f'echo "qstat $*" >>{tmp_path}/calls\necho "    Resource_List.select = 1:ncpus=2"\necho "    Resource_List.walltime = 04:08:09"\n')
    program(place.bin / "sleep", f'[ "$1" = 14769 ] || exec /bin/sleep "$@"\nuntil [ -e {tmp_path}/late ]; do /bin/sleep 0.1; done\n')

    def start(steps):
        return place.start(f"train.{system}", LINNET=LINNET, LINNET_CONFIG=config, LINNET_SETTINGS=f"max_steps={steps}", LINNET_LAUNCH=LAUNCH)

    process = start(100000)
    log = tmp_path / "run/metrics.jsonl"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") >= 3):
        time.sleep(0.01)
    (tmp_path / "late").touch() if system == "pbs" else os.killpg(process.pid, signal.SIGUSR1)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 75 and "job 7 stopped after saving: requeue" in output and leaves_no_process(process), output
    assert place.calls() == (["qstat -f 7.server", "qrerun 7.server"] if system == "pbs" else [])
    step, = checkpoints(tmp_path / "run")
    (tmp_path / "late").unlink(missing_ok=True)
    process = start(step + 5)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and f"checkpoint-{step} after update {step}" in output and leaves_no_process(process), output
    assert json.loads((tmp_path / "run/linnet_status.json").read_text())["status"] == "finished"
    assert weights_digest(tmp_path / "run") == weights_digest(train(tmp_path / "undisturbed", max_steps=step + 5, **settings))
    assert not list(tmp_path.glob("*.starts"))


@pytest.mark.parametrize("system", ["pbs", "lsf"])
def test_prediction_and_evaluation(place, sample, tmp_path, system):
    """An output that is there already does not pass for this job's, and a table of scores does not need the launcher's word."""
    program(place.bin / "qstat", 'echo "    Resource_List.walltime = 04:00:00"')
    (tmp_path / "in.csv").write_text("text\n" + "a row\n" * 50)
    names = dict(LINNET=LINNET, LINNET_MODEL=sample.model, LINNET_INPUT="in.csv", LINNET_OUTPUT="out.csv", LINNET_DATA=sample.test, LINNET_LAUNCH=LAUNCH)
    place.run(f"predict.{system}", **names)
    linnet("predict", "--model", sample.model, "--input", tmp_path / "in.csv", "--output", tmp_path / "alone.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert "failed with exit code 2: requeue" in place.run(f"predict.{system}", **{**names, "LINNET_LAUNCH": "true"}, code=75)
    output = place.run(f"evaluate.{system}", **names)
    scores = (tmp_path / "linnet-evaluate-7.txt").read_text()
    assert scores in output and "macro F1" in scores
    assert "failed with exit code 2: requeue" in place.run(f"evaluate.{system}", **{**names, "LINNET_LAUNCH": "true"}, code=75)
    assert "linnet: error: " in place.run(f"evaluate.{system}", **{**names, "LINNET_MODEL": "none"}, code=1)
    assert sorted(path.name for path in Path(tmp_path).glob("linnet-evaluate-7.txt*")) == ["linnet-evaluate-7.txt"]


@pytest.mark.parametrize("command, code, called", [("qrerun mine", 2, ["qrerun mine"]), ("false", 75, [])])
def test_own_requeue_under_lsf(place, sample, tmp_path, command, code, called):
    """The job is requeued once: by that command, or where it fails by LSF itself, which does it at 75."""
    (tmp_path / "in.csv").write_text("text\na row\n")
    output = place.run("predict.lsf", LINNET=LINNET, LINNET_MODEL=sample.model, LINNET_INPUT="in.csv", LINNET_OUTPUT="out.csv",
                       LINNET_LAUNCH="true", LINNET_REQUEUE=command, code=code)
    assert "failed with exit code 2: requeue" in output and ("cannot requeue" in output) == (not called)
    assert place.calls() == called
