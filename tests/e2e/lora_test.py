"""Training LoRA adapters: what is saved, the same bits for any number of ranks and over stops, and what stays as it was. Numbers against
PEFT: tests/golden/lora_figures_test.py."""
import hashlib
import json
import shutil

import numpy as np
import pytest

from support import checkpoints, evaluation_events, linnet, losses, read_safetensors, refused, sha256, train, write_config

VALUES = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def settings(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, reduction_units=4,
                max_steps=8, learning_rate=1e-2, logging_steps=1, eval_strategy="steps", eval_steps=4, save_steps=4, dropout=0.1, lora_r=3,
                lora_alpha=12, lora_dropout=0.2, lora_target_modules="all-linear")


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("undisturbed"), ranks=2, **settings)


def values_digest(run):
    return hashlib.sha256((run / VALUES).read_bytes()).hexdigest()


def test_folder_is_pefts(settings, sample, undisturbed):
    config = json.loads((undisturbed / "adapter_config.json").read_text())
    assert (config["peft_type"], config["task_type"], config["r"], config["lora_alpha"]) == ("LORA", "SEQ_CLS", 3, 12)
    assert config["base_model_name_or_path"] == str(sample.model.resolve()) and "score" in config["modules_to_save"]
    assert sorted(config["target_modules"]) == ["c_attn", "c_fc", "c_proj"]
    shapes = {name: value.shape for name, value in read_safetensors(undisturbed / VALUES).items()}
    prefix = "base_model.model.transformer.h.1.mlp.c_proj.lora_"
    assert len(shapes) == 2 * 4 * 2 + 1
    assert shapes[prefix + "A.weight"] == (3, 128) and shapes[prefix + "B.weight"] == (32, 3)
    assert shapes["base_model.model.score.weight"] == (3, 32)
    # Transformers would take a folder with config.json for a complete model's.
    for folder in (undisturbed, undisturbed / "checkpoint-4"):
        assert not (folder / "config.json").exists() and not (folder / "model.safetensors").exists()
        assert (folder / "tokenizer.json").exists()
        linnet("inspect", folder)


def test_learns_and_leaves_the_base_as_it_was(settings, sample, tmp_path):
    before = sha256(sample.model / "model.safetensors")
    run = train(tmp_path, **{**settings, "max_steps": 40, "lora_dropout": 0, "dropout": 0, "eval_strategy": "no", "save_strategy": "no"})
    assert np.mean(losses(run)[-5:]) < 0.95 * np.mean(losses(run)[:5])  # far more than one run differs from another
    assert sha256(sample.model / "model.safetensors") == before
    assert (run / VALUES).stat().st_size < (sample.model / "model.safetensors").stat().st_size / 4


@pytest.mark.parametrize("ranks", [1, 3])
def test_same_bits_on_any_number_of_ranks(settings, undisturbed, tmp_path, ranks):
    assert values_digest(train(tmp_path, ranks=ranks, **settings)) == values_digest(undisturbed)


@pytest.mark.parametrize("ranks", [1, 3])
def test_resumed_run_ends_with_the_same_bits(settings, undisturbed, tmp_path, ranks):
    run = tmp_path / "run"
    shutil.copytree(undisturbed / "checkpoint-4", run / "checkpoint-4")
    train(tmp_path, ranks=ranks, resume_from_checkpoint=True, **settings)
    assert values_digest(run) == values_digest(undisturbed)


def test_checkpoint_keeps_what_learns_alone(settings, undisturbed):
    assert checkpoints(undisturbed) == [4, 8]
    text = (undisturbed / "checkpoint-8/optimizer.safetensors").read_bytes()
    tensors = json.loads(text[8 : 8 + int.from_bytes(text[:8], "little")])
    assert tensors["token_rows"]["shape"] == tensors["position_rows"]["shape"] == [0]
    assert tensors["exp_avg"]["shape"] == [3 * 16384]  # a block for each layer and one for the head


def test_best_model_is_loaded(settings, undisturbed, tmp_path):
    """At a rate at which the second evaluation is the worse one."""
    run = train(tmp_path, ranks=2, **{**settings, "learning_rate": 0.5, "load_best_model_at_end": True})
    scores = [event["eval_loss"] for event in evaluation_events(run)]
    assert min(scores) == scores[-1]
    best = min((run / "checkpoint-4", run / "checkpoint-8"), key=lambda folder: scores[int(folder.name[-1]) // 4 - 1])
    assert values_digest(run) == values_digest(best)


def test_bf16_and_other_sums(settings, tmp_path):
    run = train(tmp_path / "bf16", ranks=2, env={"LINNET_BF16": "emulate"}, **{**settings, "bf16": True})
    mpi = train(tmp_path / "mpi", ranks=2, **{**settings, "reduction": "mpi"})
    assert losses(run) == pytest.approx(losses(mpi), rel=0.02)


def test_base_kernels(settings, undisturbed, tmp_path):
    run = train(tmp_path, env={"LINNET_ISA": "base", "LINNET_PRODUCTS": "own"}, **settings)
    assert losses(run) == pytest.approx(losses(undisturbed), rel=1e-4)


def test_trained_further_with_its_own_settings_alone(settings, undisturbed, tmp_path):
    more = {**settings, "model_name_or_path": undisturbed, "max_steps": 4}
    run = train(tmp_path / "more", **more)
    assert losses(run)[0] < losses(undisturbed)[0]
    config = write_config(tmp_path / "other.json", **{**more, "lora_r": 4, "output_dir": tmp_path / "other"})
    refused("train", config, names=["set lora_r 3 and lora_alpha 12", "linnet merge --model"])


def test_folder_changes_its_kind(settings, sample, tmp_path):
    """A complete model in the place of an adapter, and the other way round: no file of the old one stays."""
    short = {**settings, "max_steps": 2, "save_strategy": "no", "eval_strategy": "no"}
    whole = {key: value for key, value in short.items() if not key.startswith("lora_")}
    run = train(tmp_path, **short)
    assert not (run / "config.json").exists()
    train(tmp_path, **whole)
    assert (run / "model.safetensors").exists() and (run / "config.json").exists()
    assert not [path.name for path in run.iterdir() if "adapter" in path.name]
    train(tmp_path, **short)
    assert (run / VALUES).exists() and not (run / "model.safetensors").exists() and not (run / "config.json").exists()


def test_predicts_like_the_merged_model(undisturbed, sample, tmp_path):
    linnet("merge", "--model", undisturbed, "--output", tmp_path / "merged")
    linnet("inspect", tmp_path / "merged")
    texts = ["what a lovely day", "i missed the bus", ""]
    answers = [[json.loads(line) for line in linnet("predict", *options, "--json", "--", *texts).stdout.splitlines()]
               for options in (["--model", undisturbed], ["--model", sample.model, "--adapter", undisturbed], ["--model", tmp_path / "merged"])]
    assert answers[0] == answers[1]
    for adapted, merged in zip(answers[0], answers[2]):
        # The merged weights are rounded to float32.
        assert list(merged["probabilities"].values()) == pytest.approx(list(adapted["probabilities"].values()), abs=1e-5)


def test_table_is_labelled_and_evaluated(undisturbed, sample, tmp_path):
    alone = linnet("evaluate", "--model", undisturbed, "--data", sample.test_csv, ranks=2).stdout
    assert f"loss      {evaluation_events(undisturbed)[-1]['eval_loss']:.4f}" in alone
    for ranks in (0, 2):
        linnet("predict", "--model", sample.model, "--adapter", undisturbed, "--input", sample.test_csv, "--output",
               tmp_path / f"{ranks}.csv", ranks=ranks)
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_plan(settings, tmp_path):
    """Adapters send fewer bytes than the model would."""
    constants, plans = tmp_path / "constants.json", []
    for name, more in (("whole", {"lora_r": 0, "lora_alpha": 8, "lora_dropout": 0, "lora_target_modules": None}), ("adapters", {})):
        config = write_config(tmp_path / f"{name}.json", **{**settings, **more}, output_dir=tmp_path / "run")
        if not constants.exists():
            linnet("plan", "--measure", config, "--constants", constants, ranks=2)
        plans.append(json.loads(linnet("plan", config, "--constants", constants, "--json", "--ranks", 2, "--hosts", 2, "--link-gbit", 10, "--latency-us", 20).stdout))
    for key in ("rank_gradient_bytes", "saving_bytes", "host_sent_bytes"):
        assert plans[1][key] < plans[0][key], key
