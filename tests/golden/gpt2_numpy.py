"""GPT2ForSequenceClassification in float64 with NumPy, for one text without padding. Tests check the final weights of runs with it."""
import numpy as np


def layer_norm(x, weights, name, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * weights[name + ".weight"] + weights[name + ".bias"]


def linear(x, weights, name):
    return x @ weights[name + ".weight"] + weights[name + ".bias"]


def attention(x, weights, name, heads, key_count):
    """x [T, C]; row r attends to the first key_count[r] rows."""
    length, width = x.shape
    q, k, v = (part.reshape(length, heads, -1).transpose(1, 0, 2) for part in np.split(linear(x, weights, name + ".c_attn"), 3, -1))
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(width // heads)
    scores[:, np.arange(length)[None] >= np.array(key_count)[:, None]] = -np.inf
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (scores / scores.sum(-1, keepdims=True)) @ v
    return linear(mixed.transpose(1, 0, 2).reshape(length, width), weights, name + ".c_proj")


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def place(ids, pooling, end_of_text, positions):
    """The rows to compute: ids, positions, number of keys that each attends to, and the row that the head reads."""
    length = len(ids)
    at, key_count, pooled = list(range(length)), list(range(1, length + 1)), length - 1
    if pooling == "padded_end" and length < positions:
        return ids + [end_of_text], at + [positions - 1], key_count + [length], length
    if pooling == "last_token":
        pooled = max((i for i in range(length) if ids[i] != end_of_text), default=0)
    return ids, at, key_count, pooled


def logits(weights, config, ids, pooling):
    """Logits [labels] of one text; weights as in model.safetensors."""
    weights = {name.removeprefix("transformer."): value.astype(np.float64) for name, value in weights.items()}
    epsilon, heads = config["layer_norm_epsilon"], config["n_head"]
    ids, at, key_count, pooled = place(ids, pooling, config["eos_token_id"], config["n_positions"])
    x = weights["wte.weight"][ids] + weights["wpe.weight"][at]
    for layer in range(config["n_layer"]):
        name = f"h.{layer}."
        x = x + attention(layer_norm(x, weights, name + "ln_1", epsilon), weights, name + "attn", heads, key_count)
        hidden = gelu(linear(layer_norm(x, weights, name + "ln_2", epsilon), weights, name + "mlp.c_fc"))
        x = x + linear(hidden, weights, name + "mlp.c_proj")
    return layer_norm(x, weights, "ln_f", epsilon)[pooled] @ weights["score.weight"].T
