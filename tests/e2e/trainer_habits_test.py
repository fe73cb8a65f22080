"""What users of Trainer bring: options in place of a file, configurations of other versions, models with another head or other names."""
import json
import shutil

import h5py
import numpy as np
import pytest

from support import (LABELS, ROOT, linnet, read_safetensors, refused, train, weights_digest, write_config, write_safetensors, write_token_file)


def options(settings):
    """The settings as a Trainer script's command line."""
    return [word for key, value in settings.items() for word in (f"--{key}", str(value))]


def test_settings_as_options(sample, job, tmp_path):
    """A run without a file, one whose options count before its file, and one with only a file are the same run."""
    same = weights_digest(train(tmp_path / "file", **job))
    linnet("train", *options({**job, "output_dir": tmp_path / "options"}), "--no_bf16", "--do_train", ranks=2)
    assert weights_digest(tmp_path / "options") == same
    config = write_config(tmp_path / "config.json", **{**job, "output_dir": tmp_path / "both", "learning_rate": 7, "max_steps": 3})
    linnet("train", "--learning-rate=1e-3", config, "--set", "max_steps=7", "--max_steps", "10")
    assert weights_digest(tmp_path / "both") == same


def test_options_without_a_file_name_what_is_missing():
    refused("train", "--learning_rate", "3e-5", names=["the command line: model_name_or_path", "train_file", "output_dir"])


def test_a_setting_in_place_of_a_file(job, tmp_path):
    """As OmegaConf takes settings."""
    config = write_config(tmp_path / "config.json", **job)
    refused("train", config, "learning_rate=3e-5", names=["--set learning_rate=3e-5"])


def test_all_mistakes_in_one_line(sample, job, tmp_path):
    config = write_config(tmp_path / "config.json", **{**job, "output_dir": tmp_path / "run", "learning_rat": 1, "sed": 2, "fp16": True})
    refused("train", config, ranks=2, names=["learning_rat: did you mean learning_rate?", "sed: did you mean seed?", "fp16: expected false"])


@pytest.mark.parametrize("version", ["4.40.2", "4.57.1", "5.24.0"])
def test_configuration_that_trainer_wrote(sample, tmp_path, version):
    """All keys of that version with their defaults: nothing is refused, and nothing is said about a key."""
    dump = json.loads((ROOT / f"tests/unit/training_arguments/{version}.json").read_text())
    config = write_config(tmp_path / "config.json", **{**dump, "model_name_or_path": sample.model, "train_file": sample.train})
    run = tmp_path / "run"
    result = linnet("train", config, "--output_dir", run, "--max_steps", "2", "--run_name", run, "--logging_dir", run / "runs/now",
                    "--save_strategy", "no")
    assert "warning" not in result.stderr and (run / "model.safetensors").exists(), result


def wrapped(folder, source, rename):
    """A copy of a model folder whose tensors have other names."""
    shutil.copytree(source, folder)
    tensors = read_safetensors(folder / "model.safetensors")
    write_safetensors(folder / "model.safetensors", {rename(name): array for name, array in tensors.items()})
    return folder


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_wrapped_models_predict_the_same(sample, tmp_path, prefix):
    """The values are those of the model before torch.compile or DistributedDataParallel wrapped it; a trained one has plain names."""
    texts = ["i love this song", "not my day"]
    right = linnet("predict", "--model", sample.model, *texts).stdout
    result = linnet("predict", "--model", wrapped(tmp_path / "wrapped", sample.model, lambda name: prefix + name), *texts)
    assert result.stdout == right and "are read without" in result.stderr
    bare = wrapped(tmp_path / "bare", sample.model, lambda name: prefix + name.removeprefix("transformer."))
    assert linnet("predict", "--model", bare, *texts).stdout == right


def test_tensors_of_another_model_are_told(sample, tmp_path):
    """LoRA beside its base weights: Transformers warns, too, that these tensors have no effect."""
    folder = wrapped(tmp_path / "lora", sample.model, lambda name: name)
    tensors = read_safetensors(folder / "model.safetensors")
    lora = "transformer.h.0.attn.c_attn.lora_A.weight"
    write_safetensors(folder / "model.safetensors", {**tensors, lora: tensors["score.weight"]})
    result = linnet("predict", "--quiet", "--model", folder, "text")
    assert "warning" in result.stderr and lora in result.stderr


def test_float64_is_rounded(sample, tmp_path):
    """As torch's .to(torch.float32): float64 values that float32 holds stay the same model."""
    folder = tmp_path / "double"
    shutil.copytree(sample.model, folder)
    tensors = read_safetensors(folder / "model.safetensors")
    header, offset, data = {}, 0, b""
    for name, array in tensors.items():
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": [offset, offset + 2 * array.nbytes]}
        data += array.astype("<f8").tobytes()
        offset += 2 * array.nbytes
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    assert linnet("predict", "--model", folder, "a text").stdout == linnet("predict", "--model", sample.model, "a text").stdout


def relabelled(copy, names):
    with h5py.File(copy, "r+") as file:
        file.attrs["label_names"] = np.array([name.encode() for name in names], "S16")
    return copy


@pytest.mark.parametrize("names", [["sports", "news", "music"], ["positive", "neutral", "negative"], ["yes", "no"]])
def test_a_new_head_for_other_labels(sample, job, tmp_path, copy_of, names):
    """As if the model had no head: the result is that of the same folder without score.weight."""
    if len(names) == 3:
        data = relabelled(copy_of(sample.train), names)
    else:
        rows = np.random.default_rng(0).integers(0, 256, (30, 9)).tolist()
        data = write_token_file(tmp_path / "two.h5", rows, [k % 2 for k in range(30)], sample.tokenizer, label_names=names)
    job = {**job, "train_file": data}
    config = write_config(tmp_path / "config.json", **job, output_dir=tmp_path / "run")
    refused("train", config, names=["ignore_mismatched_sizes"])
    assert not (tmp_path / "run/model.safetensors").exists()
    result = linnet("train", config, "--ignore_mismatched_sizes", ranks=2)
    assert "for other labels than the data's: initialized a new one" in result.stderr, result
    assert json.loads((tmp_path / "run/config.json").read_text())["id2label"] == {str(k): name for k, name in enumerate(names)}
    headless = wrapped(tmp_path / "headless", sample.model, str)
    tensors = read_safetensors(headless / "model.safetensors")
    del tensors["score.weight"]
    write_safetensors(headless / "model.safetensors", tensors)
    assert weights_digest(train(tmp_path / "as_new", **{**job, "model_name_or_path": headless})) == weights_digest(tmp_path / "run")
    assert linnet("predict", "--model", tmp_path / "run", "a text").stdout.split()[0] in names


@pytest.mark.parametrize("config, rows", [({"num_labels": 1}, 1), ({"id2label": {"0": "LABEL_0"}, "problem_type": "regression"}, 1),
                                          ({"id2label": {"0": "score"}, "problem_type": "regression"}, 1), ({"problem_type": "regression"}, 3),
                                          ({"problem_type": "multi_label_classification"}, 3)])
def test_a_new_head_for_one_of_another_kind(sample, job, tmp_path, copy_of, config, rows):
    """run_classification.py sets problem_type by the data, and with ignore_mismatched_sizes replaces a head of another size. Where the size
    is the same linnet replaces it too, since its rows were trained for another loss. Without the key it is refused, naming both kinds."""
    model = copy_of(sample.model)
    tensors = read_safetensors(model / "model.safetensors")
    write_safetensors(model / "model.safetensors", {**tensors, "score.weight": tensors["score.weight"][:rows].copy()})
    old = json.loads((model / "config.json").read_text())
    if rows == 1:
        old = {key: value for key, value in old.items() if key not in ("id2label", "label2id", "num_labels")}
    (model / "config.json").write_text(json.dumps({**old, **config}))
    job = {**job, "model_name_or_path": model, "max_steps": 1}
    refused("train", write_config(tmp_path / "config.json", **job, output_dir=tmp_path / "run"), names=[model, "ignore_mismatched_sizes"])
    # Of one label the sample's problem_type, which stays, makes a classifier.
    kinds = [model, sample.test, "single_label_classification", config["problem_type"]] if "problem_type" in config else [model, "one label"]
    refused("evaluate", "--model", model, "--data", sample.test, names=kinds)
    result = linnet("train", tmp_path / "config.json", "--ignore_mismatched_sizes", ranks=2)
    assert "initialized a new one" in result.stderr, result
    trained = json.loads((tmp_path / "run/config.json").read_text())
    assert trained["problem_type"] == "single_label_classification" and list(trained["id2label"].values()) == LABELS
    headless = wrapped(tmp_path / "headless", sample.model, str)
    tensors = read_safetensors(headless / "model.safetensors")
    del tensors["score.weight"]
    write_safetensors(headless / "model.safetensors", tensors)
    assert weights_digest(train(tmp_path / "as_new", **{**job, "model_name_or_path": headless})) == weights_digest(tmp_path / "run")
    linnet("predict", "--model", tmp_path / "run", "a text")


def test_the_same_labels_keep_their_head(sample, job, tmp_path):
    kept = weights_digest(train(tmp_path / "kept", **job))
    assert weights_digest(train(tmp_path / "same", **job, ignore_mismatched_sizes=True)) == kept


def test_evaluation_data_must_have_the_new_labels(sample, job, tmp_path, copy_of):
    data = relabelled(copy_of(sample.train), ["sports", "news", "music"])
    config = write_config(tmp_path / "config.json", **{**job, "train_file": data, "eval_file": sample.test, "output_dir": tmp_path / "run"})
    result = refused("train", config, "--ignore_mismatched_sizes", names=[f"label 0 is '{LABELS[0]}'", "'sports'"])
    assert "ignore_mismatched_sizes" not in result.errors[0]
