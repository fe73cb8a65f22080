"""aarch64 and x86-64 compute the same bits: build/arm/bin/linnet, which is the program of aarch64 under qemu, and build/linnet."""
import re
import shutil

import pytest

import support
from support import ROOT, events, linnet, train, weights_digest, without_timing

X86 = str(ROOT / "build/linnet")


@pytest.fixture(scope="module")
def x86():
    """A function that calls another one with the program of x86-64 in place of aarch64's."""

    def call(function, *arguments, **settings):
        other, support.LINNET = support.LINNET, X86
        try:
            return function(*arguments, **settings)
        finally:
            support.LINNET = other

    if any(line.split() == ["kernels", "base"] for line in call(linnet, "--version").stdout.splitlines()):
        pytest.skip("this CPU has no fused multiply-add, and aarch64 has")
    return call


def results(run):
    """The digest of the weights, and what was logged."""
    return weights_digest(run), without_timing(events(run))


@pytest.fixture
def both(monkeypatch, tmp_path):
    """Rank 1 runs the program of aarch64, the others that of x86-64."""
    program = tmp_path / "both.sh"
    program.write_text(f'#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = 1 ] && exec {support.LINNET} "$@"\nexec {X86} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(support, "LINNET", str(program))
    # The one way to share memory that both have: qemu lacks the system call of the other.
    return {"OMPI_MCA_btl_vader_single_copy_mechanism": "none"}


# What qemu emulates: the length of SVE's vectors is a multiple of 128 bits; none means NEON's kernels.
CPUS = {"neon": "max,sve=off", "sve256": "max,sve-max-vq=2", "sve512": "max,sve-max-vq=4"}


# The 20 columns of a head are no multiple of the vectors of either processor, 64 are one of both.
@pytest.mark.parametrize("isa, layers, width, heads, ranks", [("neon", 2, 60, 3, 1), ("neon", 1, 128, 2, 2), ("sve256", 2, 60, 3, 2), ("sve512", 2, 60, 3, 1)])
def test_same_run(sample, x86, job, tmp_path, isa, layers, width, heads, ranks):
    """A new model and its training with dropout and evaluations; x86-64 has one rank."""
    shape = ["--tokenizer", sample.tokenizer, "--layers", layers, "--width", width, "--heads", heads]
    linnet("init", "--output", tmp_path / "model", *shape)
    x86(linnet, "init", "--output", tmp_path / "x86-model", *shape)
    assert weights_digest(tmp_path / "model") == weights_digest(tmp_path / "x86-model")
    settings = {**job, "model_name_or_path": tmp_path / "model", "max_steps": 6, "eval_file": sample.test, "eval_strategy": "steps",
                "eval_steps": 3}
    expected = results(x86(train, tmp_path / "x86", **settings))
    cpu = {"QEMU_CPU": CPUS[isa]}
    assert re.search(rf"^kernels +{isa}$", linnet("--version", env=cpu).stdout, re.M)
    assert results(train(tmp_path / "arm", ranks=ranks, env=cpu, **settings)) == expected


@pytest.mark.parametrize("isa", ["avx2", "avx512"])  # where the CPU lacks it, the best that it has
def test_run_goes_on_elsewhere(sample, x86, job, tmp_path, isa):
    """A run begun by a set of kernels of x86-64 goes on on aarch64, and ends as if it had not moved."""
    settings = {**job, "save_strategy": "steps", "save_steps": 4, "max_steps": 6, "env": {"LINNET_ISA": isa}}
    stayed = x86(train, tmp_path / "stayed", **settings)
    moved = tmp_path / "moved/run"
    shutil.copytree(stayed / "checkpoint-4", moved / "checkpoint-4")
    train(tmp_path / "moved", ranks=2, resume_from_checkpoint=True, **{**settings, "env": None})
    assert weights_digest(moved) == weights_digest(stayed)


def test_job_on_both(sample, x86, both, job, tmp_path):
    """The ranks of a job may be of both processors."""
    expected = results(x86(train, tmp_path / "x86", **job))
    assert results(train(tmp_path / "both", ranks=3, env=both, **job)) == expected
