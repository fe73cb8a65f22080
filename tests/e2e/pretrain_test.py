"""linnet pretrain: ranks, resuming, other kernels, and what the other commands make of a language model."""
import json
import math
import shutil

import pytest

from support import (checkpoints, evaluation_events, events, linnet, losses, read_safetensors, refused, train, training_events, weights_digest,
                     without_timing, write_config, write_token_file)


@pytest.fixture(scope="module")
def packed(sample, tmp_path_factory):
    """The sample's texts in blocks of 24 tokens: .h5 files for training and evaluation."""
    folder = tmp_path_factory.mktemp("packed")
    for name, table in (("train", sample.train_csv), ("test", sample.test_csv)):
        linnet("prepare", "--input", table, "--output", folder / f"{name}.h5", "--tokenizer", sample.tokenizer, "--pack", "24")
    return folder


@pytest.fixture(scope="module")
def settings(sample, packed):
    return dict(command="pretrain", model_name_or_path=sample.model, train_file=packed / "train.h5", eval_file=packed / "test.h5",
                global_batch_size=10, reduction_units=4, max_steps=12, learning_rate=5e-3, logging_steps=1, eval_strategy="steps",
                eval_steps=4, save_strategy="steps", save_steps=4, dropout=0.1, weight_decay=0.01, metric_for_best_model="loss")


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(tmp_path_factory.mktemp("undisturbed"), ranks=2, **settings)


@pytest.mark.tiny
def test_it_learns(undisturbed):
    found = losses(undisturbed)
    assert found[-1] < 0.95 * found[0]  # the mean over a vocabulary of 457 falls from ln 457 = 6.1
    evaluated = evaluation_events(undisturbed)
    assert [event["step"] for event in evaluated] == [4, 8, 12]
    assert evaluated[-1]["eval_perplexity"] == pytest.approx(math.exp(evaluated[-1]["eval_loss"]), rel=1e-12)
    assert evaluated[-1]["eval_loss"] < evaluated[0]["eval_loss"]
    assert not (undisturbed / "eval_predictions.tsv").exists()


@pytest.mark.parametrize("ranks", [1, 3])
def test_resumed_run_ends_with_the_same_bits(settings, undisturbed, tmp_path, ranks):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(undisturbed / "checkpoint-8", run / "checkpoint-8")
    train(tmp_path, ranks=ranks, resume_from_checkpoint=True, **settings)
    assert checkpoints(run) == [8, 12]
    assert weights_digest(run) == weights_digest(undisturbed)
    assert without_timing(events(run)) == without_timing(events(undisturbed))


def test_a_run_cannot_change_its_objective(sample, settings, undisturbed, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copytree(undisturbed / "checkpoint-8", tmp_path / "run/checkpoint-8")
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", resume_from_checkpoint=True,
                          **{key: value for key, value in settings.items() if key not in ("command", "train_file", "eval_file", "eval_strategy",
                                                                                          "metric_for_best_model")}, train_file=sample.train)
    refused("train", config, names=["objective"])


@pytest.mark.parametrize("env, more", [({"LINNET_ISA": "base"}, {}), ({"LINNET_BF16": "emulate"}, {"bf16": True})], ids=["base", "bf16"])
def test_other_arithmetic(settings, undisturbed, tmp_path, env, more):
    """Products by a BLAS, or of factors rounded to bfloat16 (2^-8 of a product): the losses follow, and ranks agree."""
    short = {**settings, **more, "max_steps": 4}
    runs = [train(tmp_path / str(ranks), ranks=ranks, env=env, **short) for ranks in (1, 2)]
    assert losses(runs[0]) == pytest.approx(losses(undisturbed)[:4], rel=1e-2)
    assert weights_digest(runs[0]) == weights_digest(runs[1])


@pytest.mark.tiny
def test_each_text_by_itself(sample, settings, tmp_path):
    """A token file with labels, which are not read; one sample an update, one of them longer than others."""
    run = train(tmp_path, ranks=1, **{**settings, "train_file": sample.train, "eval_file": sample.test, "global_batch_size": 1,
                                      "reduction_units": 1, "max_steps": 3, "eval_steps": 3, "save_strategy": "no"})
    assert all(math.isfinite(loss) for loss in losses(run))


@pytest.mark.tiny
def test_what_it_writes(sample, undisturbed):
    config = json.loads((undisturbed / "config.json").read_text())
    assert config["architectures"] == ["GPT2LMHeadModel"]
    weights = read_safetensors(undisturbed / "model.safetensors")
    assert "transformer.wte.weight" in weights and not {"lm_head.weight", "score.weight"} & set(weights)
    card = (undisturbed / "README.md").read_text()
    assert "pipeline_tag: text-generation" in card and "perplexity" in card and "accuracy" not in card and "## Labels" not in card
    linnet("inspect", undisturbed / "checkpoint-8")
    assert json.loads(linnet("pretrain", "--output_dir", undisturbed, "--model_name_or_path", sample.model, "--train_file", sample.train,
                             "--status").stdout)["status"] == "finished"


@pytest.mark.tiny
def test_evaluate(packed, undisturbed):
    """The figures of the run's own last evaluation, to the printed digits, on any number of ranks."""
    last = evaluation_events(undisturbed)[-1]
    shown = [linnet("evaluate", "--model", undisturbed, "--data", packed / "test.h5", ranks=ranks).stdout for ranks in (0, 2)]
    for text in shown:
        assert f"loss         {last['eval_loss']:.4f}\n" in text and f"perplexity   {last['eval_perplexity']:.4f}\n" in text
    refused("evaluate", "--model", undisturbed, "--data", packed / "test.h5", "--predictions", "p.tsv", names=["--predictions", "language model"])
    refused("predict", "--model", undisturbed, "a text", names=["classification head"])


@pytest.mark.tiny
def test_a_classifier_starts_from_it(sample, undisturbed, tmp_path):
    run = train(tmp_path, model_name_or_path=undisturbed, train_file=sample.train, max_steps=2, global_batch_size=10, save_strategy="no")
    assert json.loads((run / "config.json").read_text())["architectures"] == ["GPT2ForSequenceClassification"]
    assert linnet("predict", "--model", run, "a text").stdout.split("\t")[0] in ("negative", "neutral", "positive")


def test_report(undisturbed, tmp_path):
    linnet("report", undisturbed, "--output", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Perplexity" in page and "Accuracy</dt>" not in page


def test_runs_are_compared_by_perplexity(settings, undisturbed, tmp_path):
    other = train(tmp_path, **{**settings, "max_steps": 4})
    linnet("report", undisturbed, other, "--output", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert '<th scope="col">Perplexity</th>' in page and "Bits a token" in page and "Macro F1" not in page


def test_activations_are_computed_again(settings, undisturbed, tmp_path):
    assert weights_digest(train(tmp_path, ranks=2, gradient_checkpointing=True, **settings)) == weights_digest(undisturbed)


@pytest.mark.parametrize("ranks", [0, 2])
def test_labels_of_any_kind_do_not_matter(sample, settings, tmp_path, ranks):
    """Texts with numbers give the same model and the same scores as texts with a label each."""
    ids = [[5, 6, 7, 8], [9, 10, 11], [12, 13], [14, 15, 16, 17, 18]]
    runs = []
    for name, labels, changes in (("labels", [0, 1, 2, 0], {}), ("numbers", [[0.5], [1.5], [-1.0], [2.0]], dict(problem="regression", label_names=["n"]))):
        data = write_token_file(tmp_path / f"{name}.h5", ids, labels, sample.tokenizer, max_length=64, **changes)
        runs.append(train(tmp_path / name, ranks=ranks, **{**settings, "train_file": data, "eval_file": data, "global_batch_size": 4}))
    assert weights_digest(runs[0]) == weights_digest(runs[1])
    assert without_timing(evaluation_events(runs[0])) == without_timing(evaluation_events(runs[1]))
    scores = [json.loads(linnet("evaluate", "--model", runs[0], "--data", tmp_path / f"{name}.h5", "--json", ranks=ranks).stdout)
              for name in ("labels", "numbers")]
    assert scores[0]["eval_loss"] == scores[1]["eval_loss"] == evaluation_events(runs[0])[-1]["eval_loss"]
    assert scores[1]["eval_predictions"] == 10 and "targets" not in scores[1]


def test_tensorboard_and_csv(settings, tmp_path):
    run = train(tmp_path, **{**settings, "max_steps": 4, "report_to": "csv"})
    header, *rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    found = [row[header.index("eval_perplexity")] for row in rows]
    assert float(next(filter(None, found))) == evaluation_events(run)[0]["eval_perplexity"]


def test_plan(settings, sample, packed, undisturbed, tmp_path):
    """The dense parameters of the plan are those of the run: with the token embedding."""
    constants = tmp_path / "constants.json"
    constants.write_text(json.dumps(dict(format_version=3, linnet="0.1.0", kernels="avx2", bf16=False, ranks=2, nodes=1, threads=1, width=32,
                                         inner=128, heads=4, adamw_bytes_per_second=4e9, add_bytes_per_second=6e9, program_bytes=5e7,
                                         node_latency_seconds=1e-6, node_overhead_seconds=1e-6, network_latency_seconds=0,
                                         network_overhead_seconds=0, network_bytes_per_second=0, network_overlapped_bytes_per_second=0,
                                         network_overhead_seconds_per_byte=0, passes=[dict(tokens=8, gflops=1.5), dict(tokens=1024, gflops=20)])))
    config = write_config(tmp_path / "config.json", objective="language_modeling", output_dir=tmp_path / "run",
                          **{key: value for key, value in settings.items() if key != "command"})
    planned = json.loads(linnet("plan", config, "--ranks", "2", "--constants", constants, "--json").stdout)
    assert planned["updates"] == 12


def test_not_finite(settings, tmp_path):
    """A learning rate that breaks the model ends the run with one line that says where."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run",
                          **{**{key: value for key, value in settings.items() if key != "command"}, "learning_rate": 1e30, "max_grad_norm": 0,
                             "save_strategy": "no", "eval_strategy": "no", "metric_for_best_model": None})
    failed = linnet("pretrain", config, code=2)
    assert len(failed.errors) == 1 and "learning_rate" in failed.errors[0], failed
