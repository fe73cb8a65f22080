"""report_to: TensorBoard's event files and metrics.csv hold what metrics.jsonl holds."""
import csv
import json
import math
import shutil
import struct

import pytest

import event_files
from support import checkpoints, evaluation_events, events, finish, linnet, refused, start, train, without_timing, write_config



def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def tagged(event):
    """An event of metrics.jsonl by the tags of Trainer's rewrite_logs(), rounded as an event file holds it."""
    tag = lambda key: f"eval/{key[5:]}" if key.startswith("eval_") else f"train/{key}"
    return event["step"], {tag(key): float32(value) for key, value in event.items() if key != "step"}


def folder_of(run):
    (folder,) = (run / "runs").iterdir()
    return folder


@pytest.fixture
def settings(sample, job):
    return dict(job, eval_file=sample.test, eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=4)


def test_checksum_is_that_of_the_standard():
    assert event_files.crc32c(b"123456789") == 0xE3069283


def test_event_files_hold_the_log(settings, tmp_path):
    run = train(tmp_path, **settings, report_to="tensorboard")
    folder = folder_of(run)
    record = json.loads((run / "linnet_run.json").read_text())
    assert folder.name.endswith("_" + record["id"][:8]) and folder.name[5:14] == "_" + record["started"][11:19].replace(":", "-")
    (path,) = event_files.files(folder)
    found = event_files.read(path)
    assert [event.version for event in found[:2]] == ["brain.Event:2", ""] and [event.session for event in found[:2]] == [0, 1]
    assert [(event.step, event.scalars) for event in found if event.scalars] == [tagged(event) for event in events(run)]
    assert found[2].texts.keys() == {"args/text_summary", "model_config/text_summary"}
    assert found[2].texts["args/text_summary"] == (run / "config.resolved.json").read_text()
    assert json.loads(found[2].texts["model_config/text_summary"]) == json.loads((run / "config.json").read_text())
    resolved = json.loads((run / "config.resolved.json").read_text())
    assert event_files.settings_of(found[2].hparams["_hparams_/session_start_info"]) == {
        key: value for key, value in resolved.items() if value is not None and not isinstance(value, list)}
    assert event_files.only(found[-1].hparams["_hparams_/session_end_info"], 4, 1) == 1  # STATUS_SUCCESS
    assert all(later.time >= earlier.time > 1.7e9 for earlier, later in zip(found, found[1:]))


def test_csv_holds_the_log(settings, tmp_path):
    run = train(tmp_path, **settings, report_to=["csv"])
    assert not (run / "runs").exists()
    with open(run / "metrics.csv", newline="") as file:
        reader = csv.DictReader(file)
        rows = [{key: float(value) for key, value in row.items() if value} for row in reader]
    assert rows == events(run)
    assert set(reader.fieldnames) == {key for event in events(run) for key in event}


def test_nothing_is_reported_unless_asked(settings, tmp_path):
    run = train(tmp_path, **settings)
    assert not (run / "runs").exists() and not (run / "metrics.csv").exists() and events(run)


@pytest.mark.parametrize("kept", [4, 8])
def test_resumed_run_shows_what_an_undisturbed_one_does(settings, tmp_path, kept):
    run = train(tmp_path, **settings, report_to="all")
    for step in (8, 10):
        if step > kept:
            shutil.rmtree(run / f"checkpoint-{step}")
    before = events(run)
    linnet("train", tmp_path / "config.json", "--resume_from_checkpoint", "true", "--report_to", "all")
    assert without_timing(events(run)) == without_timing(before)
    folder = folder_of(run)
    first, second = event_files.files(folder)
    assert event_files.shown(folder) == [tagged(event) for event in events(run)]
    assert min(event.step for event in event_files.read(second)[:-1]) == kept


def test_folder_without_event_files_gets_the_complete_log(settings, tmp_path):
    run = train(tmp_path, **settings)
    shutil.rmtree(run / "checkpoint-10")
    linnet("train", tmp_path / "config.json", "--resume_from_checkpoint", "true", "--report_to", "tensorboard")
    assert event_files.shown(folder_of(run)) == [tagged(event) for event in events(run)]


def test_new_run_in_a_folder_hides_the_earlier_one(settings, tmp_path):
    logs = tmp_path / "logs"
    for name in ("first", "second"):
        run = train(tmp_path / name, **settings, report_to="tensorboard", logging_dir=logs)
    assert len(event_files.files(logs)) == 2
    assert event_files.shown(logs) == [tagged(event) for event in events(run)]


def test_environment_names_the_folder(settings, tmp_path):
    train(tmp_path, env={"TENSORBOARD_LOGGING_DIR": "~/logs", "HOME": str(tmp_path)}, **settings, report_to="tensorboard")
    assert len(event_files.files(tmp_path / "logs")) == 1


def test_folder_that_cannot_be_made_is_refused(settings, tmp_path):
    """Before anything else: what a new run would replace is still there."""
    run = train(tmp_path / "earlier", **settings, output_dir=tmp_path / "run")
    before = (run / "metrics.jsonl").read_bytes()
    (tmp_path / "file").write_text("")
    config = write_config(tmp_path / "config.json", **settings, output_dir=run, seed=7, overwrite_output_dir=True, report_to="tensorboard",
                          logging_dir=tmp_path / "file/logs")
    refused("train", config, names=[str(tmp_path / "file"), "cannot make the folder"])
    assert (run / "metrics.jsonl").read_bytes() == before and checkpoints(run) == [4, 8, 10]


@pytest.mark.parametrize("name, number", [("tfevents", 3), ("metrics.csv", 3), ("metrics.jsonl", 3)])
def test_event_that_cannot_be_written_follows(settings, at_call, tmp_path, name, number):
    config = write_config(tmp_path / "config.json", **settings, output_dir=tmp_path / "run", report_to="all")
    result = finish(start(["train", config], env=at_call("", "pwrite", "FAIL", number, name)))
    run = tmp_path / "run"
    assert result.code == 0 and sum("cannot write: Input/output error; training continues" in line for line in result.stderr.splitlines()) == 1, result
    assert event_files.shown(folder_of(run)) == [tagged(event) for event in events(run)]
    assert len((run / "metrics.csv").read_text().splitlines()) == 1 + len(events(run))


def test_failure_to_write_ends_the_run_if_the_user_says_so(settings, at_call, tmp_path):
    config = write_config(tmp_path / "config.json", **settings, output_dir=tmp_path / "run", report_to="all", on_save_failure="stop")
    result = finish(start(["train", config], env=at_call("", "pwrite", "FAIL", 3, "tfevents")))
    assert result.code == 2 and "tfevents" in result.stderr, result


def test_value_that_is_no_number(settings, tmp_path):
    """A loss that is not finite: null in metrics.jsonl, NaN in the other files."""
    run = train(tmp_path, code=2, **{**settings, "learning_rate": 1e30, "max_grad_norm": 0, "report_to": "all", "eval_strategy": "no"})
    last = events(run)[-1]
    assert last["loss"] is None or last["grad_norm"] is None
    nothing = next(key for key in ("loss", "grad_norm") if last[key] is None)
    step, scalars = event_files.shown(folder_of(run))[-1]
    assert step == last["step"] and math.isnan(scalars[f"train/{nothing}"])
    with open(run / "metrics.csv", newline="") as file:
        assert list(csv.DictReader(file))[-1][nothing] == "NaN"
    end = event_files.read(event_files.files(folder_of(run))[0])[-1]
    assert event_files.only(end.hparams["_hparams_/session_end_info"], 4, 1) == 2  # STATUS_FAILURE


def test_ranks_report_once(settings, tmp_path):
    run = train(tmp_path, ranks=2, **settings, report_to="all")
    assert event_files.shown(folder_of(run)) == [tagged(event) for event in events(run)] and evaluation_events(run)
