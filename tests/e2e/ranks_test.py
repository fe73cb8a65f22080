"""The same run on 1 to 8 ranks."""
import re

import pytest

from support import (evaluation_events, linnet, losses, refused, train, training_events, weights_digest, without_timing,
                     write_config)

# float32 sums of the same numbers in another order differ by some 1e-7 of their size, and ten updates of a small model amplify
# that by at most about ten.
SAME_CURVE = 1e-5


APART = {"LINNET_SHARED_MEMORY": "0"}


@pytest.fixture(scope="module")
def alone(sample, tmp_path_factory):
    """The run that the others are compared with: one rank, with a fixed number of reduction units and with evaluations."""
    return train(tmp_path_factory.mktemp("alone"), ranks=1, **fixed_units(sample))


def fixed_units(sample):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20,
                reduction_units=8, max_steps=10, learning_rate=1e-3, logging_steps=1, eval_strategy="steps", eval_steps=5,
                save_strategy="no", dropout=0.1, weight_decay=0.01)


@pytest.mark.parametrize("env, tables", [({}, r"embedding rows in use"), (APART, r"embeddings \d+ MB per rank")], ids=["shared", "apart"])
def test_banner_tells_memory(job, tmp_path, env, tables):
    """Ranks that share memory count the embedding rows in use of one mapped file; else each rank has its own embeddings."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **{**job, "max_steps": 1})
    said = linnet("train", config, ranks=2, env=env).stderr
    line = rf"memory    parameters \d+ MB per node, {tables}; rank 0: gradients \d+ MB, moments \d+ MB, activations up to \d+ MB\n"
    assert re.search(line, said), said


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_loss_curve_is_the_same(sample, alone, tmp_path, ranks):
    """With one reduction unit a rank, each number of ranks sums in another order."""
    settings = fixed_units(sample)
    del settings["reduction_units"]
    run = train(tmp_path, ranks=ranks, **settings)
    assert len(losses(run)) == 10
    assert losses(run) == pytest.approx(losses(alone), rel=SAME_CURVE)


@pytest.mark.parametrize("ranks, threads, apart, overlap", [
    (1, 2, False, True), (2, 1, False, True), (3, 1, False, True), (4, 1, False, True), (5, 1, False, True), (8, 1, False, True),
    (2, 2, True, True), (3, 1, True, False), (8, 1, True, True), (4, 1, False, False)])
def test_fixed_units_give_the_same_bits(sample, alone, tmp_path, ranks, threads, apart, overlap):
    """APART makes each rank a node, so that all data travels in messages."""
    run = train(tmp_path, ranks=ranks, threads_per_rank=threads, overlap_comm=overlap, env=APART if apart else None,
                **fixed_units(sample))
    assert weights_digest(run) == weights_digest(alone)
    assert without_timing(training_events(run)) == without_timing(training_events(alone))
    assert without_timing(evaluation_events(run)) == without_timing(evaluation_events(alone))


@pytest.mark.parametrize("ranks, apart", [(3, False), (5, True)])
def test_mpi_sums_the_same(sample, alone, tmp_path, ranks, apart):
    """With reduction "mpi" the order of summing depends on MPI_Allreduce: the loss curve is the same, the bits are not."""
    run = train(tmp_path, ranks=ranks, reduction="mpi", env=APART if apart else None, **fixed_units(sample))
    assert losses(run) == pytest.approx(losses(alone), rel=SAME_CURVE)
    assert weights_digest(run) != weights_digest(alone)


def test_bf16_gradients(sample, alone, tmp_path):
    """Gradients are rounded by up to 2^-8 between nodes, which a warning says, and not within a node."""
    runs, warned = {}, {}
    for name, env in (("apart", APART), ("together", None)):
        runs[name] = tmp_path / name
        config = write_config(tmp_path / f"{name}.json", output_dir=runs[name], reduction_dtype="bfloat16", **fixed_units(sample))
        warned[name] = "reduction_dtype" in linnet("train", config, ranks=3, env=env).stderr
    assert losses(runs["apart"]) == pytest.approx(losses(alone), rel=2**-8)
    assert weights_digest(runs["apart"]) != weights_digest(alone)
    assert weights_digest(runs["together"]) == weights_digest(alone)
    assert warned == {"apart": True, "together": False}


@pytest.mark.parametrize("ranks", [1, 3])
def test_run_prints_the_digest_of_its_weights(sample, alone, tmp_path, ranks):
    """The last line of standard output is in the format of sha256sum --check and is the same on any number of ranks."""
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **fixed_units(sample))
    lines = linnet("train", config, ranks=ranks).stdout.splitlines()
    assert lines[-1] == f"SHA256 ({tmp_path / 'run' / 'model.safetensors'}) = {weights_digest(alone)}"
    assert weights_digest(tmp_path / "run") == weights_digest(alone)


def test_seed_changes_the_run(sample, alone, tmp_path):
    """Equal digests would prove nothing if every run had the same."""
    run = train(tmp_path, ranks=2, seed=43, **fixed_units(sample))
    assert weights_digest(run) != weights_digest(alone)


def test_global_batch_by_batch_and_accumulation(sample, tmp_path):
    """5 samples × 2 accumulation steps × 2 ranks are the same updates as global_batch_size 20."""
    settings = {**fixed_units(sample), "eval_strategy": "no"}
    by_size = train(tmp_path / "a", ranks=2, **settings)
    del settings["global_batch_size"]
    by_parts = train(tmp_path / "b", ranks=2, per_device_train_batch_size=5, gradient_accumulation_steps=2, **settings)
    assert weights_digest(by_parts) == weights_digest(by_size)


@pytest.fixture(scope="module")
def two_samples(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("two") / "two.h5"
    linnet("prepare", "--input", sample.train_csv, "--output", path, "--tokenizer", sample.tokenizer, "--subset", "2")
    return path


@pytest.mark.tiny
def test_fewer_samples_than_ranks(sample, two_samples, tmp_path):
    """Training refuses ranks without samples. In an evaluation such ranks wait, and the result is the same."""
    settings = {**fixed_units(sample), "train_file": two_samples, "max_steps": 3, "eval_strategy": "no"}
    config = write_config(tmp_path / "four.json", output_dir=tmp_path / "four", **settings)
    refused("train", config, ranks=4, names=["2 samples", "4 ranks"])
    one = linnet("evaluate", "--model", sample.model, "--data", two_samples)
    four = linnet("evaluate", "--model", sample.model, "--data", two_samples, ranks=4)
    assert re.search(r"loss +[\d.]+", one.stdout).group() == re.search(r"loss +[\d.]+", four.stdout).group()


def scores(text):
    """The lines that evaluate prints, except those that depend on the clock or on the number of ranks."""
    return [line for line in text.splitlines() if "/s" not in line and "second" not in line and "rank" not in line]


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_evaluate_gives_the_same_numbers(sample, tmp_path, ranks):
    alone = linnet("evaluate", "--model", sample.model, "--data", sample.test, "--predictions", tmp_path / "alone.tsv")
    many = linnet("evaluate", "--model", sample.model, "--data", sample.test, "--predictions", tmp_path / "many.tsv", ranks=ranks)
    assert any("accuracy" in line.lower() for line in scores(alone.stdout)), alone
    assert scores(many.stdout) == scores(alone.stdout)
    assert (tmp_path / "many.tsv").read_bytes() == (tmp_path / "alone.tsv").read_bytes()
    # A header and a line a sample.
    assert len((tmp_path / "alone.tsv").read_text().splitlines()) == 41 + 1
