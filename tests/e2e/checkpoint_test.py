"""Checkpoints: which are kept, and that a resumed run ends with the bits of a run that was never stopped."""
import hashlib
import json
import re
import shutil
import signal
import subprocess

import numpy as np
import pytest

from support import (LIMIT, LINNET, ROOT, Hold, checkpoints, evaluation_events, events, finish, left_over, linnet, refused, sha256, start, train,
                     wait_for, weights_digest, without_timing, write_config)


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20,
                reduction_units=4, max_steps=12, learning_rate=1e-3, logging_steps=1, eval_strategy="steps", eval_steps=3,
                save_strategy="steps", save_steps=3, dropout=0.1, weight_decay=0.01, warmup_steps=2)


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    """A run that was never stopped, with checkpoints 3, 6, 9 and 12. An epoch has 5 updates: step 6 lies inside the second."""
    return train(tmp_path_factory.mktemp("undisturbed"), ranks=2, **settings)


def test_checkpoints_are_there_and_intact(undisturbed):
    assert checkpoints(undisturbed) == [3, 6, 9, 12]
    for step in checkpoints(undisturbed):
        folder = undisturbed / f"checkpoint-{step}"
        names = {path.name for path in folder.iterdir()}
        assert {"config.json", "model.safetensors", "vocab.json", "merges.txt", "trainer_state.json", "linnet_state.json", "optimizer.safetensors"} <= names
        linnet("inspect", folder)
    assert not [path for path in undisturbed.iterdir() if ".tmp" in path.name]


def test_state_has_trainers_names(undisturbed):
    state = json.loads((undisturbed / "checkpoint-6/trainer_state.json").read_text())
    assert state["global_step"] == 6
    assert state["max_steps"] == 12
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [1, 2, 3, 4, 5, 6]
    assert [entry["step"] for entry in state["log_history"] if "eval_loss" in entry] == [3, 6]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("step", [6, 9])
def test_resumed_run_ends_with_the_same_bits(settings, undisturbed, tmp_path, ranks, step):
    """The folder looks as if the run had been killed right after the checkpoint."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(undisturbed / f"checkpoint-{step}", run / f"checkpoint-{step}")
    train(tmp_path, ranks=ranks, resume_from_checkpoint=True, **settings)
    assert weights_digest(run) == weights_digest(undisturbed)
    state = [json.loads((folder / "checkpoint-12/trainer_state.json").read_text()) for folder in (run, undisturbed)]
    assert without_timing(state[0]["log_history"]) == without_timing(state[1]["log_history"])


def test_resume_warns_of_other_kernels(settings, tmp_path):
    """A checkpoint records what its bits depend on. A run that resumes with something else warns, and only such a run."""
    run = train(tmp_path, env={"LINNET_ISA": "base"}, **{**settings, "max_steps": 3})
    made_with = json.loads((run / "checkpoint-3/linnet_state.json").read_text())["made_with"]
    assert made_with["kernels"] == "base" and all(made_with.values())
    config = write_config(tmp_path / "on.json", output_dir=run, resume_from_checkpoint="auto", **{**settings, "max_steps": 6})
    same = linnet("train", config, env={"LINNET_ISA": "base"})
    assert "made with" not in same.stderr, same
    kernels = next(line.split()[1] for line in linnet("--version").stdout.splitlines() if line.startswith("kernels"))
    if kernels == "base":
        pytest.skip("this CPU has none but the base instruction set")
    shutil.rmtree(run / "checkpoint-6")
    other = linnet("train", config)
    assert re.search(rf"linnet: warning: .*checkpoint-3 .*kernels base.*{kernels}", other.stderr), other


def test_ranks_with_other_kernels_are_named(settings, tmp_path):
    kernels = next(line.split()[1] for line in linnet("--version").stdout.splitlines() if line.startswith("kernels"))
    if kernels == "base":
        pytest.skip("this CPU has none but the base instruction set")
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "max_steps": 3})
    mixed = tmp_path / "mixed.sh"
    mixed.write_text(f'#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = 0 ] || export LINNET_ISA=base\nexec {LINNET} "$@"\n')
    mixed.chmod(0o755)
    done = subprocess.run([ROOT / "scripts/mpirun.sh", "3", mixed, "train", config], capture_output=True, text=True, timeout=LIMIT)
    found = re.findall(rf"linnet: warning: rank (\d): .*kernels base.*{kernels}", done.stderr)
    assert done.returncode == 0 and found == ["1"], done


def test_resume_from_a_named_folder(settings, undisturbed, tmp_path):
    run = train(tmp_path, ranks=1, resume_from_checkpoint=undisturbed / "checkpoint-3", **settings)
    assert weights_digest(run) == weights_digest(undisturbed)


def test_resumed_run_outlives_the_checkpoint_it_came_from(settings, undisturbed, tmp_path):
    """save_total_limit first removes the checkpoint that the run was resumed from."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(undisturbed / "checkpoint-3", run / "checkpoint-3")
    train(tmp_path, **{**settings, "resume_from_checkpoint": True, "save_total_limit": 1})
    assert checkpoints(run) == [12]
    assert weights_digest(run) == weights_digest(undisturbed)
    for name in "vocab.json", "merges.txt":
        assert (run / name).read_bytes() == (undisturbed / name).read_bytes()
        assert (run / "checkpoint-12" / name).read_bytes() == (undisturbed / name).read_bytes()


def test_resume_auto_without_a_checkpoint_starts_from_the_beginning(settings, undisturbed, tmp_path):
    run = train(tmp_path, ranks=1, resume_from_checkpoint="auto", **settings)
    assert weights_digest(run) == weights_digest(undisturbed)


def test_log_continues_at_the_checkpoint(settings, undisturbed, tmp_path):
    """Lines that a killed run wrote after its last checkpoint are replaced."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(undisturbed / "checkpoint-6", run / "checkpoint-6")
    lines = (undisturbed / "metrics.jsonl").read_text().splitlines(keepends=True)
    past = next(i for i, line in enumerate(lines) if json.loads(line)["step"] > 6)
    (run / "metrics.jsonl").write_text("".join(lines[: past + 1]) + lines[past + 1][:10])
    train(tmp_path, ranks=1, resume_from_checkpoint=True, **settings)
    assert without_timing(events(run)) == without_timing(events(undisturbed))


def test_save_total_limit_keeps_the_newest(settings, tmp_path):
    run = train(tmp_path, ranks=1, save_total_limit=2, **settings)
    assert checkpoints(run) == [9, 12]


# At this learning rate the loss grows after the first updates, so that the best checkpoint is not the last.
TOO_FAST = dict(learning_rate=0.3, lr_scheduler_type="constant", warmup_steps=0)


@pytest.mark.parametrize("limit", [None, 1])
def test_best_model_is_loaded_at_the_end(settings, tmp_path, limit):
    run = train(tmp_path, ranks=2, **{**settings, **TOO_FAST, "load_best_model_at_end": True, "metric_for_best_model": "loss",
                                      "save_total_limit": limit})
    found = {event["step"]: event["eval_loss"] for event in evaluation_events(run)}
    best = min((3, 6, 9, 12), key=lambda step: found[step])
    assert best != 12, f"the test's settings must make the last checkpoint a bad one: {found}"
    assert weights_digest(run) == weights_digest(run / f"checkpoint-{best}")
    # The limit never removes the best checkpoint, nor the newest, from which a stopped run resumes.
    assert checkpoints(run) == ([3, 6, 9, 12] if limit is None else sorted({best, 12}))
    state = json.loads((run / "checkpoint-12/trainer_state.json").read_text())
    # The log leaves out digits that change no more than the last bit (cJSON).
    assert state["best_metric"] == pytest.approx(found[best], rel=2**-52, abs=0)
    assert state["best_model_checkpoint"].endswith(f"checkpoint-{best}")


def test_early_stopping(settings, tmp_path):
    run = train(tmp_path, ranks=2, **{**settings, **TOO_FAST, "load_best_model_at_end": True, "metric_for_best_model": "loss",
                                      "early_stopping_patience": 1, "max_steps": 60})
    found = [event["eval_loss"] for event in evaluation_events(run)]
    steps = {event["step"] for event in events(run)}
    assert max(steps) < 60
    # It stopped at the first evaluation that was no better than the best so far.
    worse = [i for i in range(1, len(found)) if found[i] >= min(found[:i])]
    assert worse and max(steps) == 3 * (worse[0] + 1)


def test_early_stopping_threshold(settings, tmp_path):
    """No metric is better by so much: two evaluations without a better one follow the first, which always counts."""
    run = train(tmp_path, ranks=1, **{**settings, "load_best_model_at_end": True, "metric_for_best_model": "loss", "early_stopping_patience": 2,
                                      "early_stopping_threshold": 10, "max_steps": 60})
    assert max(event["step"] for event in events(run)) == 9
    state = json.loads((run / "checkpoint-9/trainer_state.json").read_text())
    assert state["stateful_callbacks"]["EarlyStoppingCallback"] == {
        "args": {"early_stopping_patience": 2, "early_stopping_threshold": 10}, "attributes": {"early_stopping_patience_counter": 2}}
    losses = [event["eval_loss"] for event in evaluation_events(run)]
    assert state["best_metric"] == min(losses[:3]), "a small improvement is still the best model"


@pytest.mark.parametrize("delay, evaluated", [(0, [0, 3, 6, 9, 12]), (4, [0, 6, 9, 12]), (100, [0, 12])])
def test_when_it_evaluates_and_logs(settings, tmp_path, delay, evaluated):
    run = train(tmp_path, ranks=2, **{**settings, "eval_on_start": True, "eval_delay": delay, "logging_first_step": True, "logging_steps": 5,
                                      "save_strategy": "no"})
    assert [event["step"] for event in evaluation_events(run)] == evaluated
    assert [event["step"] for event in events(run) if "learning_rate" in event] == [1, 5, 10]


def test_evaluation_at_the_start_is_that_of_the_model(settings, tmp_path):
    run = train(tmp_path, ranks=1, **{**settings, "eval_on_start": True, "max_steps": 3})
    first = evaluation_events(run)[0]
    told = linnet("evaluate", "--model", settings["model_name_or_path"], "--data", settings["eval_file"]).stdout
    assert first["step"] == 0 and f"{first['eval_loss']:.4f}" == re.search(r"loss +([\d.]+)", told)[1]


def test_run_that_stopped_early_stays_stopped(settings, tmp_path):
    """A batch system may start a finished job again, which must not train further."""
    early = {**settings, **TOO_FAST, "load_best_model_at_end": True, "metric_for_best_model": "loss",
             "early_stopping_patience": 1, "max_steps": 60, "resume_from_checkpoint": True}
    run = train(tmp_path, ranks=1, **early)
    before = weights_digest(run), checkpoints(run)
    train(tmp_path, ranks=2, **early)
    assert (weights_digest(run), checkpoints(run)) == before


def test_best_step_without_a_checkpoint(settings, tmp_path):
    """With more evaluations than checkpoints the best step may have none; the last checkpoint is then the final model."""
    run = train(tmp_path, ranks=2, **{**settings, **TOO_FAST, "eval_steps": 1, "save_steps": 6, "load_best_model_at_end": True,
                                      "metric_for_best_model": "loss"})
    found = {event["step"]: event["eval_loss"] for event in evaluation_events(run)[:12]}
    best = min(found, key=found.get)
    assert best not in (6, 12), f"the test's settings must make another step the best: {found}"
    state = json.loads((run / "checkpoint-12/trainer_state.json").read_text())
    assert state["best_global_step"] == best and state["best_model_checkpoint"] is None
    assert weights_digest(run) == weights_digest(run / "checkpoint-12")


def test_last_update_is_evaluated_and_saved(settings, tmp_path):
    """As in Trainer, also if its step is not a multiple of eval_steps and save_steps."""
    run = train(tmp_path, ranks=1, **{**settings, "max_steps": 7})
    assert [event["step"] for event in evaluation_events(run)] == [3, 6, 7]
    assert checkpoints(run) == [3, 6, 7]


def test_run_that_diverges_can_be_resumed(settings, tmp_path):
    """From the newest checkpoint with a smaller rate: the update that was too large (the first one of the warm-up has a rate of 0) has none."""
    wild = {**settings, "learning_rate": 1e30, "save_steps": 1, "eval_strategy": "no"}
    run = train(tmp_path, ranks=1, code=2, **wild)
    assert checkpoints(run) == [1]
    train(tmp_path, ranks=1, **{**wild, "learning_rate": 1e-3, "resume_from_checkpoint": True})
    assert np.isfinite(evaluation_events(run)[-1]["eval_loss"])


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "trainer_state.json", "linnet_state.json"])
def test_damaged_checkpoint_is_refused(settings, undisturbed, tmp_path, copy_of, name):
    damaged = copy_of(undisturbed / "checkpoint-6")
    data = bytearray((damaged / name).read_bytes())
    data[len(data) // 2] ^= 0x10
    (damaged / name).write_bytes(data)
    refused("inspect", damaged, names=[name])
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**settings, "output_dir": tmp_path / "run", "resume_from_checkpoint": damaged}, default=str))
    refused("train", config, names=[name])
    refused("train", config, ranks=2, names=[name])


def test_a_checkpoint_that_is_not_there(settings, sample, tmp_path):
    """A name that is no folder, such as a mistyped word in place of true, is not taken for a damaged checkpoint."""
    for named in ("yes", tmp_path / "none/checkpoint-6", sample.train):
        config = tmp_path / "config.json"
        config.write_text(json.dumps({**settings, "output_dir": tmp_path / "run", "resume_from_checkpoint": named}, default=str))
        refused("train", config, names=[f"{named}: not a folder", "OUTPUT_DIR/checkpoint-STEP"])


def test_digests_are_of_the_files(undisturbed):
    """As sha256sum computes them; that of linnet_state.json itself with zeros in its place."""
    folder = undisturbed / "checkpoint-9"
    digests = json.loads((folder / "linnet_state.json").read_text())["sha256"]
    assert digests.keys() == {path.name for path in folder.iterdir()}
    state = (folder / "linnet_state.json").read_bytes()
    own = digests.pop("linnet_state.json").encode()
    assert hashlib.sha256(state.replace(own, b"0" * 64)).hexdigest().encode() == own
    for name, digest in digests.items():
        assert sha256(folder / name) == digest, name


def test_moments_are_in_safetensors(undisturbed):
    """Dense ones for every parameter, in PyTorch's names; of the embeddings only of rows that a text has touched, by all ranks."""
    data = (undisturbed / "checkpoint-9/optimizer.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert header.pop("__metadata__") == {"format": "pt"}
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        found[name] = np.frombuffer(data[8 + size + begin : 8 + size + end], {"F32": "<f4", "I32": "<i4"}[entry["dtype"]]).reshape(entry["shape"])
    assert found["exp_avg"].shape == found["exp_avg_sq"].shape and np.all(found["exp_avg_sq"] >= 0) and np.any(found["exp_avg"])
    for embedding in "token", "position":
        rows = found[f"{embedding}_rows"]
        assert 0 < len(set(rows)) == len(rows)
        for moment in "exp_avg", "exp_avg_sq":
            assert found[f"{embedding}_{moment}"].shape[0] == len(rows) and found[f"{embedding}_{moment}"].any(axis=1).all()


def test_checkpoint_of_linnet_0_1_is_refused(settings, undisturbed, tmp_path, copy_of):
    """It kept its moments in HDF5: one line says so, and what to do."""
    old = copy_of(undisturbed / "checkpoint-6")
    (old / "optimizer.safetensors").rename(old / "optimizer.h5")
    refused("inspect", old, names=[old, "linnet 0.1", "model_name_or_path"])
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", resume_from_checkpoint=old, **settings)
    refused("train", config, ranks=2, names=[old, "linnet 0.1", "model_name_or_path"])
    fresh = write_config(tmp_path / "fresh.json", output_dir=tmp_path / "run", **{**settings, "model_name_or_path": old, "max_steps": 1})
    linnet("train", fresh)


def test_newest_intact_checkpoint_is_resumed(settings, undisturbed, tmp_path):
    """A warning names the damaged checkpoint and the reason. Unfinished folders of a crash are removed, replaced ones put back."""
    run = tmp_path / "run"
    for step in (3, 6, 9):
        shutil.copytree(undisturbed / f"checkpoint-{step}", run / f"checkpoint-{step}")
    data = bytearray((run / "checkpoint-9/optimizer.safetensors").read_bytes())
    data[len(data) // 2] ^= 0x10
    (run / "checkpoint-9/optimizer.safetensors").write_bytes(data)
    shutil.copytree(run / "checkpoint-6", run / "checkpoint-6.old")
    (run / "checkpoint-3").rename(run / "checkpoint-3.old")
    for name in ("checkpoint-12.tmp", "model.tmp"):
        (run / name).mkdir()
        (run / name / "config.json").write_text("{")
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint="auto", **settings)
    result = linnet("train", config, ranks=2)
    assert len([line for line in result.stderr.splitlines() if "checkpoint-9" in line and "optimizer.safetensors" in line]) == 1
    assert re.search(r"checkpoint-6\b.*6 of 12", result.stderr), result
    assert not left_over(run)
    assert checkpoints(run) == [3, 6, 9, 12]
    for step in checkpoints(run):
        linnet("inspect", run / f"checkpoint-{step}")
    assert weights_digest(run) == weights_digest(undisturbed)


def test_no_memory_is_no_damage(settings, undisturbed, at_call, tmp_path):
    """Without memory to read a checkpoint, linnet cannot know that it is damaged: the run fails, and the next one resumes from it."""
    run = tmp_path / "run"
    for step in (6, 9):
        shutil.copytree(undisturbed / f"checkpoint-{step}", run / f"checkpoint-{step}")
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint="auto", **settings)
    result = linnet("train", config, ranks=2, code=2, env=at_call(0, "open", "MEMORY", path="checkpoint-9/optimizer.safetensors"))
    assert len(result.errors) == 1 and "memory" in result.errors[0], result
    assert "checkpoint-6" not in result.stderr, result
    again = linnet("train", config, ranks=2)
    assert re.search(r"checkpoint-9\b.*9 of 12", again.stderr), again
    assert weights_digest(run) == weights_digest(undisturbed)


def test_no_memory_for_hdf5_is_no_damage(settings, at_call, tmp_path):
    """The same for token files: HDF5 without memory is a failure of the machine, not of the file."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    result = linnet("train", config, code=2, env=at_call("", "H5Dread", "HDF5", path=".h5"))
    assert len(result.errors) == 1 and "memory" in result.errors[0], result


def test_run_with_only_damaged_checkpoints_is_refused(settings, undisturbed, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(undisturbed / "checkpoint-3", run / "checkpoint-3")
    (run / "checkpoint-3/merges.txt").unlink()
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint="auto", **settings)
    result = refused("train", config, names=[run])
    assert "merges.txt" in result.stderr


@pytest.mark.parametrize("background", [True, False])
def test_checkpoint_may_be_removed_after_resuming(settings, undisturbed, tmp_path, background):
    """save_total_limit removes the checkpoint from which the run read its model and tokenizer."""
    run = tmp_path / "run"
    shutil.copytree(undisturbed / "checkpoint-3", run / "checkpoint-3")
    train(tmp_path, ranks=2, resume_from_checkpoint="auto", save_total_limit=1, save_in_background=background, **settings)
    assert checkpoints(run) == [12]
    assert weights_digest(run) == weights_digest(undisturbed)
    assert (run / "vocab.json").read_bytes() == (undisturbed / "vocab.json").read_bytes()


# A run that goes back to its checkpoint-2 replaces checkpoint-3 by another one.
BACK = dict(learning_rate=5e-3)


def test_older_checkpoint_is_removed_after_the_newer_is_flushed(settings, at_call, tmp_path):
    """When a run replaces a checkpoint of the same step, a power cut leaves one of the two."""
    once = {**settings, "max_steps": 3, "save_steps": 1, "eval_strategy": "no"}
    run = train(tmp_path, **once)
    older = weights_digest(run / "checkpoint-3")
    with open(run / "checkpoint-3/optimizer.safetensors", "ab") as file:
        file.write(b"x")  # damaged, so that the run saves it again
    config = write_config(tmp_path / "config.json", output_dir=run, **{**once, **BACK, "resume_from_checkpoint": True})
    flushes = range(1, 20)  # of the folder of the run
    hold, seen = Hold(at_call, tmp_path, "", "fsync", flushes, "/run/."), []
    process = start(["train", config], env=hold.environment)
    for number in flushes:
        wait_for(lambda: process.poll() is not None or hold.is_reached(number), process, f"flush {number}")
        if process.poll() is not None:
            break
        partial = run / "checkpoint-3.tmp/model.safetensors"
        seen.append(partial.exists() and weights_digest(partial.parent) == older and weights_digest(run / "checkpoint-3") != older)
        hold.let_go(number)
    assert finish(process).code == 0
    assert any(seen), seen


@pytest.mark.parametrize("call, path", [("rename", "/run/checkpoint-3"), ("unlink", "/run/checkpoint-3.old")])
def test_replacement_without_exchange_of_names(settings, at_call, tmp_path, call, path):
    """The run is killed at each step of replacing a checkpoint of the same step, on a file system that cannot exchange two names. The next
    start finds the older checkpoint, possibly under its .old name, or the newer one, and removes everything else."""
    once = {**settings, "max_steps": 3, "save_steps": 1, "eval_strategy": "no", "eval_steps": None, "threads_per_rank": 1}
    first, run, found = train(tmp_path / "first", **once), tmp_path / "run", []
    config = write_config(tmp_path / "config.json", output_dir=run, **{**once, **BACK, "resume_from_checkpoint": True})
    older = weights_digest(first / "checkpoint-3")
    with open(first / "checkpoint-3/optimizer.safetensors", "ab") as file:
        file.write(b"x")  # damaged, so that the run saves it again
    for number in range(1, 50):
        shutil.copytree(first, run)
        code = finish(start(["train", config], env=at_call("", call, "KILL", number, path, AT_NO_EXCHANGE="1"))).code
        if code == 0:
            break
        assert code == -signal.SIGKILL
        place, old = run / "checkpoint-3", run / "checkpoint-3.old"
        found.append("aside" if not place.exists() else "both" if old.exists() else "older")
        expected = weights_digest(place if place.exists() else old)
        assert (expected == older) == (found[-1] != "both")
        # This start is killed after it has tidied up and before it saves.
        assert finish(start(["train", config], env=at_call("", "pwrite", "KILL", 1, "/run/metrics.jsonl"))).code == -signal.SIGKILL
        assert not left_over(run)
        if found[-1] == "both":
            linnet("inspect", place)
        assert weights_digest(place) == expected
        shutil.rmtree(run)
    assert code == 0 and weights_digest(run / "checkpoint-3") != older and not (run / "checkpoint-3.old").exists()
    assert set(found) == ({"older", "aside"} if call == "rename" else {"both"}), found


def test_checkpoint_whose_name_cannot_be_flushed_is_not_saved(settings, at_call, tmp_path):
    """A power failure could lose it: it is removed again, so that what is reported as not saved is not there."""
    once, seen = {**settings, "max_steps": 3, "eval_strategy": "no", "on_save_failure": "stop", "save_in_background": False}, 0
    for number in range(1, 13):  # flushes of the folder of the run, some of them after its state file
        place = tmp_path / str(number)
        place.mkdir()
        config = write_config(place / "config.json", output_dir=place / "run", **once)
        result = finish(start(["train", config], env=at_call("", "fsync", "FAIL", number, "/run/.")))
        if "cannot save checkpoint-3" in result.stderr:
            seen += 1
            assert result.code == 2 and "cannot flush to disk" in result.errors[0], result
            assert not checkpoints(place / "run") and not left_over(place / "run"), result
    assert seen >= 2, "the folder's name before it is written, and after it is renamed"


def test_replaced_checkpoint_that_stays_is_no_failure(settings, at_call, tmp_path):
    """The new one is complete: a warning names the folder that could not be removed, and the next removal takes it along."""
    once = {**settings, "max_steps": 3, "save_steps": 1, "eval_strategy": "no", "on_save_failure": "stop"}
    run = train(tmp_path, **once)
    older = weights_digest(run / "checkpoint-3")
    with open(run / "checkpoint-3/optimizer.safetensors", "ab") as file:
        file.write(b"x")  # damaged, so that the run saves it again
    config = write_config(tmp_path / "config.json", output_dir=run, **{**once, "resume_from_checkpoint": True})
    result = linnet("train", config, env=at_call("", "unlink", "FAIL", 1, "/run/checkpoint-3.tmp"))
    assert re.search(r"warning: .*checkpoint-3.tmp, an older checkpoint that was replaced, cannot be removed", result.stderr), result
    linnet("inspect", run / "checkpoint-3")
    assert weights_digest(run / "checkpoint-3") == older and not left_over(run)
