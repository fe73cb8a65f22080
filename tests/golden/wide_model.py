"""A model with a vocabulary of 70,000 tokens, and samples for it: more ids than 16 bits hold. Weights and samples are drawn by NumPy's
RandomState, whose numbers are the same in every version, so that only PyTorch's figures for them are in the repository."""
import json

import numpy as np

from support import LABELS, write_safetensors

VOCABULARY = 70_000
END = VOCABULARY - 1  # <|endoftext|>
POSITIONS, WIDTH, LAYERS, HEADS = 24, 16, 2, 2
GLOBAL_BATCH, STEPS, RATE = 8, 6, 1e-2

CONFIG = {
    "architectures": ["GPT2ForSequenceClassification"], "model_type": "gpt2", "vocab_size": VOCABULARY, "n_positions": POSITIONS,
    "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": END,
    "eos_token_id": END, "pad_token_id": END, "layer_norm_epsilon": 1e-5, "id2label": {str(i): name for i, name in enumerate(LABELS)},
    "label2id": {name: i for i, name in enumerate(LABELS)}}


def shapes():
    yield "transformer.wte.weight", (VOCABULARY, WIDTH)
    yield "transformer.wpe.weight", (POSITIONS, WIDTH)
    for layer in range(LAYERS):
        for name, shape in (("ln_1", (WIDTH,)), ("attn.c_attn", (WIDTH, 3 * WIDTH)), ("attn.c_proj", (WIDTH, WIDTH)), ("ln_2", (WIDTH,)),
                            ("mlp.c_fc", (WIDTH, 4 * WIDTH)), ("mlp.c_proj", (4 * WIDTH, WIDTH))):
            yield f"transformer.h.{layer}.{name}.weight", shape
            yield f"transformer.h.{layer}.{name}.bias", shape[-1:]
    yield "transformer.ln_f.weight", (WIDTH,)
    yield "transformer.ln_f.bias", (WIDTH,)
    yield "score.weight", (len(LABELS), WIDTH)


def weights():
    """Tensors by name, float32."""
    draw = np.random.RandomState(70)
    return {name: (draw.standard_normal(shape) * 0.2 + (".ln_" in name and name.endswith("weight"))).astype("<f4") for name, shape in shapes()}


def samples():
    """48 lists of ids and their labels. Each list is one of twelve, half of them with 65,536 added to every id: cut to 16 bits these would
    be the same text as the other half, which has another label. A few have end-of-text at their end or inside."""
    draw = np.random.RandomState(16)
    low = [draw.randint(0, VOCABULARY - 2**16 - 1, size=draw.randint(1, POSITIONS)).tolist() for _ in range(12)]
    ids = [[token + 2**16 * (i // 12 % 2) for token in low[i % 12]] for i in range(48)]
    ids[5][-1:] = [END]
    ids[17].insert(0, END)
    ids[40] = [END]
    return ids, [(i % 12 + i // 12 % 2) % len(LABELS) for i in range(48)]


def write_model(folder, tokenizer):
    """A model folder; `tokenizer` has a vocab.json and merges.txt of VOCABULARY tokens."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    write_safetensors(folder / "model.safetensors", weights())
    for name in ("vocab.json", "merges.txt"):
        (folder / name).write_bytes((tokenizer / name).read_bytes())
    return folder


def write_tokenizer(folder, small):
    """GPT-2's 256 bytes as in `small`, then tokens that no merge makes, and end-of-text as the last."""
    folder.mkdir()
    vocabulary = json.loads((small / "vocab.json").read_text(encoding="utf-8"))
    del vocabulary["<|endoftext|>"]
    vocabulary.update({f"filler{i}": i for i in range(len(vocabulary), END)}, **{"<|endoftext|>": END})
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_bytes((small / "merges.txt").read_bytes())
    return folder
