"""The same bits with every instruction set that has a fused multiply-add: runs, resumed runs, mixed ranks, scores and predictions."""
import re
import shutil
import subprocess

import pytest

from support import (EMULATED, LIMIT, LINNET, MACHINE, ROOT, checkpoints, linnet, train, training_events, weights_digest, without_timing, write_config)

# The first is the one that the others are compared with. A CPU that lacks a set skips its tests.
SETS = {"x86_64": ["avx2", "avx512"], "aarch64": ["neon", "base", "sve256", "sve512"]}.get(MACHINE, ["base"])
OTHERS = SETS[1:]

# Whatever the processor, the compiler and the C library. It changes with the numbers of a run on purpose only, which the changelog says.
DIGEST = "647a63d73f417b17936e464de5988616978a2f730c3741a8952d5c2b4d54ddbe"


def env_of(isa):
    """The environment for a set; skips the test if the CPU lacks it."""
    env = {"LINNET_ISA": isa, "LINNET_PRODUCTS": "own"}
    if EMULATED and isa.startswith("sve"):
        env["QEMU_CPU"] = f"max,sve-max-vq={int(isa[3:]) // 128}"
    found = next(line.split()[1] for line in linnet("--version", env=env).stdout.splitlines() if line.startswith("kernels"))
    if found != isa:
        pytest.skip(f"this CPU has no {isa}")
    return env


@pytest.fixture(scope="module")
def model(sample, tmp_path_factory):
    """A model whose widths no vector divides: heads of 12, an embedding of 36, an MLP of 144."""
    folder = tmp_path_factory.mktemp("odd") / "model"
    linnet("init", "--output", folder, "--tokenizer", sample.tokenizer, "--layers", "2", "--width", "36", "--heads", "3")
    return folder


@pytest.fixture(scope="module")
def settings(sample, model):
    return dict(model_name_or_path=model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, reduction_units=8,
                max_steps=8, learning_rate=1e-3, lr_scheduler_type="cosine", logging_steps=1, eval_strategy="steps", eval_steps=4,
                save_strategy="steps", save_steps=4, dropout=0.1, weight_decay=0.01)


CHANGES = {"dropout": {}, "smoothed": {"dropout": 0.0, "label_smoothing_factor": 0.1}, "padded_end": {"pooling": "padded_end"},
           "weighted": {"class_weights": "balanced", "label_smoothing_factor": 0.1}, "focal": {"focal_gamma": 1.5, "class_weights": [0.3, 1, 2.2]},
           "language": {"objective": "language_modeling"},
           "accumulated": {"reduction_units": None, "gradient_accumulation_steps": 4, "global_batch_size": None,
                           "per_device_train_batch_size": 5},
           "frozen": {"freeze_layers": 1, "freeze_embeddings": True, "layerwise_lr_decay": 0.7, "head_learning_rate": 5e-3}}


def changed(settings, name):
    return {key: value for key, value in {**settings, **CHANGES[name]}.items() if value is not None}


@pytest.fixture(scope="module")
def first(settings, tmp_path_factory):
    """A function that returns a run of the first set on one rank, made once."""
    runs = {}

    def run(name):
        if name not in runs:
            runs[name] = train(tmp_path_factory.mktemp(name), ranks=1, env=env_of(SETS[0]), **changed(settings, name))
        return runs[name]

    return run


def test_digest_is_known(first):
    assert weights_digest(first("dropout")) == DIGEST


@pytest.mark.parametrize("isa", OTHERS)
@pytest.mark.parametrize("name, ranks", [("dropout", 1), ("dropout", 3), ("smoothed", 2), ("padded_end", 1), ("accumulated", 1),
                                         ("weighted", 3), ("focal", 1), ("frozen", 2), ("language", 2)])
def test_runs_have_the_same_bits(settings, first, tmp_path, isa, name, ranks):
    run = train(tmp_path, ranks=ranks, env=env_of(isa), **changed(settings, name))
    assert weights_digest(run) == weights_digest(first(name))
    assert without_timing(training_events(run)) == without_timing(training_events(first(name)))


def test_base_kernels_say_that_they_are_unfused(settings, tmp_path):
    """Those of x86-64, that is. They train as well, with bits of their own."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**settings, "max_steps": 1})
    said = linnet("train", config, env={"LINNET_ISA": "base", "LINNET_PRODUCTS": "own"}).stderr
    assert ("base kernels (unfused)" in said) == (MACHINE == "x86_64"), said


@pytest.mark.parametrize("isa", OTHERS)
def test_run_resumes_on_another_processor(settings, first, tmp_path, isa):
    """Without a warning, and with the bits of a run that was never stopped."""
    run = tmp_path / "run"
    shutil.copytree(first("dropout") / "checkpoint-4", run / "checkpoint-4")
    config = write_config(tmp_path / "config.json", output_dir=run, resume_from_checkpoint=True, **settings)
    said = linnet("train", config, ranks=2, env=env_of(isa)).stderr
    assert "warning" not in said and checkpoints(run) == [4, 8], said
    assert weights_digest(run) == weights_digest(first("dropout"))


@pytest.mark.parametrize("isa", OTHERS)
def test_ranks_on_different_processors(settings, first, tmp_path, isa):
    """Rank 0 has the first set, the others another one: no warning, and the same bits."""
    def exports(isa):
        return "; ".join(f"export {name}={value}" for name, value in env_of(isa).items())

    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings)
    mixed = tmp_path / "mixed.sh"
    mixed.write_text(f'#!/bin/sh\nif [ "${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" = 0 ]; then {exports(SETS[0])}; else {exports(isa)}; fi\n'
                     f'exec {LINNET} "$@"\n')
    mixed.chmod(0o755)
    done = subprocess.run([ROOT / "scripts/mpirun.sh", "3", mixed, "train", config], capture_output=True, text=True, timeout=LIMIT)
    warnings = [line for line in done.stderr.splitlines() if "warning" in line and "CPUs" not in line]  # three ranks may be too many here
    assert done.returncode == 0 and not warnings, done
    assert re.search(rf" {SETS[0]} kernels, products own", done.stderr), done
    assert weights_digest(tmp_path / "run") == weights_digest(first("dropout"))


@pytest.mark.parametrize("isa", OTHERS)
def test_scores_and_predictions_are_the_same(sample, first, tmp_path, isa):
    model, files, tables = first("dropout"), [], []
    for name in SETS[0], isa:
        scores, labelled = tmp_path / f"{name}.tsv", tmp_path / f"{name}.csv"
        linnet("evaluate", "--model", model, "--data", sample.test, "--predictions", scores, env=env_of(name))
        linnet("predict", "--model", model, "--input", sample.test_csv, "--output", labelled, env=env_of(name))
        files.append(scores.read_bytes())
        tables.append(labelled.read_bytes())
    assert files[0] == files[1] and tables[0] == tables[1] and len(files[0].splitlines()) == 42
