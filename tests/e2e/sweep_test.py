"""linnet sweep: grids and drawn values, successive halving, stopping and going on, tables, and what is refused."""
import csv
import json
import signal
import statistics
import time

import pytest

from support import ROOT, evaluation_events, finish, linnet, refused, start, wait_for, weights_digest, write_config


@pytest.fixture
def config(job, sample, tmp_path):
    settings = {**job, "eval_file": sample.test, "eval_strategy": "steps", "eval_steps": 2, "max_steps": 8, "logging_steps": 4}
    return write_config(tmp_path / "config.json", output_dir=tmp_path / "unused", **settings)


@pytest.fixture
def sweep(config, tmp_path):
    """A function that writes the description of a sweep."""

    def write(**keys):
        path = tmp_path / "sweep.json"
        path.write_text("// what is tried\n" + json.dumps({"config": str(config), "output_dir": str(tmp_path / "out"), **keys}))
        return path

    return write


def rows(folder):
    with open(folder / "sweep.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def status_of(folder, trial):
    return json.loads((folder / f"out/trial-{trial:03d}/linnet_status.json").read_text())["status"]


def last_loss(folder):
    return evaluation_events(folder)[-1]["eval_loss"]


GRID = {"learning_rate": [1e-3, 3e-3], "dropout": {"values": [0.0, 0.1]}, "seed": [1, 2, 3]}


def test_a_grid_over_seeds(sweep, tmp_path):
    out = tmp_path / "out"
    shown = linnet("sweep", sweep(parameters=GRID, jobs=2)).stdout.splitlines()
    found = rows(out)
    assert [(row["configuration"], row["learning_rate"], row["dropout"], row["seed"]) for row in found][:4] == [
        ("0", "0.001", "0", "1"), ("0", "0.001", "0", "2"), ("0", "0.001", "0", "3"), ("1", "0.001", "0.1", "1")]
    assert len(found) == 12 and {row["state"] for row in found} == {"finished"}
    losses = [last_loss(out / row["run"]) for row in found]
    assert [float(row["eval_loss"]) for row in found] == losses
    spreads = [(statistics.mean(part), statistics.stdev(part), c) for c in range(4) for part in [losses[3 * c:3 * c + 3]]]
    table = [line.split() for line in shown[:5]]
    assert table[0] == ["configuration", "learning_rate", "dropout", "eval_loss", "runs"]
    expected = [[str(c), f"{mean:.4f}", f"{deviation:.4f}", "3"] for mean, deviation, c in sorted(spreads)]
    assert [[line[0], line[3], line[5], line[6]] for line in table[1:]] == expected
    best = json.loads((out / "best.json").read_text())
    assert best["output_dir"] == str(out / "best") and best["seed"] == 1
    assert str(best["learning_rate"]) == found[3 * min(spreads)[2]]["learning_rate"]
    linnet("train", out / "best.json")
    assert weights_digest(out / "best") == weights_digest(out / found[3 * min(spreads)[2]]["run"])


def test_a_sweep_that_is_done_does_nothing_again(sweep, tmp_path):
    path = sweep(parameters={"learning_rate": [1e-3, 3e-3]}, metric={"name": "accuracy"})
    first = linnet("sweep", path)
    again = linnet("sweep", path)
    assert first.stdout == again.stdout and "trial 0" in first.stderr and "trial 0" not in again.stderr
    assert linnet("sweep", path, "--summary").stdout == first.stdout
    assert "eval_accuracy" in first.stdout.splitlines()[0]


@pytest.mark.parametrize("metric, best", [("ece", min), ("eval_ece", min), ("f1", max), ({"name": "ece", "goal": "maximize"}, max)])
def test_which_way_is_better(sweep, tmp_path, metric, best):
    shown = linnet("sweep", sweep(parameters={"learning_rate": [1e-3, 3e-3, 1e-2]}, metric=metric)).stdout.splitlines()
    field = "eval_f1" if metric == "f1" else "eval_ece"
    values = [float(row[field]) for row in rows(tmp_path / "out")]
    assert len(set(values)) > 1 and shown[1].split()[0] == str(values.index(best(values)))


def test_drawn_values_do_not_depend_on_their_number(sweep, tmp_path):
    drawn = {"learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}, "dropout": {"min": 0.0, "max": 0.3},
             "warmup_steps": {"min": 1, "max": 4}, "lr_scheduler_type": ["linear", "cosine"]}
    linnet("sweep", sweep(method="random", run_cap=3, parameters=drawn), "--jobs", 3)
    few = rows(tmp_path / "out")
    assert len({row["learning_rate"] for row in few}) == 3
    for row in few:
        assert 1e-4 <= float(row["learning_rate"]) <= 1e-2 and 0 <= float(row["dropout"]) <= 0.3
        assert row["warmup_steps"] in "1234" and row["lr_scheduler_type"] in ("linear", "cosine")
    linnet("sweep", sweep(method="random", run_cap=4, parameters=drawn))
    more = rows(tmp_path / "out")
    assert len(more) == 4 and [row["learning_rate"] for row in more[:3]] == [row["learning_rate"] for row in few]
    others = refused("sweep", sweep(method="random", run_cap=4, seed=7, parameters=drawn), names=["out has the trials of another sweep"])
    assert "give another output_dir" in others.stderr


def test_successive_halving(sweep, config, tmp_path):
    """Runs so long that none ends before it is told to stop. The loss rises: those that stopped early have smaller ones at last."""
    write_config(config, **{**json.loads(config.read_text()), "max_steps": 600, "eval_steps": 20})
    rates = [4e-3, 3e-3, 2e-3, 1e-3, 5e-3]
    path = sweep(parameters={"learning_rate": rates}, early_terminate={"type": "successive_halving"}, jobs=2)
    result = linnet("sweep", path)
    told = result.stderr
    alive = list(range(5))
    for evaluations, kept in ((1, 3), (2, 2), (4, 1)):
        many = "" if evaluations == 1 else "s"
        assert f"after {evaluations} evaluation{many}: the best {kept} of {len(alive)} configurations go on" in told
        alive = sorted(alive, key=lambda c: evaluation_events(tmp_path / f"out/trial-{c:03d}")[evaluations - 1]["eval_loss"])[:kept]
    found = rows(tmp_path / "out")
    assert {c for c in range(5) if found[c]["state"] == "finished"} == set(alive)
    assert {found[c]["state"] for c in range(5) if c not in alive} == {"stopped"}
    assert found[alive[0]]["step"] == "600" and float(found[alive[0]]["eval_loss"]) > min(float(row["eval_loss"]) for row in found)
    assert result.stdout.splitlines()[1].split()[0] == str(alive[0]) and f"best: configuration {alive[0]};" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_sweep_goes_on(sweep, config, tmp_path, number):
    """Its trials save and stop, also when the sweep itself is killed."""
    changed = {**json.loads(config.read_text()), "max_steps": 100, "eval_steps": 50}
    write_config(config, **changed)
    path = sweep(parameters={"seed": [1, 2]}, jobs=2)
    process = start(["sweep", path])
    logs = [tmp_path / f"out/trial-00{i}/metrics.jsonl" for i in (0, 1)]
    wait_for(lambda: all(log.exists() and log.read_text().count("\n") > 2 for log in logs), process, "some updates of both trials")
    process.send_signal(number)
    result = finish(process)
    assert result.code == (75 if number == signal.SIGTERM else -number), result
    until = time.monotonic() + 60  # trials of a killed sweep have nobody who waits for them
    while {status_of(tmp_path, i) for i in (0, 1)} - {"stopped", "finished"}:
        assert time.monotonic() < until
        time.sleep(0.05)
    linnet("sweep", path)
    assert [row["state"] for row in rows(tmp_path / "out")] == ["finished", "finished"]
    for seed in (1, 2):
        alone = write_config(tmp_path / f"alone-{seed}.json", **{**changed, "seed": seed, "output_dir": tmp_path / f"alone-{seed}"})
        linnet("train", alone)
        assert weights_digest(tmp_path / f"alone-{seed}") == weights_digest(tmp_path / f"out/trial-00{seed - 1}")


def test_a_trial_that_fails_does_not_hold_up_others(sweep, tmp_path):
    path = sweep(parameters={"learning_rate": [1e30, 1e-3]})
    result = linnet("sweep", path, code=2)
    assert "trial 0 failed with exit code 2: see " in result.stderr and "1 of 2 trials failed" in result.errors[-1]
    assert "linnet: error" in (tmp_path / "out/trial-000.log").read_text()
    assert [row["state"] for row in rows(tmp_path / "out")] == ["failed", "finished"]
    assert result.stdout.splitlines()[1].split()[0] == "1"


def test_jobs_of_an_array(sweep, tmp_path):
    """Each job trains the configuration of its trial; the summary compares what there is."""
    path = sweep(parameters={"learning_rate": [1e-3, 3e-3]})
    assert linnet("sweep", path, "--count").stdout == "2\n"
    trial = linnet("sweep", path, "--trial", 1).stdout.strip()
    assert trial == str(tmp_path / "out/trial-001.json")
    linnet("train", trial, ranks=2)
    shown = linnet("sweep", path, "--summary").stdout.splitlines()
    assert [line.split()[-1] for line in shown[1:3]] == ["1", "0"]
    refused("sweep", path, "--trial", 2, names=["has trials 0 to 1, not 2"])


def test_evaluation_files_with_names(sweep, config, sample, tmp_path):
    """The metric names one of them; the rows have the figures of all."""
    write_config(config, **{**json.loads(config.read_text()), "eval_file": {"a": str(sample.test), "b": str(sample.train)}})
    refused("sweep", sweep(parameters={"learning_rate": [1e-3]}), names=["metric: eval_file has several files", "eval_a_loss"])
    linnet("sweep", sweep(parameters={"learning_rate": [1e-3, 3e-3]}, metric="b_loss", early_terminate={"type": "successive_halving"}))
    for row in rows(tmp_path / "out"):
        log = (tmp_path / "out" / row["run"] / "metrics.jsonl").read_text().splitlines()
        for name in ("eval_a_loss", "eval_b_loss"):
            assert float(row[name]) == [event[name] for event in map(json.loads, log) if name in event][-1]
    assert "finished" in {row["state"] for row in rows(tmp_path / "out")}
    refused("sweep", sweep(parameters={"learning_rate": [1e-3, 3e-3]}, metric="b_f1_joy"), "--summary", names=["have no eval_b_f1_joy"])


def test_results_of_other_settings_are_not_mixed(sweep, config, tmp_path):
    path = sweep(parameters={"learning_rate": [1e-3, 3e-3]})
    shown = linnet("sweep", path).stdout
    before = json.loads(config.read_text())
    write_config(config, **{**before, "weight_decay": 0.5})
    refused("sweep", path, names=["trial 0 has trained with other settings (weight_decay 0 -> 0.5)", "config.json back"])
    write_config(config, **{**before, "logging_steps": 3})
    assert linnet("sweep", path).stdout == shown
    other = sweep(parameters={"learning_rate": [1e-3, 4e-3]})
    refused("sweep", other, "--summary", names=["out has the trials of another sweep"])


def test_a_launcher_starts_several_ranks(sweep, tmp_path):
    linnet("sweep", sweep(parameters={"seed": [1]}, launcher=f"'{ROOT}/scripts/mpirun.sh' 2"))
    assert "2 ranks" in (tmp_path / "out/trial-000.log").read_text()


@pytest.mark.parametrize("keys, names", [
    ({}, ["parameters: expected an object"]),
    ({"parameters": {"learning_rat": [1]}}, ["learning_rat is no setting of linnet train: did you mean learning_rate"]),
    ({"parameters": {"output_dir": ["a"]}}, ["output_dir: each trial has a folder of its own"]),
    ({"parameters": {"dropout": []}}, ["dropout: expected a list of at least one value"]),
    ({"parameters": {"dropout": {"min": 0, "max": 1}}}, ['dropout: a grid needs a list of values; "method": "random" draws']),
    ({"parameters": {"dropout": [0]}, "method": "bayes"}, ['method: expected "grid" or "random", got "bayes"']),
    ({"parameters": {"dropout": [0]}, "method": "random"}, ["method: a random sweep needs run_cap"]),
    ({"parameters": {"dropout": [0]}, "run_cap": 3}, ["run_cap: a grid tries all combinations"]),
    ({"parameters": {"dropout": {"min": 1, "max": 0.5}}, "method": "random", "run_cap": 2}, ["dropout: min is above max"]),
    ({"parameters": {"dropout": {"min": 0.1, "max": 0.5, "distribution": "normal"}}, "method": "random", "run_cap": 2},
     ['expected a distribution of "uniform", "log_uniform_values", "int_uniform", got "normal"']),
    ({"parameters": {"dropout": {"minimum": 1}}}, ["parameters: unknown key minimum"]),
    ({"parameters": {"dropout": [0]}, "metrics": "f1"}, ["sweep.json:2: metrics: unknown key metrics: did you mean metric"]),
    ({"parameters": {"dropout": [0]}, "metric": {"name": "f1", "goal": "up"}}, ['expected the goal "minimize" or "maximize", got "up"']),
    ({"parameters": {"dropout": [0]}, "jobs": 2**32}, ["jobs: expected an integer from 1 to 4096, got 4294967296"]),
    ({"parameters": {"seed": [1, 2, 1]}}, ["seed: a value is there twice"]),
    ({"parameters": {"dropout": [0]}, "metric": "f2"}, ['metric: the evaluations of the trials have no eval_f2: expected one of "loss", ']),
    ({"parameters": {"dropout": [0]}, "metric": "f1_joy"}, ["metric: the evaluations of the trials have no eval_f1_joy"]),
    ({"parameters": {"dropout": [0]}, "early_terminate": {"type": "hyperband"}}, ['expected {"type": "successive_halving"}']),
    ({"parameters": {"dropout": [0]}, "jobs": 0}, ["jobs: expected an integer from 1 to 4096, got 0"]),
    ({"parameters": {"dropout": [0.1, 2]}}, ["trial 1 of ", "dropout: expected a number of at least 0"]),
    ({"parameters": {"seed": list(range(400)), "dropout": [i / 1000 for i in range(400)]}}, ["160000 trials are more than 100000"]),
    ({"parameters": {"eval_strategy": ["no"]}}, ["the trials are compared by their evaluations: set eval_file and eval_strategy"]),
])
def test_what_is_refused(sweep, keys, names):
    refused("sweep", sweep(**keys), names=names)


def test_started_by_a_launcher(sweep):
    """Trials that MPI takes for the launcher's process would wait for ever."""
    path = sweep(parameters={"dropout": [0]})
    refused("sweep", path, ranks=1, names=["linnet sweep starts its trials itself: run it without mpi"])
    assert linnet("sweep", path, "--count", ranks=1).stdout == "1\n"


def test_wrong_use(sweep, tmp_path):
    refused("sweep", names=["linnet sweep SWEEP.json"])
    refused("sweep", tmp_path / "no.json", names=["no.json"])
    refused("sweep", sweep(parameters={"dropout": [0]}), "--count", "--summary", names=["give one of them"])
