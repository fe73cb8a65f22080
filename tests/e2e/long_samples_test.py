"""Samples and texts with more tokens than the model has positions: a warning with their exact number, and the model reads their start, as
Hugging Face's truncation=True does."""
import json
import re
import shutil

import h5py
import numpy as np
import pytest

from support import linnet, write_config, write_token_file

POSITIONS = 12


@pytest.fixture(scope="module")
def model(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("short") / "model"
    linnet("init", "--output", folder, "--tokenizer", sample.tokenizer, "--layers", 1, "--width", 32, "--heads", 4, "--positions", POSITIONS)
    return folder


def lengths(path):
    with h5py.File(path) as file:
        return np.diff(file["offsets"][:])


def warned(result):
    """(file, longer, of, positions, longest) of each warning."""
    found = re.findall(r"warning: (?:rank 0: )?(\S+): (\d+) of (\d+) samples have more tokens than the model's (\d+) positions, the longest (\d+): the model "
                       r"reads only the first \4 tokens of each\n", result.stderr)
    assert result.stderr.count("positions") == len(found), result
    return [(path, *map(int, numbers)) for path, *numbers in found]


def expected(*paths):
    return [(str(path), int((lengths(path) > POSITIONS).sum()), len(lengths(path)), POSITIONS, int(lengths(path).max())) for path in paths]


def configured(tmp_path, **settings):
    return write_config(tmp_path / "config.json", output_dir=tmp_path / "run", max_steps=2, logging_steps=1, save_strategy="no",
                        eval_strategy="epoch", global_batch_size=8, **settings)


@pytest.mark.parametrize("ranks", [1, 3])
def test_train_counts_both_files(sample, model, tmp_path, ranks):
    config = configured(tmp_path, model_name_or_path=model, train_file=sample.train, eval_file=sample.test)
    found = expected(sample.train, sample.test)
    assert all(0 < longer < of for _, longer, of, *_ in found)
    assert warned(linnet("train", config, ranks=ranks)) == found


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_evaluate_counts(sample, model, ranks):
    assert warned(linnet("evaluate", "--model", model, "--data", sample.test, ranks=ranks)) == expected(sample.test)
    assert warned(linnet("evaluate", "--model", sample.model, "--data", sample.test, ranks=ranks)) == []


def test_plan_counts(sample, model, tmp_path):
    config = configured(tmp_path, model_name_or_path=model, train_file=sample.train, eval_file=sample.test)
    linnet("plan", "--measure", config, "--constants", tmp_path / "constants.json")
    found = linnet("plan", config, "--ranks", 1, "--constants", tmp_path / "constants.json")
    assert warned(found) == expected(sample.train, sample.test)


@pytest.mark.parametrize("sizes, longer", [([12, 12, 3], 0), ([12, 13, 1], 1), ([13, 14, 500], 3), ([1, 2, 3], 0)])
def test_as_many_tokens_as_positions_are_not_too_many(sample, model, tmp_path, sizes, longer):
    """A limit that is never reached causes no warning, whatever max_length says."""
    path = write_token_file(tmp_path / "t.h5", [[5] * size for size in sizes], [0, 1, 2], sample.tokenizer, max_length=4000)
    found = warned(linnet("evaluate", "--model", model, "--data", path))
    assert found == ([(str(path), longer, 3, POSITIONS, max(sizes))] if longer else [])


def test_a_longer_sample_is_its_start(sample, model, tmp_path):
    """The probabilities are those of a file that prepare truncated to the model's positions."""
    linnet("prepare", "--input", sample.test_csv, "--output", tmp_path / "cut.h5", "--tokenizer", sample.tokenizer, "--max-length", POSITIONS)
    assert lengths(tmp_path / "cut.h5").max() == POSITIONS
    for name, data in ("long", sample.test), ("cut", tmp_path / "cut.h5"):
        linnet("evaluate", "--model", model, "--data", data, "--predictions", tmp_path / f"{name}.tsv")
    assert (tmp_path / "long.tsv").read_bytes() == (tmp_path / "cut.tsv").read_bytes()


def test_predict_counts(sample, model):
    """Each word `a` is one token or two, so 40 of them are too many, and one is not."""
    many = " ".join(["a"] * 40)
    told = "linnet: warning: {} of {} texts were truncated to 12 tokens, the most that the model reads\n"
    assert linnet("predict", "--model", model, many, "a", many).stderr == told.format(2, 3)
    assert linnet("predict", "--model", model, stdin=f"a\n{many}\n".encode()).stderr == told.format(1, 2)
    assert linnet("predict", "--model", model, "a").stderr == ""
    longer = linnet("predict", "--model", model, "--json", many, many + " b")
    first, second = (json.loads(line)["probabilities"] for line in longer.stdout.splitlines())
    assert first == second and longer.stderr == told.format(2, 2)


def test_predict_counts_the_samples_of_a_token_file(sample, model):
    assert warned(linnet("predict", "--model", model, "--input", sample.test)) == expected(sample.test)
    assert warned(linnet("predict", "--model", sample.model, "--input", sample.test)) == []


def test_predict_names_the_limit_of_the_tokenizer(sample, model, tmp_path):
    """Transformers truncates to model_max_length, also where the model reads more."""
    shutil.copytree(model, tmp_path / "m")
    config = tmp_path / "m/tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_max_length": 5}))
    assert "1 of 1 texts were truncated to 5 tokens, the tokenizer's model_max_length\n" in linnet("predict", "--model", tmp_path / "m", "a " * 40).stderr
