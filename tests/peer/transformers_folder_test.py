"""Model folders against Transformers: each reads the folders that the other writes, with equal values.

Run by `make test-peers`, whose Python has PyTorch and Transformers.
"""

import hashlib
import json
import math
import os
import subprocess

import pytest
import safetensors.torch as safetensors_torch
import torch
import transformers

LINNET = os.environ.get("LINNET", "build/linnet")
LABELS = ["negative", "neutral", "positive"]
SIZES = dict(layers=3, width=48, heads=4, positions=64)


def linnet(*arguments):
    return subprocess.run([LINNET, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def byte_characters():
    """GPT-2's printable characters for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A small complete GPT-2 tokenizer: the bytes, one merge, end-of-text."""
    folder = tmp_path_factory.mktemp("tokenizer")
    words = byte_characters() + ["he", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\nh e\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def new_model(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("init") / "model"
    sizes = [word for key, value in SIZES.items() for word in (f"--{key}", value)]
    done = linnet("init", "--output", folder, "--tokenizer", tokenizer, *sizes)
    assert done.returncode == 0, done.stderr
    return folder


def peer_config(**changes):
    sizes = dict(vocab_size=258, n_positions=64, n_embd=48, n_layer=3, n_head=4, bos_token_id=257, eos_token_id=257)
    names = dict(id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)})
    return transformers.GPT2Config(**{**sizes, **names, **changes})


def expected_digest(model):
    """SHA-256 of all values as float32: both embeddings, then layer by layer in linnet's order."""
    state = {name.removeprefix("transformer."): value for name, value in model.state_dict().items()}
    layer = ["ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight",
             "attn.c_proj.bias", "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight",
             "mlp.c_proj.bias"]
    names = ["wte.weight", "wpe.weight"]
    names += [f"h.{i}.{name}" for i in range(model.config.n_layer) for name in layer]
    names += ["ln_f.weight", "ln_f.bias"] + ["score.weight"] * ("score.weight" in state)
    digest = hashlib.sha256()
    for name in names:
        digest.update(state[name].detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def inspected(folder):
    done = linnet("inspect", folder)
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    return {name: value for name, value in rows}, done.stderr


def test_transformers_opens_a_new_model(new_model):
    model, info = transformers.AutoModelForSequenceClassification.from_pretrained(new_model, output_loading_info=True)
    assert type(model).__name__ == "GPT2ForSequenceClassification"
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.config.pad_token_id == model.config.eos_token_id == 257
    stored = safetensors_torch.load_file(new_model / "model.safetensors")
    state = model.state_dict()
    assert set(stored) == set(state)
    assert all(torch.equal(stored[name], state[name]) and stored[name].dtype == torch.float32 for name in stored)
    assert inspected(new_model)[0]["values"] == "SHA-256 " + expected_digest(model)


def test_new_weights_have_the_distribution_of_transformers(new_model):
    stored = safetensors_torch.load_file(new_model / "model.safetensors")
    peer = transformers.GPT2ForSequenceClassification(peer_config()).state_dict()
    for name, value in peer.items():
        mine = stored[name]
        assert mine.shape == value.shape
        if value.std(correction=0) == 0:  # biases and LayerNorms
            assert torch.equal(mine, value), name
            continue
        scaled = name.endswith("c_proj.weight")
        deviation = 0.02 / math.sqrt(2 * SIZES["layers"]) if scaled else 0.02
        # The standard errors of n draws are σ/√n for the mean and σ/√(2n) for the deviation; five times that has a chance of 10^-6.
        stray = 5 * deviation / math.sqrt(value.numel())
        for drawn in (mine, value):
            assert abs(drawn.mean().item()) < stray, name
            assert abs(drawn.std().item() - deviation) < stray, name


def test_transformers_opens_the_tokenizer(new_model):
    tokenizer = transformers.AutoTokenizer.from_pretrained(new_model)
    assert tokenizer("he<|endoftext|>")["input_ids"] == [256, 257]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shard", [None, "100KB"])
def test_reads_models_that_transformers_saves(tmp_path, dtype, shard):
    torch.manual_seed(3)
    model = transformers.GPT2ForSequenceClassification(peer_config()).to(getattr(torch, dtype))
    model.save_pretrained(tmp_path, **({"max_shard_size": shard} if shard else {}))
    assert (tmp_path / "model.safetensors.index.json").exists() == bool(shard)
    rows, complaints = inspected(tmp_path)
    assert rows["values"] == "SHA-256 " + expected_digest(model)
    assert int(rows["parameters"]) == sum(value.numel() for value in model.parameters())
    assert "ignored" not in complaints


@pytest.mark.parametrize("kind", ["GPT2Model", "GPT2LMHeadModel"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shard", [None, "100KB"])
def test_reads_models_without_a_head(tmp_path, kind, dtype, shard):
    torch.manual_seed(4)
    model = getattr(transformers, kind)(peer_config(id2label={0: "LABEL_0"}, label2id={"LABEL_0": 0})).to(getattr(torch, dtype))
    model.save_pretrained(tmp_path, **({"max_shard_size": shard} if shard else {}))
    assert (tmp_path / "model.safetensors.index.json").exists() == bool(shard)
    rows, complaints = inspected(tmp_path)
    assert rows["head"].startswith("none")
    assert rows["values"] == "SHA-256 " + expected_digest(model)
    assert "ignored" not in complaints


def test_finds_a_value_that_is_not_finite(tmp_path):
    model = transformers.GPT2ForSequenceClassification(peer_config())
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.bias[7] = math.nan
    model.save_pretrained(tmp_path)
    done = linnet("inspect", tmp_path)
    assert done.returncode == 1
    assert "transformer.h.1.mlp.c_fc.bias" in done.stderr and "7" in done.stderr


def test_init_overwrites_nothing(new_model, tokenizer):
    before = (new_model / "model.safetensors").read_bytes()
    done = linnet("init", "--output", new_model, "--tokenizer", tokenizer, "--layers", 1, "--width", 8, "--heads", 1)
    assert done.returncode == 1 and str(new_model) in done.stderr
    assert (new_model / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in new_model.parent.iterdir()) == ["model"]
