"""Several processes that write one file or folder: each result is complete; what a killed one leaves is removed by the next."""
import shutil
import signal

import pytest

from support import LINNET, Hold, finish, linnet, refused, sha256, start

no_sanitizers = pytest.mark.skipif("/san/" in LINNET, reason="the preloaded library replaces calls that the sanitizers replace")


def temporary(folder):
    return [path.name for path in folder.iterdir() if ".tmp" in path.name]


def prepare_arguments(sample, table, output):
    return ["prepare", "--quiet", "--input", table, "--output", output, "--tokenizer", sample.tokenizer]


def test_prepare_twice_at_once(sample, tmp_path):
    """Two tables, one output: one of the two complete files. (Reported as datasets issue 4661: a damaged file.)"""
    output, complete = tmp_path / "o.h5", {}
    for table in (sample.train_csv, sample.test_csv):
        linnet(*prepare_arguments(sample, table, tmp_path / "alone.h5"))
        complete[sha256(tmp_path / "alone.h5")] = table
    assert len(complete) == 2
    for _ in range(10):
        processes = [start(prepare_arguments(sample, table, output)) for table in (sample.train_csv, sample.test_csv) * 2]
        for result in map(finish, processes):
            assert result.code == 0, result
        assert sha256(output) in complete
        assert not temporary(tmp_path)


def test_init_twice_at_once(sample, tmp_path):
    """One makes the folder, the others are refused; the model is one of them."""
    arguments = ["init", "--tokenizer", sample.tokenizer, "--layers", "1", "--width", "32", "--heads", "2"]
    for attempt in range(5):
        output = tmp_path / str(attempt)
        processes = [start([*arguments, "--seed", seed, "--output", output]) for seed in range(4)]
        results = list(map(finish, processes))
        assert sorted(result.code for result in results) == [0, 1, 1, 1], results
        for result in results:
            assert result.code == 0 or f"{output}: exists and is not empty" in result.errors[0], result
        linnet("inspect", output)
        assert not temporary(tmp_path)


def test_predictions_twice_at_once(sample, tmp_path):
    """Of two token files: one of the two complete tables."""
    output, complete = tmp_path / "p.tsv", set()
    arguments = ["evaluate", "--model", sample.model, "--predictions", output, "--data"]
    for data in (sample.train, sample.test):
        linnet(*arguments, data)
        complete.add(output.read_bytes())
    for result in map(finish, [start([*arguments, data]) for data in (sample.train, sample.test) * 2]):
        assert result.code == 0, result
    assert output.read_bytes() in complete
    assert not temporary(tmp_path)


@no_sanitizers
@pytest.mark.parametrize("name", ["prepare", "init", "evaluate"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_in_the_middle(sample, at_call, tmp_path, name, number):
    """A signal leaves nothing. SIGKILL does; the next run of the command removes it, but not what a running one writes."""
    output = tmp_path / "out"
    arguments = {"prepare": prepare_arguments(sample, sample.train_csv, output),
                 "init": ["init", "--output", output, "--tokenizer", sample.tokenizer, "--layers", "1", "--width", "32", "--heads", "2"],
                 "evaluate": ["evaluate", "--model", sample.model, "--data", sample.test, "--predictions", output]}[name]

    def held(which):
        place = tmp_path / which
        place.mkdir()
        hold = Hold(at_call, place, "", "rename", [1], str(output))
        process = start(arguments, env=hold.environment)
        hold.reached(process, 1)
        return hold, process

    hold, running = held("first")
    _, ended = held("second")
    assert len(temporary(tmp_path)) == 2
    ended.send_signal(number)
    assert finish(ended).code == -number
    assert len(temporary(tmp_path)) == (2 if number == signal.SIGKILL else 1)
    linnet(*arguments)
    assert len(temporary(tmp_path)) == 1, "that of the running process"
    if name == "init":
        shutil.rmtree(output)
    hold.let_go(1)
    result = finish(running)
    assert result.code == 0, result
    assert not temporary(tmp_path)


@pytest.mark.parametrize("name", ["prepare", "init", "inspect", "plan"])
def test_started_by_mpirun(sample, tmp_path, name):
    """Commands that are one process refuse to be several: one line, and nothing is written."""
    output = tmp_path / "out"
    arguments = {"prepare": prepare_arguments(sample, sample.train_csv, output),
                 "init": ["init", "--output", output, "--tokenizer", sample.tokenizer],
                 "inspect": ["inspect", sample.train],
                 "plan": ["plan", tmp_path / "config.json", "--ranks", "2"]}[name]
    result = refused(*arguments, ranks=3, names=[f"linnet {name} runs as one process, but the launcher started 3"])
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_mpirun_of_one(sample, tmp_path):
    linnet(*prepare_arguments(sample, sample.train_csv, tmp_path / "o.h5"), ranks=1)
    assert (tmp_path / "o.h5").exists()


def test_variables_of_slurm(sample, tmp_path):
    """A step of three tasks is refused, also by a task whose first one says nothing; a batch script of a job of three is one process."""
    arguments = prepare_arguments(sample, sample.train_csv, tmp_path / "o.h5")
    step = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "3", "SLURM_STEP_NUM_TASKS": "3"}
    refused(*arguments, env={**step, "SLURM_PROCID": "0"}, names=["SLURM_STEP_NUM_TASKS"])
    refused(*arguments, env={**step, "SLURM_PROCID": "1"}, names=["SLURM_STEP_NUM_TASKS"])
    assert not (tmp_path / "o.h5").exists()
    linnet(*arguments, env={"SLURM_JOB_ID": "1", "SLURM_NTASKS": "3", "SLURM_PROCID": "0"})
    assert (tmp_path / "o.h5").exists()


@pytest.mark.parametrize("name", ["text.csv", "tokenizer/vocab.json"])
def test_prepare_replaces_only_token_files(sample, tmp_path, copy_of, name):
    """A path given by mistake destroys neither another file nor what is being read."""
    tokenizer = copy_of(sample.tokenizer, tmp_path / "tokenizer")
    (tmp_path / "text.csv").write_text("text,sentiment\nhm,neutral\n")
    before = sha256(tmp_path / name)
    refused("prepare", "--input", sample.train_csv, "--tokenizer", tokenizer, "--output", tmp_path / name,
            names=[f"{tmp_path / name}: exists and is not a token file"])
    assert sha256(tmp_path / name) == before


def test_evaluate_replaces_only_predictions(sample, tmp_path):
    data = tmp_path / "data.h5"
    shutil.copy(sample.train, data)
    for ranks in (0, 2):
        refused("evaluate", "--model", sample.model, "--data", data, "--predictions", data, ranks=ranks,
                names=[f"{data}: exists and is not a file of predictions"])
    assert sha256(data) == sha256(sample.train)
