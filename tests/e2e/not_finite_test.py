"""Losses, gradients and weights that are not finite numbers: told at once, never replaced by a finite number, never saved."""
import json
import re
import shutil

import numpy as np
import pytest

from support import (LABELS, checkpoints, evaluation_events, events, finish, linnet, read_safetensors, refused, start, train, training_events,
                     weights_digest, write_config, write_safetensors, write_token_file)

TOKEN = 17  # poisoned() makes texts with this token overflow; no other text has it


def strict(text):
    """Parse JSON, which has no NaN and no Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def failing(folder, ranks, **settings):
    """Train to a failure: exit code 2 and one error line, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    result = finish(start(["train", write_config(folder / "config.json", output_dir=folder / "run", **settings)], ranks))
    assert result.code == 2 and len(result.errors) == 1, result
    return result.errors[0]


@pytest.fixture
def diverging(job):
    return {**job, "learning_rate": 1e30, "lr_scheduler_type": "constant", "dropout": 0.0, "save_strategy": "steps", "save_steps": 1}


@pytest.mark.parametrize("ranks, changes", [(0, {}), (2, {}), (0, {"max_grad_norm": 0}), (2, {"bf16": True}), (2, {"reduction": "mpi"}),
                                            (2, {"global_batch_size": None, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 3}),
                                            (3, {"reduction_units": 7, "overlap_comm": False})])
def test_a_run_that_diverges_stops_at_once(diverging, tmp_path, ranks, changes):
    """The first update makes weights of 1e30, with which PyTorch's forward pass gives NaN as well."""
    settings = {key: value for key, value in {**diverging, **changes, "save_total_limit": 1}.items() if value is not None}
    error = failing(tmp_path, ranks, **settings)
    for name in ("update 2: the loss of sample ", " is nan, first in the output of transformer.h.", "nothing of this update is kept",
                 "there is no checkpoint", "a learning_rate below 1e+30", "warmup_steps", 'on_nan "skip"'):
        assert name in error, error
    assert ("max_grad_norm" in error) == (settings.get("max_grad_norm") == 0)
    assert ranks < 2 or re.search(r"rank \d on .*, in update 2: ", error), error
    run = tmp_path / "run"
    assert checkpoints(run) == []  # the weights are finite numbers, but no forward pass is: a resumed run could not go on
    assert not (run / "model.safetensors").exists()
    lines = [strict(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"] is None) for line in lines] == [(1, False), (2, True)]


def test_the_same_sample_is_named_on_any_number_of_ranks(diverging, tmp_path):
    causes = {re.search(r"update 2: (.*); nothing", failing(tmp_path / str(ranks), ranks, **diverging))[1] for ranks in (0, 1, 3)}
    assert len(causes) == 1, "\n".join(causes)


@pytest.mark.parametrize("ranks", [0, 2])
def test_weights_that_overflow_are_not_saved(diverging, tmp_path, ranks):
    """With this learning rate, which float32 does not hold, the first update itself makes infinite weights."""
    settings = {**diverging, "learning_rate": 1e39}
    error = failing(tmp_path / "checkpoint", ranks, **settings)
    assert re.search(r"the model after update 1 is not saved, and there is no checkpoint: the value of tensor \S+ is \w+ at index \d", error)
    assert checkpoints(tmp_path / "checkpoint/run") == []
    error = failing(tmp_path / "end", ranks, **{**settings, "save_strategy": "no", "max_steps": 1})
    assert "the model after update 1 is not saved" in error
    assert not (tmp_path / "end/run/model.safetensors").exists()
    error = failing(tmp_path / "next", ranks, **{**settings, "save_strategy": "no"})
    assert re.search(r"update 2: the weights after update 1: tensor \S+: \d+ of its \d+ values are not finite numbers", error), error


@pytest.mark.parametrize("ranks", [0, 2])
def test_a_gradient_that_overflows_where_the_loss_does_not(sample, job, copy_of, tmp_path, ranks):
    """A head of 3.4e38 behind a LayerNorm of 3e-38: the logits are near 0, but the gradient of that LayerNorm's weight is above
    float32's largest number, 3.4028e38."""
    model = copy_of(sample.model)
    tensors = {name: array.copy() for name, array in read_safetensors(model / "model.safetensors").items()}
    tensors["score.weight"][:] = [[3.4e38], [-3.4e38], [-3.4e38]]
    tensors["transformer.ln_f.weight"][:] = 3e-38
    tensors["transformer.ln_f.bias"][:] = 0
    write_safetensors(model / "model.safetensors", tensors)
    settings = {**job, "model_name_or_path": model, "global_batch_size": 2, "reduction_units": 2, "dropout": 0.0}
    error = failing(tmp_path, ranks, **settings)
    assert re.search(r"the gradient of sample \d+ of .* \(row \d+ of train.csv, from 0\) is not finite, first in transformer.ln_f.", error), error
    line = strict((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert line["loss"] is not None and line["grad_norm"] is None


# --- One text among many ------------------------------------------------------------------------------------------


def write_texts(path, tokenizer, bad, count=8):
    """Texts of four tokens; those in `bad` begin with TOKEN."""
    ids = [[TOKEN if i in bad else 20 + i, 30, 40 + i, 50] for i in range(count)]
    return write_token_file(path, ids, [i % 3 for i in range(count)], tokenizer)


@pytest.fixture
def poisoned(sample, copy_of):
    """A model of finite values in which TOKEN overflows: the variance of its row in LayerNorm, about 3e75, as in PyTorch."""
    model = copy_of(sample.model)
    tensors = {name: array.copy() for name, array in read_safetensors(model / "model.safetensors").items()}
    tensors["transformer.wte.weight"][TOKEN, 0] = 3e38
    write_safetensors(model / "model.safetensors", tensors)
    return model


@pytest.mark.parametrize("ranks", [0, 2])
def test_evaluation_of_a_text_that_overflows(sample, poisoned, tmp_path, ranks):
    """One loss of eight is NaN, and so is their mean, as in PyTorch. The NaN logits count as label 0, as torch.argmax() has it; the
    table names no label for them."""
    data = write_texts(tmp_path / "data.h5", sample.tokenizer, {5})
    rows = tmp_path / "rows.tsv"
    result = linnet("evaluate", "--model", poisoned, "--data", data, "--batch-size", 2, "--predictions", rows, ranks=ranks)
    assert re.search(r"^  loss      nan$", result.stdout, re.M), result
    assert "the loss of 1 of 8 samples is not a finite number" in result.stderr
    lines = [line.split("\t") for line in rows.read_text().splitlines()[1:]]
    assert [line[3:] == ["null"] * 3 for line in lines] == [i == 5 for i in range(8)]
    assert [line[2] == "null" for line in lines] == [i == 5 for i in range(8)]
    right = sum(line[1] == (line[2] if line[2] != "null" else LABELS[0]) for line in lines)
    assert f"  accuracy  {right / 8:.4f}\n" in result.stdout


def test_prediction_of_a_text_that_overflows(sample, poisoned):
    vocabulary = json.loads((sample.tokenizer / "vocab.json").read_text())
    text = next(token for token, number in vocabulary.items() if number == TOKEN)
    result = linnet("predict", "--model", poisoned, text)
    assert result.stdout == f"null\tnull\t{text}\n" and "overflow" in result.stderr
    ranked = linnet("predict", "--model", poisoned, "--top-k", 2, "--threshold", 0.1, text)
    assert ranked.stdout == f"null\tnull\tnull\tnull\t{text}\n"
    alone = [linnet("predict", "--model", poisoned, "--json", other).stdout for other in ("one", "two")]
    batch = linnet("predict", "--model", poisoned, "--json", "one", text, "two").stdout.splitlines(True)
    assert [batch[0], batch[2]] == alone and None not in strict(batch[0])["probabilities"].values()
    answer = strict(linnet("predict", "--model", poisoned, "--json", text).stdout)
    assert answer == {"text": text, "label": None, "probabilities": {"negative": None, "neutral": None, "positive": None}}


def test_a_text_that_overflows_leaves_those_alone_that_begin_like_it(sample, poisoned):
    """Texts with equal beginnings share rows, which the token behind them may not reach: here two rows of the first text that runs."""
    vocabulary = json.loads((sample.tokenizer / "vocab.json").read_text())
    token = next(token for token, number in vocabulary.items() if number == TOKEN)
    others = ["zqx", "zqy", "zqz"]
    alone = [linnet("predict", "--model", poisoned, "--json", other).stdout for other in others]
    *together, overflows = linnet("predict", "--model", poisoned, "--json", *others, f"zq{token}").stdout.splitlines(True)
    assert strict(overflows)["label"] is None
    assert together == alone


def test_the_sample_and_its_rank_are_named(sample, poisoned, job, tmp_path):
    """All eight samples are one global batch of which each of two ranks has four."""
    ranks = set()
    for bad in range(8):
        data = write_texts(tmp_path / f"{bad}.h5", sample.tokenizer, {bad})
        error = failing(tmp_path / str(bad), 2, **{**job, "model_name_or_path": poisoned, "train_file": data, "global_batch_size": 8})
        assert f"the loss of sample {bad} of {data} (row {bad} of test, from 0) is nan, first in the output of transformer.h.0.attn.c_attn" in error
        ranks.add(re.search(r"rank (\d)", error)[1])
        if len(ranks) == 2:
            return
    raise AssertionError("always the same rank")


@pytest.mark.parametrize("ranks", [1, 2])
def test_skip_changes_nothing(sample, poisoned, job, tmp_path, ranks):
    """Of four updates an epoch one has the sample that overflows. The two runs differ in the warm-up, which ends before it and so
    would end earlier if skipped updates counted."""
    data = write_texts(tmp_path / "data.h5", sample.tokenizer, {5})
    settings = {**job, "model_name_or_path": poisoned, "train_file": data, "global_batch_size": 2, "reduction_units": 2, "max_steps": 8,
                "save_strategy": "steps", "save_steps": 1, "on_nan": "skip", "lr_scheduler_type": "linear", "weight_decay": 0.1}
    run = train(tmp_path, ranks=ranks, **settings)
    lines = [strict(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    skipped = [line["step"] for line in lines if "loss" in line and line["loss"] is None]
    assert len(skipped) == 2 and all(line["grad_norm"] is None for line in lines if line["step"] in skipped and "loss" in line)
    assert all(step > 1 for step in skipped), "choose another sample"
    digests = {step: weights_digest(run / f"checkpoint-{step}") for step in range(1, 9)}
    for step in range(2, 9):
        assert (digests[step] == digests[step - 1]) == (step in skipped)
    rates = [line["learning_rate"] for line in training_events(run)]
    applied = [rate for step, rate in enumerate(rates, 1) if step not in skipped]
    assert np.allclose(applied, [1e-3 * (8 - i) / 8 for i in range(6)], rtol=1e-12)
    for step in (skipped[0], 8):
        state = strict((run / f"checkpoint-{step}/trainer_state.json").read_text())
        assert [line["loss"] for line in state["log_history"] if "loss" in line] == [line["loss"] for line in training_events(run)[:step]]
    mean = np.mean([line["loss"] for line in training_events(run) if line["loss"] is not None])
    assert np.isclose(lines[-1]["train_loss"], mean, rtol=1e-12)
    resumed = tmp_path / "resumed"
    resumed.mkdir()
    shutil.copytree(run / f"checkpoint-{skipped[0]}", resumed / f"checkpoint-{skipped[0]}")
    train(tmp_path, ranks=3 - ranks, **{**settings, "output_dir": resumed, "resume_from_checkpoint": True})
    assert weights_digest(resumed) == weights_digest(run)


def test_skip_ends_after_ten_in_a_row(diverging, tmp_path):
    error = failing(tmp_path, 2, **{**diverging, "max_steps": 40, "on_nan": "skip"})
    assert "update 11: " in error and "on_nan" not in error
    assert checkpoints(tmp_path / "run") == []


@pytest.mark.parametrize("ranks", [0, 2])
@pytest.mark.parametrize("on_nan", ["stop", "skip"])
def test_weights_without_a_finite_loss_are_not_saved(diverging, tmp_path, ranks, on_nan):
    """The learning rate of the first update is 0, so checkpoint-1 has the weights of the start; the second update makes those with
    which every loss is NaN."""
    settings = {**diverging, "lr_scheduler_type": "linear", "warmup_steps": 10, "max_steps": 40, "on_nan": on_nan, "save_total_limit": 1}
    result = finish(start(["train", write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)], ranks))
    assert result.code == 2 and len(result.errors) == 1 and "checkpoint-1 is the last one" in result.errors[0], result
    assert "the model after update 2 is not saved, and checkpoint-1 is the last one: it gives no finite loss for any of 16 samples" in result.stderr
    assert checkpoints(tmp_path / "run") == [1]  # the last good one is not removed for a newer one


def test_skip_cannot_help_weights_that_are_not_finite(diverging, tmp_path):
    """Each later update would fail as well: the first one says so."""
    error = failing(tmp_path, 2, **{**diverging, "learning_rate": 1e300, "save_strategy": "no", "on_nan": "skip"})
    assert "update 2: the weights after update 1: tensor " in error and "on_nan" not in error, error


@pytest.mark.parametrize("ranks", [0, 3])
@pytest.mark.parametrize("changes", [{"max_steps": 1}, {"max_steps": 1, "eval_strategy": "no"}, {"max_steps": 8, "on_nan": "skip", "eval_steps": 8},
                                     {"max_steps": 8, "on_nan": "skip", "early_stopping_patience": 1, "load_best_model_at_end": True}])
def test_a_run_that_ends_diverged_fails(sample, diverging, tmp_path, ranks, changes):
    """The last update made the weights with which every loss is NaN, so that only the evaluation can tell."""
    settings = {**diverging, "eval_file": sample.test, "eval_strategy": "steps", "eval_steps": 1, "save_strategy": "no", **changes}
    if "load_best_model_at_end" in changes:
        settings["save_strategy"] = "steps"
    error = failing(tmp_path, ranks, **settings)
    assert "there is no checkpoint" in error and "on_nan" not in error, error
    assert not (tmp_path / "run/model.safetensors").exists()
    if changes.get("eval_strategy") == "no":  # nothing has been evaluated when the model is to be saved
        assert "the model after update 1 is not saved" in error and "it gives no finite loss for any of 16 samples of" in error, error
        return
    assert "the model has diverged: after update " in error, error
    assert strict((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])["eval_loss"] is None


def test_an_evaluation_that_is_not_finite_is_never_the_best(sample, poisoned, job, tmp_path):
    """Trainer compares by numpy.less, which is false for NaN."""
    data, bad = write_texts(tmp_path / "data.h5", sample.tokenizer, set()), write_texts(tmp_path / "bad.h5", sample.tokenizer, {3})
    run = train(tmp_path, ranks=2, **{**job, "model_name_or_path": poisoned, "train_file": data, "eval_file": bad, "global_batch_size": 8,
                                      "eval_strategy": "steps", "eval_steps": 1, "save_strategy": "steps", "save_steps": 1,
                                      "load_best_model_at_end": True, "early_stopping_patience": 3})
    assert [event["eval_loss"] for event in evaluation_events(run)] == [None] * 3
    for line in (run / "metrics.jsonl").read_text().splitlines():
        strict(line)
    state = strict((run / "checkpoint-3/trainer_state.json").read_text())
    assert state["best_metric"] is None and state["best_model_checkpoint"] is None
    assert weights_digest(run) == weights_digest(run / "checkpoint-3")


# --- Weights in files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, value, shown", [("transformer.wte.weight", np.nan, "nan"), ("transformer.wpe.weight", -np.inf, "infinity"),
                                                ("transformer.h.1.mlp.c_fc.bias", np.inf, "infinity"), ("score.weight", np.nan, "nan")])
def test_weights_that_are_not_finite_are_refused(sample, job, copy_of, tmp_path, name, value, shown):
    model = copy_of(sample.model)
    tensors = {key: array.copy() for key, array in read_safetensors(model / "model.safetensors").items()}
    flat = tensors[name].reshape(-1)
    flat[[7, 11, 40]] = value
    write_safetensors(model / "model.safetensors", tensors)
    names = [model, f"tensor {name}: 3 of its {flat.size} values are not finite numbers, the first at index 7 ({shown})"]
    config = write_config(tmp_path / "config.json", **{**job, "model_name_or_path": model, "output_dir": tmp_path / "run"})
    for ranks in (0, 3):
        refused("train", config, ranks=ranks, names=names)
        refused("evaluate", "--model", model, "--data", sample.test, ranks=ranks, names=names)
    refused("predict", "--model", model, "a text", names=names)
    refused("inspect", model, names=names)
    assert not (tmp_path / "run/model.safetensors").exists()
