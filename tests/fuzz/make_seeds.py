#!/usr/bin/env python3
"""Write tests/fuzz/seeds/: a few small inputs that each reader accepts, from which the fuzzers start.

They are small because the fuzzers copy and change them many thousand times a second. Run it in the root of the repository; needs h5py
and numpy."""
import gzip
import json
import struct
import sys
from pathlib import Path

import h5py
import numpy as np

sys.path[:0] = ["tests", "scripts"]
import make_sample  # noqa: E402

SEEDS = Path("tests/fuzz/seeds")


def seed(reader, name, content):
    path = SEEDS / reader / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def tables():
    seed("csv", "plain", "text,sentiment\nfine,positive\n\"two\nlines, \"\"quoted\"\"\",negative\r\n")
    seed("csv", "more", "\ufeffid,\"text\",x,sentiment\n1,naïve 😀,,neutral\n\n2,,\"\",2")
    seed("tsv", "plain", "text\tsentiment\nfine\tpositive\n\"a\tb\"\tneutral\n")
    seed("jsonl", "plain",
         '{"text": "fine", "sentiment": "positive"}\n\n{"sentiment": 2, "text": "\\u00e9\\ud83d\\ude00\\n\\u0000", "x": [1, {"y": null}, -1.5e3]}\n')
    rows = "text,sentiment\nfin\u00e9,positive\n"
    seed("table", "latin1", b"\x01" + rows.encode("cp1252"))
    seed("table", "utf16", b"\x02" + rows.encode("utf-16"))
    seed("table", "replace", b"\x08" + rows.encode("cp1252"))
    seed("table", "own", b"\xf0" + "fine\u00a62\r'x\u00a60\r".encode())
    seed("table", "separator", b"\x10sep=;\r\ntext;sentiment\r\n'a;''b';2\r\n")
    seed("table", "array", b'\x20[{"text": "a", "sentiment": 1.0},\n {"text": null, "sentiment": true}]')
    seed("table", "field", b'\x60{"version": {"a": [1]}, "data": [{"text": "a", "sentiment": 1}], "x": 2}')
    seed("gzip", "plain", gzip.compress(rows.encode(), mtime=0)[3:])
    seed("gzip", "two", (gzip.compress(rows.encode(), mtime=0) + gzip.compress(b"again,0\n", mtime=0) + b"\0\0")[3:])
    stored = b"\xa0" + len(rows.encode()).to_bytes(4, "little") + (len(rows.encode()) << 3 | 1).to_bytes(3, "little") + rows.encode()
    seed("zstd", "stored", stored)  # RFC 8878: a frame of one block, without its magic number
    seed("zstd", "repeated", b"\xa0\x40\0\0\0" + (64 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"a")
    seed("zstd", "two", stored + b"\x28\xb5\x2f\xfd" + stored)


def json_files():
    needed = {"model_name_or_path": "gpt2", "train_file": "train.h5", "output_dir": "out"}
    seed("settings", "plain", json.dumps(needed))
    more = {"eval_file": "~/t.h5", "eval_strategy": "steps", "eval_steps": 0.1, "save_steps": 10, "save_strategy": "best",
            "metric_for_best_model": "eval_f1", "early_stopping_patience": 3, "learning_rate": 1e-4, "max_steps": 7, "bf16": True,
            "global_batch_size": 4, "reduction_units": 4, "dropout": 0, "report_to": ["none"], "data_seed": 42, "push_to_hub": False,
            "lr_scheduler_type": "cosine", "resume_from_checkpoint": True, "pooling": "padded_end"}
    seed("settings", "more", json.dumps({**needed, **more}, indent=1))
    seed("settings", "comments", "// a comment\n" + json.dumps(needed)[:-1] + ', /* "seed": 1,\n */ "seed": 2 // }\n}')
    seed("config", "plain", json.dumps({"model_type": "gpt2", "n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 64, "vocab_size": 300,
                                        "id2label": {"0": "negative", "1": "neutral"}, "pad_token_id": 299, "linnet": {"pooling": "padded_end"}}))
    seed("config", "more", json.dumps({"n_ctx": 8, "hidden_size": 8, "num_attention_heads": 1, "n_inner": 3, "num_labels": 5, "eos_token_id": [1, 2],
                                       "resid_pdrop": 0.5, "layer_norm_epsilon": 1e-3, "activation_function": "gelu_pytorch_tanh"}))
    own = {"global_batch": 4, "units": 2, "samples": 9, "tokens": 90, "data_sha256": "0" * 64, "seed": 42, "best_saved_step": 2,
           "evaluations_since_best": 0, "loss_sum": 1.5, "loss_steps": 1, "loss_total": None, "skipped_updates": 0, "format_version": 1, "step": 3,
           "run": {"id": "0123456789abcdef" * 2, "started": "2026-11-30T01:02:03Z"}, "eval_tokens": 0, "eval_sha256": "", "data_order": "torch",
           "model_fingerprint": "1" * 64, "sha256": {"config.json": "1" * 64, "linnet_state.json": "0" * 64}}
    seed("state", "plain", json.dumps(own) + "\0" +
         json.dumps({"best_metric": 0.5, "best_global_step": 2, "best_model_checkpoint": "a/checkpoint-2", "epoch": 0.5, "global_step": 3,
                     "max_steps": 6, "log_history": [{"step": 1, "loss": 1.0}]}))
    continued = {**own["run"], "continues": {"run": "fedcba9876543210" * 2, "step": 2, "checkpoint": "/b/checkpoint-2"}}
    seed("state", "continued", json.dumps({**own, "run": continued, "data_order": "blocks", "settings": {"seed": 1}}, indent=2) + "\n\0" +
         json.dumps({"best_metric": None, "epoch": 0.5, "best_global_step": None, "best_model_checkpoint": None, "global_step": 3,
                     "max_steps": 6, "log_history": []}, indent=2) + "\n")
    seed("index", "plain", json.dumps({"metadata": {"total_size": 16}, "weight_map": {"one": "a.safetensors", "two": "b.safetensors"}}))
    seed("index", "outside", json.dumps({"weight_map": {"two": "../outside.safetensors"}}))


def tokenizers():
    folder = SEEDS / "vocabulary"
    folder.mkdir(parents=True, exist_ok=True)
    make_sample.write_tokenizer(folder, [], 0)
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    (folder / "vocab.json").unlink()
    (folder / "merges.txt").unlink()
    full = {**vocabulary, "ab": len(vocabulary), "abc": len(vocabulary) + 1}
    seed("vocabulary", "full", json.dumps(full, ensure_ascii=False) + "\0#version: 0.2\na b\nab c\n")
    seed("vocabulary", "small", '{"a": 0, "b": 1, "c": 2, "ab": 3, "\\u0120c": 4}\0#version: 0.2\r\na b\r\n')
    model = {"type": "BPE", "vocab": full, "merges": ["a b", "ab c"]}
    added = [{"id": len(full), "content": "[X]", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False, "special": True}]
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[X]"}}, {"Sequence": {"id": "A"}}],
                "special_tokens": {"[X]": {"ids": [len(full)]}}}
    whole = {"added_tokens": added, "pre_tokenizer": {"type": "ByteLevel"}, "post_processor": template, "model": model}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "model_max_length": 8, "truncation_side": "left"}
    seed("tokenizer_json", "full", json.dumps(whole) + "\0" + json.dumps(config))
    seed("tokenizer_json", "pairs", json.dumps({"model": {"merges": [["a", "b"]], "vocab": full}, "pre_tokenizer": {"type": "ByteLevel"}})
         + '\0{}\0{"pad_token": {"content": "[Y]", "rstrip": true}}\0{"[Y]": ' + str(len(full)) + "}")
    seed("tokenizer_config", "decoder", json.dumps({**config, "tokenizer_class": "GPT2Tokenizer", "add_bos_token": True,
         "added_tokens_decoder": {"477": {"content": "<|endoftext|>", "special": True}, "478": {"content": "[X]", "single_word": True}}}))
    seed("tokenizer_config", "legacy", '{"extra_special_tokens": ["[X]"], "x_token": "[Y]", "add_prefix_space": true}\0'
         '{"pad_token": {"content": "[PAD]", "lstrip": true}}\0{"[PAD]": 478}')
    base = 478  # after the vocabulary of tests/golden/tokenizer_small
    seed("tokenizer_config", "many", json.dumps({"added_tokens_decoder": {str(base + i): {"content": f"[{i}]", "lstrip": i % 3 == 0, "special": i % 2 == 0}
                                                                          for i in range(40)}, "x_token": "[7]"}))
    seed("tokenizer_config", "many_legacy", json.dumps({"extra_special_tokens": {f"{i}_token": f"[{i % 9}]" for i in range(30)}}) + "\0"
         + json.dumps({"extra_special_tokens": [f"[{i % 7}]" for i in range(30)]}) + "\0" + json.dumps({f"[{i}]": base + i % 20 for i in range(40)}))
    many = [{**added[0], "id": len(full) + i, "content": f"[{i % 60}]", "normalized": i % 2 == 0} for i in range(70)]
    seed("tokenizer_json", "many", json.dumps({**whole, "added_tokens": many, "post_processor": None}) + "\0" + json.dumps(config))
    seed("tokenizer", "words", "I'm  naïve, 42 times; don't\t\u00a0!! <|endoftext|> the 山 😀\r\n  ")
    seed("tokenizer", "latin1", b"caf\xe9 <|endoftext|")


def safetensors(entries, data):
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + data


def models():
    seed("safetensors", "plain", safetensors({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
                                              "b": {"dtype": "BF16", "shape": [], "data_offsets": [24, 26]}}, bytes(range(26))))
    seed("safetensors", "more", safetensors({"h": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]},
                                             "e": {"dtype": "F64", "shape": [0], "data_offsets": [8, 8]},
                                             "m": {"dtype": "U8", "shape": [1, 2, 1], "data_offsets": [8, 10]}}, bytes(range(10))))


def moments():
    """What linnet writes: dense moments of 8 floats, 3 rows of the token and 2 of the position embedding, of width 4."""
    shapes = {"token_rows": [3], "position_rows": [2]}
    for moment in "exp_avg", "exp_avg_sq":
        shapes |= {moment: [8], f"token_{moment}": [3, 4], f"position_{moment}": [2, 4]}
    entries, data = {"__metadata__": {"format": "pt"}}, b""
    for name, shape in shapes.items():
        values = np.arange(np.prod(shape), dtype="<i4" if name.endswith("_rows") else "<f4").tobytes()
        entries[name] = {"dtype": "I32" if name.endswith("_rows") else "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    seed("moments", "small", safetensors(entries, data))
    more = {**entries, "exp_avg": {**entries["exp_avg"], "dtype": "BF16", "shape": [16]}}
    seed("moments", "narrow", safetensors(more, data))


def arrays(file, columns):
    for name, column in columns.items():
        rows = max(1, len(column))
        file.create_dataset(name, data=column, chunks=(rows,) + column.shape[1:], maxshape=(None,) + column.shape[1:], fletcher32=True,
                            track_times=False)


def new_hdf5(path):
    """In the format that linnet reads, without the time."""
    access, create = h5py.h5p.create(h5py.h5p.FILE_ACCESS), h5py.h5p.create(h5py.h5p.FILE_CREATE)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    create.set_obj_track_times(False)
    return h5py.File(h5py.h5f.create(bytes(path), h5py.h5f.ACC_TRUNC, create, access))


def hdf5_files():
    """What linnet writes, but for the size of the chunks: ids of 16 bits, and of 32."""
    for name, vocabulary, kind in ("small.h5", 257, "<u2"), ("wide.h5", 70000, "<u4"):
        with new_hdf5(seed("tokens", name, b"")) as file:
            arrays(file, {"tokens": np.array([5, 6, 7, 8, vocabulary - 1, 1], kind), "offsets": np.array([0, 2, 5, 6], "<i8"),
                          "labels": np.array([0, 1, 2], "u1"), "rows": np.arange(3, dtype="<i8")})
            for attribute, value in {"format_version": 2, "samples": 3, "tokens": 6, "vocabulary_size": vocabulary,
                                     "end_of_text": vocabulary - 1, "max_length": 1024, "longest_sample": 3, "source_size": 9}.items():
                file.attrs[attribute] = np.int64(value)
            file.attrs["tokenizer_digest"] = file.attrs["source_digest"] = np.bytes_(b"0" * 64)
            file.attrs["source_name"] = np.bytes_(b"a.csv")
            file.attrs["label_names"] = np.array([b"negative", b"neutral", b"positive"], "S8")
    # Plans (tests/fuzz/hdf5_readers.c): tokens of float64, tokens of 2^61 elements.
    seed("hdf5", "double-tokens", bytes([3, 0, 5, 1, 2, 1, 0]))
    seed("hdf5", "endless-tokens", bytes([3, 0, 0, 1, 9, 3, 20]))


for make in tables, json_files, tokenizers, models, moments, hdf5_files:
    make()
