"""A run knows its own checkpoints: which are continued, which are named and left alone, what another configuration in the same folder
does. What must hold comes from public reports of runs that went on from somebody else's checkpoint (Lightning #12369, NeMo-RL #345) and
from Trainer's own names: resume_from_checkpoint, and overwrite_output_dir of Transformers 4."""
import csv
import json
import re
import shutil
import signal

import pytest

from support import (Hold, checkpoints, events, finish, left_over, linnet, refused, start, train, training_events, weights_digest, without_timing,
                     write_config)


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=20, reduction_units=2, max_steps=6, learning_rate=1e-3,
                logging_steps=1, save_strategy="steps", save_steps=2, warmup_steps=1)


@pytest.fixture(scope="module")
def first(settings, tmp_path_factory):
    """Run A, with checkpoints 2, 4 and 6."""
    return train(tmp_path_factory.mktemp("first"), **settings)


@pytest.fixture(scope="module")
def other(settings, tmp_path_factory):
    """Run B: another seed."""
    return train(tmp_path_factory.mktemp("other"), **{**settings, "seed": 7})


@pytest.fixture
def place(tmp_path, first):
    """A copy of the folder of run A, which a test may change."""
    run = tmp_path / "run"
    shutil.copytree(first, run)
    return run


def state(folder):
    return json.loads((folder / "linnet_state.json").read_text())


def run_id(folder):
    return state(folder)["run"]["id"]


def record(run):
    return json.loads((run / "linnet_run.json").read_text())


def again(place, settings, **changes):
    """Start linnet in the folder with a changed configuration, which may also be refused."""
    return write_config(place.parent / "again.json", output_dir=place, **{**settings, **changes})


# --- What carries the id ------------------------------------------------------------------------------------------------------------------


def test_everything_of_a_run_carries_its_id(first, other, settings):
    """Checkpoints, final model and folder; another run has another one; the settings are those of the run."""
    assert re.fullmatch(r"[0-9a-f]{32}", run_id(first))
    assert {run_id(first), *(run_id(first / f"checkpoint-{step}") for step in (2, 4, 6))} == {record(first)["id"]}
    assert record(first)["id"] != record(other)["id"]
    resolved = json.loads((first / "config.resolved.json").read_text())
    for folder in first, first / "checkpoint-2":
        assert state(folder)["settings"] == resolved
    assert state(first)["step"] == 6 and state(first)["sha256"]["model.safetensors"] == weights_digest(first)


def test_ranks_agree_on_the_id(settings, tmp_path):
    run = train(tmp_path, ranks=2, **settings)
    assert run_id(run) == run_id(run / "checkpoint-2") == record(run)["id"]


def test_inspect_names_the_run(first, copy_of):
    for folder in first, first / "checkpoint-4":
        assert re.search(rf"^ +run +{run_id(first)}, started 20", linnet("inspect", folder).stdout, re.M)
    assert "as that run wrote them after update 6" in linnet("inspect", first).stdout
    changed = copy_of(first, "changed")
    shutil.copy(first / "checkpoint-2/model.safetensors", changed)
    assert "changed since that run wrote a model" in linnet("inspect", changed).stdout


def test_final_model_has_the_step_of_its_weights(settings, sample, tmp_path):
    """With load_best_model_at_end that is not the last one: evaluated on the training texts with each label replaced by another, the model
    is the worse the more it has learned."""
    with open(sample.train_csv, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    others = {"negative": "neutral", "neutral": "positive", "positive": "negative"}
    with open(tmp_path / "wrong.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerows([["text", "sentiment"], *([row["text"], others[row["sentiment"]]] for row in rows)])
    linnet("prepare", "--input", tmp_path / "wrong.csv", "--output", tmp_path / "wrong.h5", "--tokenizer", sample.tokenizer)
    run = train(tmp_path, **{**settings, "eval_file": tmp_path / "wrong.h5", "eval_strategy": "steps", "eval_steps": 2,
                             "load_best_model_at_end": True, "learning_rate": 1e-2, "lr_scheduler_type": "constant", "max_steps": 20})
    best = state(run)["step"]
    assert weights_digest(run) == weights_digest(run / f"checkpoint-{best}") and best < 20


# --- A fresh start where another run's checkpoints are ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [0, 2])
def test_fresh_start_over_another_run_is_refused(place, settings, ranks):
    before = sorted(path.name for path in place.rglob("*"))
    for changes in {}, {"seed": 7}:
        result = refused("train", again(place, settings, **changes), ranks=ranks,
                         names=[place, "checkpoint-2", "checkpoint-6", "overwrite_output_dir", "output_dir"])
        assert f"run {run_id(place)[:8]}" in result.errors[0]
    assert sorted(path.name for path in place.rglob("*")) == before


def test_overwrite_output_dir_removes_the_other_run(place, other, settings):
    result = linnet("train", again(place, settings, seed=7, max_steps=3, overwrite_output_dir=True))
    assert checkpoints(place) == [2, 3] and not left_over(place)
    for step in 2, 4, 6:
        assert re.search(rf"removing .*checkpoint-{step} \(run", result.stderr), result
    assert len({record(place)["id"], run_id(place), run_id(place / "checkpoint-2")}) == 1
    assert [event["loss"] for event in training_events(place)] == [event["loss"] for event in training_events(other)][:3]


def test_overwriting_leaves_what_the_run_starts_from(place, settings):
    """A checkpoint of the folder itself as model_name_or_path, as Transformers 4 describes overwrite_output_dir."""
    linnet("train", again(place, settings, model_name_or_path=place / "checkpoint-4", max_steps=1, overwrite_output_dir=True))
    assert checkpoints(place) == [1, 4]


def test_fresh_start_over_a_model_alone_is_no_conflict(first, settings, tmp_path):
    """There is no checkpoint that a later start could take for this run's."""
    run = tmp_path / "run"
    shutil.copytree(first, run, ignore=shutil.ignore_patterns("checkpoint-*"))
    train(tmp_path, **{**settings, "seed": 7, "save_strategy": "no"})
    assert run_id(run) == record(run)["id"] != run_id(first)


def test_stopped_run_resumes_its_own(place, settings, at_call, tmp_path):
    """The report: run A leaves later checkpoints; B, started afresh in the same folder, is stopped early and resumed."""
    changed = {**settings, "seed": 7, "max_steps": 4}
    config = again(place, changed, overwrite_output_dir=True, save_steps=100)
    hold = Hold(at_call, tmp_path, "", "pwrite", [2], "/run/metrics.jsonl")
    process = start(["train", config], env=hold.environment)
    hold.reached(process, 2)
    process.send_signal(signal.SIGUSR1)
    hold.let_go(2)
    assert finish(process).code == 75
    stopped = checkpoints(place)
    assert len(stopped) == 1 and stopped[0] < 4 and run_id(place / f"checkpoint-{stopped[0]}") == record(place)["id"]
    result = linnet("train", config, "--set", "resume_from_checkpoint=auto")
    assert f"checkpoint-{stopped[0]} after update" in result.stderr, result
    undisturbed = train(tmp_path / "undisturbed", **changed)
    assert weights_digest(place) == weights_digest(undisturbed)


# --- A job that is started again: auto ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes, named", [
    ({"seed": 7}, ["seed 42 -> 7"]),
    ({"global_batch_size": 10}, ["samples per update 20 -> 10"]),
    ({"data_order": "blocks"}, ['data_order "torch" -> "blocks"']),
    ({"pooling": "padded_end"}, ['pooling "last_token" -> "padded_end"']),
    ({"train_file": "test"}, ["samples in the training file 90 -> 41", "source of train_file"]),
    ({"model_name_or_path": "another"}, ["model_name_or_path"]),
    ({"seed": 7, "global_batch_size": 10}, ["seed 42 -> 7", "samples per update 20 -> 10"]),
])
def test_auto_refuses_another_run(place, settings, sample, tmp_path, changes, named):
    """The line names all that makes it another run, and the ways out; nothing is changed."""
    if "train_file" in changes:
        changes = {"train_file": sample.test}
    if "model_name_or_path" in changes:
        linnet("init", "--output", tmp_path / "m", "--tokenizer", sample.tokenizer, "--layers", "2", "--width", "32", "--heads", "4", "--seed", 1)
        changes = {"model_name_or_path": tmp_path / "m"}
    before = sorted(path.name for path in place.rglob("*"))
    refused("train", again(place, settings, resume_from_checkpoint="auto", **changes), names=[*named, "checkpoint-6", "overwrite_output_dir"])
    assert sorted(path.name for path in place.rglob("*")) == before
    linnet("train", again(place, settings, resume_from_checkpoint="auto", overwrite_output_dir=True, **{"max_steps": 2, **changes}))
    assert checkpoints(place) == [2] and run_id(place / "checkpoint-2") == record(place)["id"] == run_id(place)


def test_another_model_at_the_same_path_is_another_run(settings, sample, copy_of, tmp_path):
    model = copy_of(sample.model, "m")
    changed = {**settings, "model_name_or_path": model, "max_steps": 2}
    run = train(tmp_path, **changed)
    moved = copy_of(model, "moved")  # the same model at another path is the same
    assert "changed since" in linnet("train", again(run, changed, model_name_or_path=moved, resume_from_checkpoint="auto")).stderr
    shutil.rmtree(model)
    linnet("train", again(run, changed, resume_from_checkpoint="auto"))  # a model that is gone is not needed
    linnet("init", "--output", model, "--tokenizer", sample.tokenizer, "--layers", "2", "--width", "32", "--heads", "4", "--seed", 1)
    refused("train", again(run, changed, resume_from_checkpoint="auto"), names=["model_name_or_path SHA-256"])


def test_overwriting_run_resumes_after_a_kill(place, settings, at_call, tmp_path):
    """A batch script passes auto at every start: the first start replaces the other run, the next one continues its own."""
    changed = {**settings, "seed": 7, "overwrite_output_dir": True, "resume_from_checkpoint": "auto", "save_in_background": False}
    config = again(place, changed)
    assert finish(start(["train", config], env=at_call("", "pwrite", "KILL", 3, "/run/metrics.jsonl"))).code == -signal.SIGKILL
    assert checkpoints(place) == [2]
    result = linnet("train", config)
    assert "checkpoint-2 after update 2 of 6" in result.stderr and "removing" not in result.stderr, result
    undisturbed = train(tmp_path / "undisturbed", **{**settings, "seed": 7})
    assert weights_digest(place) == weights_digest(undisturbed)
    assert without_timing(events(place)) == without_timing(events(undisturbed))


@pytest.mark.parametrize("call", ["rename", "unlink", "fsync"])
def test_killed_while_overwriting(place, settings, first, at_call, tmp_path, call):
    """Killed between any two steps of taking over a folder, the same command comes to the run's own end; and no checkpoint of the other run
    is ever taken for this one's."""
    changed = {**settings, "seed": 7, "max_steps": 2, "overwrite_output_dir": True, "resume_from_checkpoint": "auto", "threads_per_rank": 1}
    undisturbed = weights_digest(train(tmp_path / "undisturbed", **changed))
    config, kills = again(place, changed), 0
    for number in range(1, 300, {"rename": 2, "unlink": 9, "fsync": 8}[call]):
        code = finish(start(["train", config], env=at_call("", call, "KILL", number, "/run/"))).code
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        for step in checkpoints(place):
            linnet("inspect", place / f"checkpoint-{step}")
        linnet("train", config)
        assert weights_digest(place) == undisturbed and checkpoints(place) == [2] and not left_over(place)
        shutil.rmtree(place)
        shutil.copytree(first, place)
    assert code == 0 and kills > 2


def test_two_runs_interleaved(place, other, settings, tmp_path):
    """The folder belongs to A, whose newest is checkpoint-4; B's lie between and behind. A continues; B's are named, not used, not counted by
    save_total_limit, and not removed."""
    shutil.rmtree(place / "checkpoint-6")
    (place / "checkpoint-2").rename(place / "checkpoint-1")
    for step in 2, 6:
        shutil.copytree(other / f"checkpoint-{step}", place / f"checkpoint-{step if step < 6 else 60}")
    result = linnet("train", again(place, settings, resume_from_checkpoint="auto", save_total_limit=1))
    assert "checkpoint-4 after update 4 of 6" in result.stderr, result
    named = [line for line in result.stderr.splitlines() if "warning" in line and "not of this run" in line]
    assert len(named) == 1 and "checkpoint-2" in named[0] and "checkpoint-60" in named[0] and f"run {run_id(other)[:8]}" in named[0], result
    assert checkpoints(place) == [2, 6, 60]  # the last one of A, and B's two
    assert run_id(place / "checkpoint-6") == run_id(place)
    for step, name in (2, 2), (6, 60):
        assert weights_digest(place / f"checkpoint-{name}") == weights_digest(other / f"checkpoint-{step}")


def test_record_of_the_folder_decides(place, other, settings):
    """The same interleaved checkpoints; the folder now belongs to B."""
    (place / "checkpoint-6").rename(place / "checkpoint-7")
    shutil.copytree(other / "checkpoint-4", place / "checkpoint-40")
    shutil.copy(other / "linnet_run.json", place)
    result = linnet("train", again(place, settings, seed=7, resume_from_checkpoint="auto"))
    assert "checkpoint-40 after update 4 of 6" in result.stderr, result
    assert weights_digest(place) == weights_digest(other)


def test_several_runs_without_a_record_are_refused(place, other, settings):
    (place / "linnet_run.json").unlink()
    result = linnet("train", again(place, settings, resume_from_checkpoint="auto"))  # one run: that is the one
    assert "checkpoint-6 after update 6" in result.stderr and record(place)["id"] == run_id(place / "checkpoint-6")
    (place / "linnet_run.json").unlink()
    shutil.copytree(other / "checkpoint-4", place / "checkpoint-40")
    names = [f"run {run_id(run)[:8]}" for run in (place / "checkpoint-2", other)]
    refused("train", again(place, settings, resume_from_checkpoint="auto"), names=["several runs", *names, "linnet_run.json"])
    linnet("train", again(place, settings, resume_from_checkpoint=place / "checkpoint-6"))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": 5}', '{"id": "abc"}'])
def test_damaged_record_names_the_way_out(place, settings, text):
    (place / "linnet_run.json").write_text(text)
    refused("train", again(place, settings, resume_from_checkpoint="auto"), names=["linnet_run.json", "without this file the folder is taken to be"])
    (place / "linnet_run.json").unlink()
    assert "checkpoint-6 after update 6" in linnet("train", again(place, settings, resume_from_checkpoint="auto")).stderr


def test_auto_with_only_another_runs_checkpoints_is_refused(other, settings, tmp_path):
    """The folder's run has none: starting afresh is not what the folder shows."""
    run = train(tmp_path, **{**settings, "save_strategy": "no"})
    shutil.copytree(other / "checkpoint-4", run / "checkpoint-4")
    refused("train", again(run, settings, resume_from_checkpoint="auto"), names=["another run", "checkpoint-4", f"run {run_id(other)[:8]}"])


# --- Settings that change -----------------------------------------------------------------------------------------------------------------


def test_changed_settings_are_named(place, settings):
    """One line for each, old and new; and none for what is the same."""
    shutil.rmtree(place / "checkpoint-6")
    changes = dict(learning_rate=2e-3, lr_scheduler_type="cosine", max_steps=8, save_steps=4, logging_steps=2, threads_per_rank=1)
    result = linnet("train", again(place, settings, resume_from_checkpoint="auto", **changes))
    lines = [line for line in result.stderr.splitlines() if "changed since" in line]
    assert len(lines) == len(changes) and all("checkpoint-4" in line for line in lines), result
    for words in ("learning_rate 0.001 -> 0.002", 'lr_scheduler_type "linear" -> "cosine"', "max_steps 6 -> 8", "save_steps 2 -> 4",
                  "logging_steps 1 -> 2", "threads_per_rank null -> 1"):
        assert sum(words in line for line in lines) == 1, result
    assert "changed since" not in linnet("train", again(place, {**settings, **changes}, resume_from_checkpoint="auto")).stderr


@pytest.mark.parametrize("changes, named", [(dict(learning_rate=2e-3), "learning_rate 0.001 -> 0.002"),
                                            (dict(weight_decay=0.1, max_steps=4), "weight_decay 0 -> 0.1"),
                                            (dict(lr_scheduler_type="constant", dropout=0.5), 'lr_scheduler_type "linear" -> "constant", dropout null -> 0.5')])
def test_settings_of_updates_are_refused_where_none_is_left(place, settings, first, changes, named):
    """A new configuration in the folder of a run that has ended must not end at once with the old model as its result."""
    config = again(place, settings, resume_from_checkpoint="auto", **changes)
    refused("train", config, names=["checkpoint-6", "has no update left for other settings", named, "overwrite_output_dir"])
    assert weights_digest(place) == weights_digest(first) and checkpoints(place) == [2, 4, 6]
    refused("train", again(place, settings, resume_from_checkpoint=place / "checkpoint-6", **changes), names=[named])
    linnet("train", again(place, settings, resume_from_checkpoint="auto", logging_steps=2, save_total_limit=3))  # these change no model
    fresh = {**settings, **changes, "overwrite_output_dir": True, "resume_from_checkpoint": "auto"}
    result = linnet("train", again(place, fresh))
    assert named in result.stderr and "starting a new run" in result.stderr, result
    assert weights_digest(place) not in (weights_digest(first), weights_digest(first / "checkpoint-4"))
    assert "; 0 left" in linnet("train", again(place, fresh)).stderr  # requeued: the new run is complete


@pytest.mark.parametrize("ranks", [0, 2])
def test_max_steps_below_the_checkpoint_warns(place, settings, ranks):
    """The run ends at once with the model that it has, and says so: nothing is trained, nothing is lost."""
    result = linnet("train", again(place, settings, resume_from_checkpoint="auto", max_steps=3), ranks=ranks)
    warnings = [line for line in result.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1 and "checkpoint-6" in warnings[0] and "3 updates" in warnings[0] and "update 6" in warnings[0], result
    assert "; 0 left" in result.stderr, result
    assert weights_digest(place) == weights_digest(place / "checkpoint-6") and checkpoints(place) == [2, 4, 6]
    assert state(place)["step"] == 6


def test_epochs_below_the_checkpoint_warn(place, settings):
    result = linnet("train", again(place, settings, resume_from_checkpoint="auto", max_steps=-1, num_train_epochs=1))
    assert re.search("warning: .*checkpoint-6.*past the end.*5 updates", result.stderr), result
    at_its_end = linnet("train", again(place, settings, resume_from_checkpoint="auto"))
    assert "past the end" not in at_its_end.stderr


def test_best_model_of_another_metric_does_not_count(settings, sample, tmp_path):
    """A loss of 0.4 is no accuracy of 0.4. The same evaluation data at another path is the same."""
    best = {**settings, "eval_file": sample.test, "eval_strategy": "steps", "eval_steps": 2, "load_best_model_at_end": True}
    run = train(tmp_path, **best)
    shutil.rmtree(run / "checkpoint-6")
    shutil.copy(sample.test, tmp_path / "moved.h5")
    same = linnet("train", again(run, best, resume_from_checkpoint="auto", eval_file=tmp_path / "moved.h5"))
    assert "no longer counts" not in same.stderr, same
    shutil.rmtree(run / "checkpoint-6")
    result = linnet("train", again(run, best, resume_from_checkpoint="auto", metric_for_best_model="accuracy"))
    assert "no longer counts" in result.stderr, result
    trainer = json.loads((run / "checkpoint-6/trainer_state.json").read_text())
    found = {event["step"]: event["eval_accuracy"] for event in events(run) if "eval_accuracy" in event}
    assert trainer["best_global_step"] == 6 and trainer["best_metric"] == found[6]


# --- A checkpoint that is named -----------------------------------------------------------------------------------------------------------


def test_named_checkpoint_of_another_folder_begins_a_run(first, settings, tmp_path):
    """Said plainly; the new run has its own id and remembers where it came from. Started again by the same command, or by auto, it goes on."""
    named = {**settings, "resume_from_checkpoint": first / "checkpoint-4", "learning_rate": 2e-3, "max_steps": 8, "save_steps": 3}
    config = write_config(tmp_path / "named.json", output_dir=tmp_path / "run", **named)
    result, run = linnet("train", config), tmp_path / "run"
    assert f"continues run {run_id(first)[:8]} after update 4" in result.stderr, result
    assert checkpoints(run) == [6, 8] and record(run)["id"] == run_id(run / "checkpoint-6") != run_id(first)
    came_from = dict(run=run_id(first), step=4, checkpoint=str(first / "checkpoint-4"))
    assert record(run)["continues"] == came_from == state(run)["run"]["continues"]
    expected = weights_digest(run)
    for command in ([], ["--set", "resume_from_checkpoint=auto"]):
        shutil.rmtree(run / "checkpoint-8")
        again_result = linnet("train", config, *command)
        assert "checkpoint-6 after update 6 of 8" in again_result.stderr, again_result
        assert weights_digest(run) == expected


def test_run_that_began_with_a_checkpoint_begins_there_again(first, settings, at_call, tmp_path):
    """Killed before its first own checkpoint, it must not start from model_name_or_path."""
    named = {**settings, "max_steps": 8, "save_steps": 100}
    config = write_config(tmp_path / "named.json", output_dir=tmp_path / "run", **named)
    killed = finish(start(["train", config, "--set", f"resume_from_checkpoint={first}/checkpoint-4"],
                          env=at_call("", "pwrite", "KILL", 6, "/run/metrics.jsonl")))
    assert killed.code == -signal.SIGKILL and not checkpoints(tmp_path / "run")
    result = linnet("train", config, "--set", "resume_from_checkpoint=auto")
    assert "checkpoint-4 after update 4 of 8" in result.stderr, result


def test_named_checkpoint_over_another_run_is_refused(first, other, settings, copy_of):
    run = copy_of(other)
    named = {**settings, "resume_from_checkpoint": first / "checkpoint-4"}
    refused("train", again(run, named), names=["another run", "checkpoint-6", "overwrite_output_dir"])
    linnet("train", again(run, named, overwrite_output_dir=True))
    assert checkpoints(run) == [6] and weights_digest(run) == weights_digest(first)


def test_going_back_in_the_own_folder(place, settings, first):
    """As Trainer allows it. The later checkpoints of the way not taken are named and never continued; the run does not go as far as to one."""
    back = {**settings, "learning_rate": 3e-3, "save_steps": 3, "max_steps": 3}
    result = linnet("train", again(place, back, resume_from_checkpoint=place / "checkpoint-2"))
    assert "checkpoint-2 after update 2 of 3" in result.stderr and "not of this run" in result.stderr, result
    assert checkpoints(place) == [2, 3, 4, 6]
    later = linnet("train", again(place, back, resume_from_checkpoint="auto"))
    assert "checkpoint-3 after update 3 of 3" in later.stderr, later
    newest = linnet("train", again(place, back, resume_from_checkpoint=place / "checkpoint-3"))
    assert "a new run begins" not in newest.stderr and record(place)["id"] == run_id(place / "checkpoint-3"), newest


# --- Nothing of another run is replaced ---------------------------------------------------------------------------------------------------


def test_going_back_does_not_replace_the_way_not_taken(place, settings, first):
    back = {**settings, "learning_rate": 3e-3, "max_steps": 5, "resume_from_checkpoint": place / "checkpoint-2"}
    line = refused("train", again(place, back), names=[place, "checkpoint-4", run_id(first)[:8], "overwrite_output_dir"]).errors[0]
    assert "checkpoint-6" not in line  # the run ends before it
    for step in 2, 4, 6:
        assert weights_digest(place / f"checkpoint-{step}") == weights_digest(first / f"checkpoint-{step}")
    linnet("train", again(place, back, overwrite_output_dir=True))
    assert checkpoints(place) == [2, 4, 5] and run_id(place / "checkpoint-4") == run_id(place) != run_id(first)
    assert weights_digest(place / "checkpoint-2") == weights_digest(first / "checkpoint-2")


@pytest.mark.parametrize("whose, ranks", [("run", 0), ("run", 2), ("Trainer", 0), ("model", 0)])
def test_resumed_run_does_not_replace_another_checkpoint(place, other, settings, first, whose, ranks):
    """Where the run would save its checkpoint-6 lies another one, or a model folder of that name."""
    shutil.rmtree(place / "checkpoint-6")
    if whose == "Trainer":
        as_trainers(other / "checkpoint-6", place / "checkpoint-6")
    else:
        shutil.copytree(other / "checkpoint-6", place / "checkpoint-6")
    if whose == "model":
        for name in "linnet_state.json", "trainer_state.json", "optimizer.safetensors":
            (place / "checkpoint-6" / name).unlink()
    config = again(place, settings, resume_from_checkpoint="auto")
    names = {"run": f"run {run_id(other)[:8]}", "Trainer": "Hugging Face Trainer", "model": "no checkpoint"}
    refused("train", config, ranks=ranks, names=[place, "checkpoint-6", names[whose], "overwrite_output_dir"])
    assert weights_digest(place / "checkpoint-6") == weights_digest(other / "checkpoint-6")
    linnet("train", config, "--set", "overwrite_output_dir=true", ranks=ranks)
    assert run_id(place / "checkpoint-6") == run_id(first) and weights_digest(place) == weights_digest(first)


@pytest.mark.parametrize("file", ["linnet_state.json", "trainer_state.json"])
@pytest.mark.parametrize("content, kind", [(b"", "an empty file"), (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
                                           (b"\x1f\x8b\x08\0", "gunzip"), (b"<!DOCTYPE html>", "a web page")])
def test_state_of_another_kind_is_named(place, settings, file, content, kind):
    (place / "checkpoint-6" / file).write_bytes(content)
    names = [f"{place}/checkpoint-6/{file}", kind]
    refused("inspect", place / "checkpoint-6", names=names)
    refused("train", again(place, settings, resume_from_checkpoint=place / "checkpoint-6"), names=names)
    skipped = linnet("train", again(place, settings, resume_from_checkpoint="auto")).stderr
    assert any("skipping checkpoint-6" in line and kind in line for line in skipped.splitlines()), skipped


def test_damaged_checkpoint_of_unknown_run_is_replaced(place, settings, first):
    """A job that is started again must not need help: this is what a crash of the host can leave."""
    (place / "checkpoint-6/linnet_state.json").write_text("")
    result = linnet("train", again(place, settings, resume_from_checkpoint="auto"))
    assert "skipping checkpoint-6" in result.stderr and weights_digest(place) == weights_digest(first), result
    assert "a damaged one is replaced" in result.stderr, result
    assert run_id(place / "checkpoint-6") == run_id(first)


def test_model_to_start_from_is_not_replaced(place, settings, first):
    """overwrite_output_dir never removes it, and the run's own checkpoint must not take its place either."""
    base = {**settings, "model_name_or_path": place / "checkpoint-4", "overwrite_output_dir": True}
    refused("train", again(place, base), names=[place, "checkpoint-4", "the model to start from", "another output_dir"])
    assert checkpoints(place) == [2, 4, 6]
    linnet("train", again(place, base, max_steps=3))
    assert checkpoints(place) == [2, 3, 4] and weights_digest(place / "checkpoint-4") == weights_digest(first / "checkpoint-4")


# --- The best model of a chain of runs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def chain(settings, sample, tmp_path):
    """Runs A, B and C, each of which continues the one before in a folder of its own. The learning rate of B and C
    is far too high, so that A's checkpoint-2 stays the best model. With the configuration of run C."""
    best = {**settings, "eval_file": sample.test, "eval_strategy": "steps", "eval_steps": 2, "load_best_model_at_end": True,
            "metric_for_best_model": "loss"}
    a = train(tmp_path / "a", **{**best, "max_steps": 2})
    b = train(tmp_path / "b", **{**best, "max_steps": 4, "learning_rate": 3.0, "resume_from_checkpoint": a / "checkpoint-2"})
    losses = [event["eval_loss"] for event in events(b) if "eval_loss" in event]
    assert losses[1] > losses[0]
    config = write_config(tmp_path / "c.json", output_dir=tmp_path / "c", **{**best, "learning_rate": 3.0, "resume_from_checkpoint": b / "checkpoint-4"})
    return a, b, tmp_path / "c", config


@pytest.mark.parametrize("ranks", [0, 2])
def test_best_model_of_the_run_before_the_last(chain, ranks):
    """As Trainer, which loads best_model_checkpoint wherever it lies."""
    a, b, c, config = chain
    assert weights_digest(b) == weights_digest(a / "checkpoint-2")
    result = linnet("train", config, ranks=ranks)
    assert f"the best model so far is that of {a}/checkpoint-2" in result.stderr, result
    assert weights_digest(c) == weights_digest(a / "checkpoint-2") and state(c)["step"] == 2
    trainer = json.loads((c / "checkpoint-6/trainer_state.json").read_text())
    assert trainer["best_model_checkpoint"] == f"{a}/checkpoint-2" and trainer["best_global_step"] == 2
    assert state(c / "checkpoint-6")["best_saved_run"] == run_id(a)


def test_best_model_that_is_gone(chain):
    """A warning says so when the run starts, and the last model is the final one."""
    a, _, c, config = chain
    shutil.rmtree(a)
    result = linnet("train", config)
    assert "the best model so far, checkpoint-2, is no longer in" in result.stderr, result
    assert weights_digest(c) == weights_digest(c / "checkpoint-6")


def test_best_model_of_a_chain_that_moved(chain, tmp_path):
    """All runs' checkpoints copied to one folder: found there by the run that wrote it, not by the step alone."""
    a, b, c, _ = chain
    c.mkdir()
    shutil.copytree(b / "checkpoint-4", c / "checkpoint-4")
    shutil.copytree(a / "checkpoint-2", c / "checkpoint-2")
    shutil.rmtree(a)
    result = linnet("train", tmp_path / "c.json", "--set", f"resume_from_checkpoint={c}/checkpoint-4")
    assert "best model so far" not in result.stderr, result
    assert weights_digest(c) == weights_digest(c / "checkpoint-2")


# --- Checkpoints that are not linnet's ----------------------------------------------------------------------------------------------------


def as_trainers(folder, target):
    """What Trainer (Transformers 5.24) leaves in a checkpoint: a model folder and these files."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("optimizer.safetensors", "linnet_state.json"))
    for name in "optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin":
        (target / name).write_bytes(b"PK\3\4")
    return target


def test_checkpoint_of_trainer_is_told_by_name(first, settings, tmp_path):
    line = "is a checkpoint of Hugging Face Trainer: its weights can be the model_name_or_path of a new run; linnet cannot resume its optimizer state"
    trainers = as_trainers(first / "checkpoint-4", tmp_path / "run/checkpoint-500")
    shown = linnet("inspect", trainers).stdout
    assert "checkpoint of Hugging Face Trainer" in shown and "linnet cannot resume its optimizer state" in shown and "4 of 6" in shown
    named = write_config(tmp_path / "named.json", output_dir=tmp_path / "new", **{**settings, "resume_from_checkpoint": trainers})
    refused("train", named, ranks=2, names=[trainers, line])
    refused("train", again(tmp_path / "run", settings, resume_from_checkpoint=True), names=["checkpoint-500", line])
    refused("train", again(tmp_path / "run", settings), names=["checkpoint-500 (Hugging Face Trainer)", "overwrite_output_dir"])
    assert "continue that run" not in linnet("train", again(tmp_path / "run", settings), code=1).stderr  # nothing there can be continued
    train(tmp_path / "its", **{**settings, "model_name_or_path": trainers, "max_steps": 1})


def test_checkpoint_of_a_development_version_is_refused(first, settings, tmp_path):
    """Its own state was a member of trainer_state.json."""
    old = tmp_path / "old"
    shutil.copytree(first / "checkpoint-4", old, ignore=shutil.ignore_patterns("linnet_state.json"))
    trainer = json.loads((old / "trainer_state.json").read_text())
    (old / "trainer_state.json").write_text(json.dumps({**trainer, "linnet": {"units": 1}}))
    refused("inspect", old, names=[old, "development version of linnet 0.2", "model_name_or_path"])
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "resume_from_checkpoint": old})
    refused("train", config, names=[old, "development version of linnet 0.2"])


def test_model_folder_is_no_checkpoint(first, settings, sample, tmp_path):
    for folder in sample.model, first:
        config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "resume_from_checkpoint": folder})
        refused("train", config, names=[folder, "is a model folder, not a checkpoint"])


# --- trainer_state.json -------------------------------------------------------------------------------------------------------------------

# The fields of transformers.trainer_callback.TrainerState (5.24), in the order in which Trainer writes them.
FIELDS = """best_global_step best_metric best_model_checkpoint epoch eval_steps global_step is_hyper_param_search is_local_process_zero
is_world_process_zero log_history logging_steps max_steps num_input_tokens_seen num_train_epochs save_steps stateful_callbacks total_flos
train_batch_size trial_name trial_params""".split()


def test_trainer_state_has_trainers_fields_and_no_others(first, settings, sample, tmp_path):
    trainer = json.loads((first / "checkpoint-4/trainer_state.json").read_text())
    assert list(trainer) == FIELDS
    # 90 samples in global batches of 20: 5 updates an epoch, so that 6 updates begin a second one.
    wanted = dict(epoch=80 / 90, global_step=4, max_steps=6, num_train_epochs=2, logging_steps=1, save_steps=2, eval_steps=500, train_batch_size=8,
                  best_metric=None, best_global_step=None, best_model_checkpoint=None, trial_name=None, trial_params=None,
                  is_local_process_zero=True, is_world_process_zero=True, is_hyper_param_search=False)
    assert {key: trainer[key] for key in wanted} == wanted
    control = trainer["stateful_callbacks"]["TrainerControl"]
    assert list(trainer["stateful_callbacks"]) == ["TrainerControl"] and control["args"]["should_save"] and not control["args"]["should_training_stop"]
    last = json.loads((first / "checkpoint-6/trainer_state.json").read_text())
    assert last["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"]
    patient = train(tmp_path, **{**settings, "eval_file": sample.test, "eval_strategy": "epoch", "save_strategy": "epoch", "max_steps": -1,
                                 "num_train_epochs": 1.5, "logging_steps": 0.25, "metric_for_best_model": "accuracy",
                                 "load_best_model_at_end": True, "early_stopping_patience": 3})
    trainer = json.loads((patient / "checkpoint-5/trainer_state.json").read_text())
    assert (trainer["max_steps"], trainer["num_train_epochs"], trainer["logging_steps"], trainer["eval_steps"]) == (8, 2, 2, 500)
    assert trainer["best_model_checkpoint"] == str(patient / "checkpoint-5") and trainer["best_global_step"] == 5
    early = trainer["stateful_callbacks"]["EarlyStoppingCallback"]
    assert early == {"args": {"early_stopping_patience": 3, "early_stopping_threshold": 0}, "attributes": {"early_stopping_patience_counter": 0}}
