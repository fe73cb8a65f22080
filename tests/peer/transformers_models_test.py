"""Folders that Transformers, Trainer and the hub's cache hold, in linnet: its probabilities are those of the pipeline. Run by
`make test-peers`."""
import json
import shutil

import pytest
import torch
import transformers

from support import LABELS, linnet, train

torch.set_num_threads(1)  # more would only wait for each other in models this small
TEXTS = ["the bird sings over hills", "a", "happy day", "sad rain " * 300, "they fly quickly, it's today!!!", "naïve café"]


@pytest.fixture(scope="module")
def tokenizer(sample):
    made = transformers.GPT2Tokenizer.from_pretrained(sample.tokenizer)
    made.pad_token, made.model_max_length = made.eos_token, 64
    return made


def classifier(tokenizer, dtype="float32", **sizes):
    """With logits of some size, so that the labels differ."""
    sizes = {"n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.3, **sizes}
    config = transformers.GPT2Config(vocab_size=len(tokenizer), **sizes, eos_token_id=tokenizer.eos_token_id,
                                     pad_token_id=tokenizer.pad_token_id, id2label=dict(enumerate(LABELS)),
                                     label2id={name: i for i, name in enumerate(LABELS)})
    torch.manual_seed(5)
    return transformers.GPT2ForSequenceClassification(config).to(getattr(torch, dtype))


def agree(difference, ours, theirs):
    """linnet predict on one folder, the pipeline on another; a model kept in 16 bits is computed in float32 by both."""
    classify = transformers.pipeline("text-classification", model=str(theirs), truncation=True, batch_size=8, top_k=None, dtype=torch.float32)
    lines = [json.loads(line) for line in linnet("predict", "--model", ours, "--json", "--", *TEXTS).stdout.splitlines()]
    answers = [{entry["label"]: entry["score"] for entry in answer} for answer in classify(TEXTS)]
    assert [line["label"] for line in lines] == [max(answer, key=answer.get) for answer in answers]
    # Two implementations in float32.
    assert difference([line["probabilities"][name] for line in lines for name in LABELS],
                      [answer[name] for answer in answers for name in LABELS]) < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shard", [None, "20KB"])
def test_classifiers(tokenizer, tmp_path, difference, dtype, shard):
    classifier(tokenizer, dtype).save_pretrained(tmp_path, **({"max_shard_size": shard} if shard else {}))
    tokenizer.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2 if shard else (tmp_path / "model.safetensors").exists()
    agree(difference, tmp_path, tmp_path)


def test_a_model_of_the_size_of_gpt2(tokenizer, tmp_path, difference):
    """12 layers of width 768, and a text of several hundred tokens."""
    classifier(tokenizer, n_embd=768, n_layer=12, n_head=12, n_positions=1024, initializer_range=0.05).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": 1024}))
    agree(difference, tmp_path, tmp_path)


@pytest.mark.parametrize("kind", ["GPT2Model", "GPT2LMHeadModel"])
def test_training_starts_from_models_without_a_head(sample, tokenizer, tmp_path, difference, kind):
    """And Transformers opens the result."""
    config = classifier(tokenizer).config
    getattr(transformers, kind)(config).save_pretrained(tmp_path / "model", max_shard_size="20KB")
    tokenizer.save_pretrained(tmp_path / "model")
    linnet("prepare", "--input", sample.train_csv, "--output", tmp_path / "train.h5", "--tokenizer", tmp_path / "model")
    run = train(tmp_path, model_name_or_path=tmp_path / "model", train_file=tmp_path / "train.h5", max_steps=3, save_strategy="no")
    agree(difference, run, run)


@pytest.fixture(scope="module")
def trained(tokenizer, tmp_path_factory):
    """The output folder of Trainer, with two checkpoints."""
    folder = tmp_path_factory.mktemp("trainer") / "out"
    data = [{**tokenizer(text, truncation=True), "labels": i % 3} for i, text in enumerate(TEXTS)]
    arguments = transformers.TrainingArguments(str(folder), max_steps=4, save_steps=2, per_device_train_batch_size=2, learning_rate=1e-2,
                                               use_cpu=True, report_to="none", disable_tqdm=True)
    trainer = transformers.Trainer(classifier(tokenizer), arguments, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    trainer.save_model()
    return folder


@pytest.mark.parametrize("below", ["", "checkpoint-2", "checkpoint-4"])
def test_folders_of_trainer(trained, difference, below):
    agree(difference, trained / below, trained / below)


def test_base_of_its_card_is_none(sample, trained, tmp_path):
    """A folder is no name on the hub, whatever it is called."""
    linnet("prepare", "--input", sample.train_csv, "--output", tmp_path / "train.h5", "--tokenizer", trained)
    run = train(tmp_path, model_name_or_path=trained, train_file=tmp_path / "train.h5", max_steps=1, save_strategy="no")
    assert "base_model" not in (run / "README.md").read_text()


def test_cache_of_the_hub(trained, tmp_path, difference):
    """The layout is right if Transformers finds the model in it by name."""
    cached = tmp_path / "models--someone--tweets"
    snapshot = cached / "snapshots" / ("0a1b" * 10)
    for made in snapshot, cached / "blobs", cached / "refs":
        made.mkdir(parents=True)
    (cached / "refs/main").write_text(snapshot.name)
    for number, path in enumerate(path for path in trained.iterdir() if path.is_file()):
        shutil.copy(path, cached / "blobs" / str(number))
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    found = transformers.AutoModelForSequenceClassification.from_pretrained("someone/tweets", cache_dir=tmp_path, local_files_only=True)
    found.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved/model.safetensors").read_bytes() == (snapshot / "model.safetensors").read_bytes()
    for folder in cached, snapshot:
        agree(difference, folder, trained)
