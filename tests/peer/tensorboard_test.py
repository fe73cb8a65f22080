"""TensorBoard's own readers on linnet's event files, beside those of Trainer's TensorBoardCallback. Run by `make test-peers`."""
import json
import shutil
import struct

import pytest
import torch
import transformers
from tensorboard import context as tensorboard_context
from tensorboard.backend.event_processing import data_provider, event_file_loader, plugin_event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.plugins.text import metadata as text_metadata
from transformers.integrations.integration_utils import rewrite_logs

from support import evaluation_events, events, linnet, train

torch.set_num_threads(1)  # more would only wait for each other in models this small


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def scalars(folder):
    """{tag: [(step, value)]} as TensorBoard shows them."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def logged(run):
    """The same of metrics.jsonl, by Trainer's own rewrite_logs()."""
    found = {}
    for event in events(run):
        step = event.pop("step")
        for tag, value in rewrite_logs(event).items():
            found.setdefault(tag, []).append((step, float32(value)))
    return found


def folder_of(run):
    (folder,) = (run / "runs").iterdir()
    return folder


@pytest.fixture
def settings(sample, job):
    return dict(job, eval_file=sample.test, eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=4, report_to="tensorboard")


def test_scalars_are_those_of_the_log(settings, tmp_path):
    run = train(tmp_path, **settings)
    assert scalars(folder_of(run)) == logged(run)
    (path,) = folder_of(run).iterdir()
    loaded = list(event_file_loader.EventFileLoader(str(path)).Load())
    assert loaded[0].file_version == "brain.Event:2" and loaded[1].session_log.status == 1 and len(loaded) > len(events(run))


@pytest.mark.parametrize("kept", [4, 8])
def test_resumed_run_shows_what_an_undisturbed_one_does(settings, tmp_path, kept):
    run = train(tmp_path, **settings)
    for step in (8, 10):
        if step > kept:
            shutil.rmtree(run / f"checkpoint-{step}")
    linnet("train", tmp_path / "config.json", "--resume_from_checkpoint", "true")
    assert len(list(folder_of(run).iterdir())) == 2
    assert scalars(folder_of(run)) == logged(run)


def test_tags_and_texts_are_those_of_trainer(settings, sample, tmp_path, monkeypatch):
    """The same short run by Trainer. It also logs total_flos and eval_steps_per_second; tokens and samples a second are linnet's own."""
    run = train(tmp_path, **settings)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(run)
    data = [{"input_ids": [1, 2, 3, k % 7], "labels": k % 3} for k in range(100)]
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "peer/logs"))
    arguments = transformers.TrainingArguments(tmp_path / "peer", max_steps=10, logging_steps=1, eval_strategy="steps", eval_steps=4,
                                               per_device_train_batch_size=20, save_strategy="no", report_to="tensorboard", use_cpu=True,
                                               disable_tqdm=True)
    scores = {key.removeprefix("eval_"): 0.5 for key in evaluation_events(run)[-1]
              if key.startswith("eval_") and not key.endswith(("eval_loss", "runtime", "per_second"))}
    trainer = transformers.Trainer(model, arguments, train_dataset=data, eval_dataset=data, compute_metrics=lambda _: scores)
    trainer.train()
    ours, theirs = scalars(folder_of(run)), scalars(tmp_path / "peer/logs")
    assert theirs.keys() - ours.keys() == {"train/total_flos", "eval/steps_per_second"}
    assert ours.keys() - theirs.keys() == {"train/tokens_per_second", "train/samples_per_second"}
    for tag in ("train/loss", "train/learning_rate", "train/grad_norm", "train/train_loss"):
        assert [step for step, _ in ours[tag]] == [step for step, _ in theirs[tag]], tag

    def texts(folder):
        accumulator = EventAccumulator(str(folder))
        accumulator.Reload()
        return {tag: (accumulator.SummaryMetadata(tag), accumulator.Tensors(tag)[0]) for tag in accumulator.PluginTagToContent("text")}

    mine, others = texts(folder_of(run)), texts(tmp_path / "peer/logs")
    assert mine.keys() == others.keys() == {"args/text_summary", "model_config/text_summary"}
    for tag, (of, tensor) in mine.items():
        assert of == others[tag][0] and of.plugin_data.plugin_name == text_metadata.PLUGIN_NAME
        assert tensor.tensor_proto.tensor_shape == others[tag][1].tensor_proto.tensor_shape and tensor.step == others[tag][1].step
        json.loads(tensor.tensor_proto.string_val[0])
    assert json.loads(mine["args/text_summary"][1].tensor_proto.string_val[0]) == json.loads((run / "config.resolved.json").read_text())


def test_hyperparameters_of_several_runs(settings, tmp_path):
    """What the HPARAMS page asks its backend for: a line for each run, with settings, status and last metrics."""
    logs = tmp_path / "logs"
    runs = {str(rate): train(tmp_path / str(rate), **{**settings, "learning_rate": rate, "logging_dir": logs / str(rate)}) for rate in (1e-3, 1e-2)}
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(logs)).Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(logs))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider, logdir=str(logs)))
    request = tensorboard_context.RequestContext()
    experiment = context.experiment_from_metadata(request, "", True, context.hparams_metadata(request, ""),
                                                  context.hparams_from_data_provider(request, "", limit=1000))
    assert {"learning_rate", "max_steps", "seed", "pooling"} <= {of.name for of in experiment.hparam_infos}
    wanted = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=10, allowed_statuses=[api_pb2.STATUS_SUCCESS],
                                              col_params=[api_pb2.ColParams(metric=api_pb2.MetricName(group="", tag="eval/accuracy"))])
    found = list_session_groups.Handler(request, context, "", wanted).run().session_groups
    assert len(found) == 2
    for group in found:
        (session,) = group.sessions
        run = runs[session.name]
        assert session.status == api_pb2.STATUS_SUCCESS and session.end_time_secs >= session.start_time_secs > 1.7e9
        assert group.hparams["learning_rate"].number_value == float(session.name) and group.hparams["bf16"].bool_value is False
        (accuracy,) = [value for value in session.metric_values if value.name.tag == "eval/accuracy"]
        assert accuracy.value == float32([event["eval_accuracy"] for event in events(run) if "eval_accuracy" in event][-1])
