"""Fixtures of the Python tests."""
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from support import EMULATED, LINNET, ROOT, linnet

sys.path.insert(0, str(ROOT / "scripts"))
import make_sample  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "tiny: quick enough to run under the sanitizers, too")


def pytest_sessionstart(session):
    if not shutil.which(LINNET):
        pytest.exit(f"no program {LINNET}: run make", returncode=2)


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A small prepared sample and a tiny model: .folder .tokenizer .train .test .model, .train_csv .test_csv.

    90 training samples are no multiple of the tests' global batches, so that every epoch ends with a partial batch."""
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, ROOT / "scripts/make_sample.py", folder, "--train", "90", "--test", "41", "--merges", "200"],
                   check=True, timeout=60)
    made = SimpleNamespace(folder=folder, tokenizer=folder / "tokenizer", model=folder / "model", train=folder / "train.h5",
                           test=folder / "test.h5", train_csv=folder / "train.csv", test_csv=folder / "test.csv")
    linnet("prepare", "--input", made.train_csv, "--output", made.train, "--tokenizer", made.tokenizer)
    linnet("prepare", "--input", made.test_csv, "--output", made.test, "--tokenizer", made.tokenizer)
    linnet("init", "--output", made.model, "--tokenizer", made.tokenizer, "--layers", "2", "--width", "32", "--heads", "4")
    return made


@pytest.fixture
def job(sample):
    """The settings of a short run with dropout, for support.train()."""
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=20, reduction_units=4,
                max_steps=10, learning_rate=1e-3, logging_steps=1, save_strategy="no", dropout=0.1)


@pytest.fixture
def copy_of(tmp_path):
    """A function that copies a file or folder to the folder of the test, which may damage it."""

    def copy(source, name=None):
        target = tmp_path / (name or source.name)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        return target

    return copy


@pytest.fixture(scope="session")
def byte_tokenizer(tmp_path_factory):
    """A tokenizer with the 256 bytes and end-of-text (257 ids), for models with a tiny vocabulary."""
    folder = tmp_path_factory.mktemp("bytes")
    make_sample.write_tokenizer(folder, [], 0)
    return folder


def preloaded(name, folder):
    """Build a library of tests/fault for LD_PRELOAD."""
    library = folder / f"{name}.so"
    compiler = ROOT / "tests/arm/mpicc" if EMULATED else "cc"
    subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", library, ROOT / f"tests/fault/{name}.c",
                    "-ldl"], check=True, timeout=60)
    return library


def preload(library):
    """The environment that preloads a library: by the variable of its own that qemu has for the program it runs."""
    return {"QEMU_SET_ENV": f"LD_PRELOAD={library}"} if EMULATED else {"LD_PRELOAD": str(library)}


@pytest.fixture(scope="session")
def at_call(tmp_path_factory):
    """A function that returns the environment in which tests/fault/at_call.c makes a rank fail at a given call."""
    library = preloaded("at_call", tmp_path_factory.mktemp("at_call"))

    def environment(rank, call, do, number=1, path="", **more):
        return {**preload(library), "AT_RANK": str(rank), "AT_CALL": call, "AT_DO": str(do), "AT_NUMBER": str(number), "AT_PATH": path,
                **more}

    return environment


@pytest.fixture(scope="session")
def fail_calls(tmp_path_factory):
    """A function that returns the environment in which tests/fault/fail_calls.c makes system calls fail."""
    library = preloaded("fail_calls", tmp_path_factory.mktemp("fail_calls"))

    def environment(**fault):
        return {**preload(library), **{f"FAULT_{key.upper()}": str(value) for key, value in fault.items()}}

    return environment
