"""A trained folder in Transformers' pipeline and AutoTokenizer, for the kinds of tokenizer folder that training starts from. Run by
`make test-peers`."""
import json

import pytest
import torch
import transformers

from support import LABELS, linnet, train

torch.set_num_threads(1)  # more would only wait for each other in models this small
POSITIONS = 64
END = "<|endoftext|>"
# Longer than the model's positions, of many lengths for the batches, with every kind of special token.
TEXTS = [" ".join(["the bird sings over hills"] * 300), "a", "happy", "i love this song " * 7, f"sad{END}", f"{END} morning", "@user [PAD] hi",
         "12 birds", "naïve café 🐦", " the rain  ", "far hears", " ".join(["small"] * 1500), "they fly quickly, it's today!!!"]


def config_of(tokenizer, **more):
    """A model for it, as GPT2Config of Transformers writes it, and a member that nobody knows."""
    names = dict(id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)})
    return transformers.GPT2Config(vocab_size=len(tokenizer), n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=4, bos_token_id=0,
                                   eos_token_id=tokenizer.eos_token_id, custom={"x": 1.0}, **{**names, **more})


def added(content, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True, **flags}


def transformers_4(folder, tokenizer, **more):
    """The files that Transformers 4 saves beside vocab.json and merges.txt."""
    number = tokenizer.convert_tokens_to_ids(END)
    names = {"bos_token": END, "eos_token": END, "unk_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps({**names, **{k: v for k, v in more.items() if k == "pad_token"}}, indent=2))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": {str(number): added(END)}, "clean_up_tokenization_spaces": True,
        **names, "errors": "replace", "model_max_length": POSITIONS, "tokenizer_class": "GPT2Tokenizer", **more}, indent=2))


def save(folder, tokenizer, kind):
    """The tokenizer's files in the model's folder; kind is its name in KINDS."""
    if kind.startswith("Transformers 5"):
        tokenizer.save_pretrained(folder)
        if kind == "Transformers 5, plain class":
            tokenizer.backend_tokenizer.pre_tokenizer.add_prefix_space = True
            tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
            (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END}))
        return
    tokenizer.backend_tokenizer.model.save(str(folder))
    if kind == "Transformers 4":
        transformers_4(folder, tokenizer)
    elif kind == "Transformers 4, pad token and length":
        transformers_4(folder, tokenizer, pad_token=END, model_max_length=1024)
    elif kind == "Transformers 4, both forms":
        tokenizer.save_pretrained(folder)
        transformers_4(folder, tokenizer)
    elif kind == "begin of text":
        (folder / "tokenizer_config.json").write_text(json.dumps({"add_bos_token": True, "add_prefix_space": True}))
    elif kind == "added tokens":
        size = len(tokenizer)
        (folder / "added_tokens.json").write_text(json.dumps({"[PAD]": size, "@user": size + 1}))
        (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]", "eos_token": END, "bos_token": END, "unk_token": END}))


KINDS = ["files of 2019", "Transformers 4", "Transformers 4, pad token and length", "Transformers 4, both forms", "Transformers 5",
         "Transformers 5, pad token", "Transformers 5, added tokens", "Transformers 5, plain class", "begin of text", "added tokens"]


@pytest.fixture(params=KINDS)
def model(request, sample, tmp_path):
    folder, kind = tmp_path / "model", request.param
    folder.mkdir()
    tokenizer = transformers.GPT2Tokenizer.from_pretrained(sample.tokenizer)
    if kind == "Transformers 5, pad token":
        tokenizer.pad_token = END
    if kind == "Transformers 5, added tokens":
        tokenizer.add_tokens(["@user", transformers.AddedToken(" hi", single_word=True, rstrip=True)])
        tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    save(folder, tokenizer, kind)
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    opened = transformers.AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(2)
    transformers.GPT2ForSequenceClassification(config_of(opened, initializer_range=0.3)).save_pretrained(folder)
    return folder


def test_pipeline_agrees_with_predict(model, sample, tmp_path, difference):
    linnet("prepare", "--input", sample.train_csv, "--output", tmp_path / "train.h5", "--tokenizer", model, "--max-length", POSITIONS)
    run = train(tmp_path, model_name_or_path=model, train_file=tmp_path / "train.h5", max_steps=3, learning_rate=1e-3,
                per_device_train_batch_size=8, save_strategy="steps", save_steps=3, threads_per_rank=1)
    before, after = (transformers.AutoTokenizer.from_pretrained(folder) for folder in (model, run))
    assert [after(text).input_ids for text in TEXTS] == [before(text).input_ids for text in TEXTS]
    assert after.pad_token is not None and after.model_max_length == POSITIONS
    assert transformers.AutoConfig.from_pretrained(run).pad_token_id == after.pad_token_id
    result = linnet("predict", "--model", run, "--json", "--", *TEXTS)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for folder in run, run / "checkpoint-3":
        classify = transformers.pipeline("text-classification", model=str(folder), batch_size=8, truncation=True, top_k=None)
        for text, line, answer in zip(TEXTS, lines, classify(TEXTS), strict=True):
            # Two implementations in float32.
            scores = {entry["label"]: entry["score"] for entry in answer}
            assert difference([line["probabilities"][name] for name in LABELS], [scores[name] for name in LABELS]) < 1e-5, text


@pytest.mark.parametrize("model", ["files of 2019", "Transformers 5, added tokens"], indirect=True)
def test_config_is_what_trainer_saves(model, sample, tmp_path):
    """But for linnet's member, and what Transformers writes of itself."""
    linnet("prepare", "--input", sample.train_csv, "--output", tmp_path / "train.h5", "--tokenizer", model, "--max-length", POSITIONS)
    run = train(tmp_path, model_name_or_path=model, train_file=tmp_path / "train.h5", max_steps=1, per_device_train_batch_size=8, threads_per_rank=1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    peer = transformers.AutoModelForSequenceClassification.from_pretrained(model)
    data = [{**tokenizer(text, truncation=True, max_length=POSITIONS), "labels": i % 3} for i, text in enumerate(TEXTS)]
    arguments = transformers.TrainingArguments(tmp_path / "peer", max_steps=1, report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True)
    trainer = transformers.Trainer(peer, arguments, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    trainer.save_model()
    mine, theirs = (json.loads((folder / "config.json").read_text()) for folder in (run, tmp_path / "peer"))
    del mine["linnet"]
    # Trainer takes the other special tokens from the tokenizer, too, and turns the cache of generation off.
    for key in "bos_token_id", "eos_token_id", "use_cache", "transformers_version":
        mine.pop(key, None), theirs.pop(key, None)
    assert mine == theirs
