"""A model folder that linnet writes has a complete tokenizer: the files of the one that went in, and the ones that it lacked as
Transformers saves them (tests/golden/tokenizer_saved.json)."""
import json
import shutil

import h5py
import pytest

from support import ROOT, TOKENIZER_FILES, linnet, refused, remove_tokenizer, train, write_config

SAVED = json.loads((ROOT / "tests/golden/tokenizer_saved.json").read_text(encoding="utf-8"))
END = "<|endoftext|>"
POSITIONS = 64
# What Transformers 5.24 notes about how it opened a tokenizer, which says nothing about the tokenizer.
NOTES = {"backend", "is_local", "local_files_only"}


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def merges_of(text):
    return [line.split(" ") for line in text.splitlines() if line and not line.startswith("#version")]


def folder_of(path, files, vocabulary=True):
    path.mkdir()
    for name in ("vocab.json", "merges.txt") if vocabulary else ():
        shutil.copy(ROOT / "tests/golden/tokenizer_small" / name, path)
    for name, content in files.items():
        (path / name).write_text(content if isinstance(content, str) else json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def init(folder, tokenizer):
    linnet("init", "--output", folder, "--tokenizer", tokenizer, "--layers", 1, "--width", 8, "--heads", 1, "--positions", POSITIONS)
    return folder


def assert_same_tokenizer_json(found, expected):
    """Equal but for the merges, which linnet writes as texts: tokenizers before 0.20 reads no pairs."""
    model = found["model"]
    assert model.pop("vocab") == json.loads(SAVED["files of 2019"]["vocab.json"])
    assert [merge.split(" ") for merge in model.pop("merges")] == merges_of(SAVED["files of 2019"]["merges.txt"])
    assert found == expected


@pytest.mark.parametrize("case", SAVED.values(), ids=SAVED)
def test_missing_files_are_what_transformers_saves(tmp_path, case):
    tokenizer = folder_of(tmp_path / "tokenizer", case["input"])
    model = init(tmp_path / "model", tokenizer)
    for name in {path.name for path in tokenizer.iterdir()} - {"tokenizer_config.json"}:
        assert (model / name).read_bytes() == (tokenizer / name).read_bytes(), name
    assert_same_tokenizer_json(read(model, "tokenizer.json"), case["tokenizer.json"])
    expected = {key: value for key, value in case["tokenizer_config.json"].items() if key not in NOTES}
    pad = expected["pad_token"] or END
    expected.update(pad_token=pad, model_max_length=min(expected["model_max_length"], POSITIONS))
    special = {key: value for key, value in expected.items() if key.endswith("_token")}
    found = read(model, "tokenizer_config.json")
    if "tokenizer_config.json" not in case["input"]:
        assert found == {key: value for key, value in expected.items() if key != "pad_token" or "special_tokens_map.json" not in case["input"]} | (
            {"pad_token": pad})
    else:
        given = case["input"]["tokenizer_config.json"]
        assert found == {**given, "pad_token": pad, "model_max_length": expected["model_max_length"]}
        assert list(found)[: len(given)] == list(given)
    assert read(model, "special_tokens_map.json") == special
    added = {token["content"]: token["id"] for token in case["tokenizer.json"]["added_tokens"]}
    assert read(model, "config.json")["pad_token_id"] == added[pad]
    assert read(model, "config.json")["vocab_size"] == max(added.values()) + 1
    assert (model / "added_tokens.json").exists() == ("added_tokens.json" in case["input"])


def test_tokenizer_json_alone(tmp_path):
    """What Transformers 5 saves: vocab.json and merges.txt are those that its own library writes."""
    case = SAVED["files of 2019"]
    whole = json.loads(json.dumps(case["tokenizer.json"]))
    whole["model"].update(vocab=json.loads(case["vocab.json"]), merges=merges_of(case["merges.txt"]))
    config = json.dumps(case["tokenizer_config.json"], indent=2) + "\n"
    tokenizer = folder_of(tmp_path / "tokenizer", {"tokenizer.json": whole, "tokenizer_config.json": config}, vocabulary=False)
    model = init(tmp_path / "model", tokenizer)
    assert (model / "tokenizer.json").read_bytes() == (tokenizer / "tokenizer.json").read_bytes()
    assert (model / "vocab.json").read_text(encoding="utf-8").strip() == case["vocab.json"]
    assert (model / "merges.txt").read_text(encoding="utf-8") == case["merges.txt"]
    # The two values are replaced in their places; all other bytes stay.
    expected = config.replace('"pad_token": null', f'"pad_token": "{END}"').replace(
        '"model_max_length": 1000000000000000019884624838656', f'"model_max_length": {POSITIONS}')
    assert (model / "tokenizer_config.json").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("config", [None, {"model_max_length": 8, "custom": 1.0}], ids=["tokenizer.json", "with a configuration"])
def test_class_is_written_down(tmp_path, config):
    """Transformers opens a tokenizer.json without a class as PreTrainedTokenizerFast, but beside a GPT-2 model's config.json as
    GPT2Tokenizer, which ignores add_prefix_space there."""
    case = SAVED["prefix space"]
    whole = json.loads(json.dumps(case["tokenizer.json"]))
    whole["model"].update(vocab=json.loads(SAVED["files of 2019"]["vocab.json"]), merges=merges_of(SAVED["files of 2019"]["merges.txt"]))
    files = {"tokenizer.json": whole, **({"tokenizer_config.json": config} if config else {})}
    tokenizer = folder_of(tmp_path / "tokenizer", files, vocabulary=False)
    model = init(tmp_path / "model", tokenizer)
    assert read(model, "tokenizer_config.json") == {"model_max_length": POSITIONS, **(config or {}), "pad_token": END,
                                                    "tokenizer_class": "PreTrainedTokenizerFast",
                                                    "model_input_names": ["input_ids", "attention_mask"]}
    (tmp_path / "table.csv").write_text("text,sentiment\nhello there,neutral\n")
    linnet("prepare", "--input", tmp_path / "table.csv", "--output", tmp_path / "data.h5", "--tokenizer", tokenizer)
    linnet("evaluate", "--model", model, "--data", tmp_path / "data.h5")  # by the same identity


def test_unknown_members_keep_their_bytes(tmp_path):
    """Numbers that a float64 cannot hold, floats that look like integers, escapes, layout."""
    config = '{"custom": {"b": 1.0, "a": [12345678901234567890, 1e400]},\n   "text": "\\u00e9\\/", "model_max_length": 8 }'
    tokenizer = folder_of(tmp_path / "tokenizer", {"tokenizer_config.json": config})
    saved = (init(tmp_path / "model", tokenizer) / "tokenizer_config.json").read_text(encoding="utf-8")
    assert saved == config.replace(' "model_max_length": 8 }', f' "model_max_length": 8,"pad_token": "{END}" }}')


@pytest.mark.tiny
def test_training_keeps_the_tokenizer(sample, job, tmp_path):
    """Checkpoints and the final model have the files of the model that training started from."""
    run = train(tmp_path, **{**job, "max_steps": 2, "save_strategy": "steps", "save_steps": 1})
    assert {path.name for path in sample.model.iterdir()} >= set(TOKENIZER_FILES) - {"added_tokens.json", "chat_template.jinja"}
    for folder in run, run / "checkpoint-1", run / "checkpoint-2":
        for name in TOKENIZER_FILES:
            assert (folder / name).exists() == (sample.model / name).exists(), name
            if (folder / name).exists():
                assert (folder / name).read_bytes() == (sample.model / name).read_bytes(), name
    linnet("evaluate", "--model", run, "--data", sample.test)  # by the same identity
    linnet("predict", "--model", run, "hello")


@pytest.mark.tiny
def test_training_completes_an_old_folder(sample, job, copy_of, tmp_path):
    """vocab.json and merges.txt alone, a chat template, and a config.json with members that linnet does not know."""
    model = copy_of(sample.model)
    for name in "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json":
        (model / name).unlink()
    (model / "chat_template.jinja").write_text("{{ messages }}")
    text = (model / "config.json").read_text()
    text = text.replace('{\n', '{\n  "_name_or_path": "somewhere/else",\n  "custom": {"x": 1.0, "y": [1e2, null]},\n', 1)
    (model / "config.json").write_text(text)
    run = train(tmp_path, **{**job, "model_name_or_path": model, "max_steps": 1})
    for name in "vocab.json", "merges.txt", "chat_template.jinja":
        assert (run / name).read_bytes() == (model / name).read_bytes(), name
    for name in "tokenizer.json", "special_tokens_map.json", "tokenizer_config.json":
        assert read(run, name) == read(sample.model, name), name
    lines = (run / "config.json").read_text().splitlines()
    assert lines[:3] == ["{", '  "_name_or_path": "somewhere/else",', '  "custom": {"x": 1.0, "y": [1e2, null]},']


def test_pad_token_of_the_tokenizer_becomes_the_models(sample, job, copy_of, tmp_path):
    """As Trainer does with a processing_class; the text then ends before the last token that is not this one."""
    model = copy_of(sample.model)
    config = read(model, "config.json")
    pad = read(model, "vocab.json")["!"]
    (model / "config.json").write_text(json.dumps({**config, "pad_token_id": pad}))
    run = train(tmp_path / "a", **{**job, "model_name_or_path": model, "max_steps": 1})
    assert read(run, "config.json")["pad_token_id"] == config["eos_token_id"]
    assert read(run, "config.json")["problem_type"] == "single_label_classification"


def test_model_without_a_tokenizer(sample, job, copy_of, tmp_path):
    """It can be trained, and the first and the last lines say that it cannot predict."""
    model = copy_of(sample.model)
    remove_tokenizer(model)
    run = tmp_path / "run"
    config = write_config(tmp_path / "config.json", **{**job, "model_name_or_path": model, "max_steps": 1, "output_dir": run})
    warnings = [line for line in linnet("train", config).stderr.splitlines() if "warning" in line]
    assert len(warnings) == 2 and all("tokenizer" in line and "linnet predict" in line for line in warnings), warnings
    assert str(model) in warnings[0] and str(run) in warnings[1]
    assert not [name for name in TOKENIZER_FILES if (run / name).exists()]
    refused("predict", "--model", run, "hello", names=[run])
    for name in "vocab.json", "merges.txt":
        shutil.copy(sample.tokenizer / name, run)
    linnet("predict", "--model", run, "hello")


@pytest.mark.parametrize("damage", ["empty", "half a pair", "another kind"])
def test_model_with_a_damaged_tokenizer_is_not_trained(sample, job, copy_of, tmp_path, damage):
    """A run must not end well with a model that predict refuses."""
    model = copy_of(sample.model)
    if damage == "half a pair":
        for name in "tokenizer.json", "merges.txt":
            (model / name).unlink()
    else:
        text = "" if damage == "empty" else json.dumps({"version": "1.0", "model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}})
        (model / "tokenizer.json").write_text(text)
    run = tmp_path / "run"
    config = write_config(tmp_path / "config.json", **{**job, "model_name_or_path": model, "output_dir": run})
    refused("train", config, names=[model])
    assert not (run / "config.json").exists()


def test_tokens_added_without_enlarging_the_model(sample, job, copy_of, tmp_path):
    """As after add_tokens() without resize_token_embeddings(): Transformers fails with an IndexError in the embedding."""
    model = copy_of(sample.model)
    config = read(model, "tokenizer_config.json")
    (model / "tokenizer_config.json").write_text(json.dumps({**config, "extra_special_tokens": ["@user"]}))
    table, data = tmp_path / "texts.csv", tmp_path / "texts.h5"
    table.write_text("text,sentiment\nhi @user,neutral\n")
    linnet("prepare", "--input", table, "--output", data, "--tokenizer", model)
    run = write_config(tmp_path / "config.json", **{**job, "model_name_or_path": model, "train_file": data, "output_dir": tmp_path / "run"})
    refused("train", run, names=[data, model, "resize_token_embeddings()"])
    run = write_config(tmp_path / "config.json", **{**job, "train_file": data, "output_dir": tmp_path / "run"})
    refused("train", run, names=[data, "another tokenizer", f"--tokenizer {sample.model}"])


@pytest.mark.parametrize("file", ["added_tokens.json", "added_tokens_decoder", "additional_special_tokens", "tokenizer.json"])
def test_many_added_tokens(tmp_path, file):
    """As many as a table of users may have. Their ids follow the vocabulary in the order of the file, as Transformers gives them
    (tests/peer/transformers_tokenizer_test.py compares live)."""
    count = 20_000
    vocabulary = len(json.loads(SAVED["files of 2019"]["vocab.json"]))
    texts = {f"[{i}]": vocabulary + i for i in range(count)}
    tokens = [{"id": id, "content": text, "special": False, "lstrip": False, "rstrip": False, "single_word": False, "normalized": True} for text, id in texts.items()]
    if file == "added_tokens.json":
        files = {file: texts}
    elif file == "tokenizer.json":
        files = {file: {**SAVED["files of 2019"]["tokenizer.json"], "added_tokens": tokens}, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "[0]"}}
        files[file]["model"] = {**files[file]["model"], "vocab": json.loads(SAVED["files of 2019"]["vocab.json"]), "merges": merges_of(SAVED["files of 2019"]["merges.txt"])}
    else:
        value = list(texts) if file == "additional_special_tokens" else {str(token.pop("id")): token for token in tokens}
        files = {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", file: value}}
    folder = folder_of(tmp_path / "tokenizer", files)
    table, data = tmp_path / "texts.csv", tmp_path / "texts.h5"
    table.write_text(f"text,sentiment\n[{count - 1}][7][7777],a\n[{count - 1}]" + "[1]" * 3 + ",a\n")
    linnet("prepare", "--input", table, "--output", data, "--tokenizer", folder, "--labels", "a,b")
    with h5py.File(data) as prepared:
        assert (prepared["tokens"][:] - vocabulary).tolist() == [count - 1, 7, 7777, count - 1, 1, 1, 1]
