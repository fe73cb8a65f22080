"""Mistakes in the use of linnet, and how to make them. See errors_test.py.

Each case runs in its own folder, which holds model/, tokenizer/, train.csv, train.h5, test.h5, checkpoint/ (of a run on these
files), constants.json (for `linnet plan`) and run.json, whose paths are relative to the folder."""
import fcntl
import gzip
import json
import os
import re
import shutil
from pathlib import Path

import h5py
import numpy as np

from support import ROOT, TOKENIZER_FILES, linnet, read_safetensors, write_safetensors

SETTINGS = dict(model_name_or_path="model", train_file="train.h5", output_dir="run", max_steps=4, global_batch_size=20,
                save_strategy="no", logging_steps=1)
TRAIN = ["train", "run.json"]
PRETRAIN = ["pretrain", "run.json"]
RESUME = ["train", "run.json", "--set", "resume_from_checkpoint=checkpoint"]
AGAIN = ["train", "run.json", "--set", "resume_from_checkpoint=auto"]
EVALUATING = ["--set", "eval_file=test.h5", "--set", "eval_strategy=steps", "--set", "eval_steps=2"]
EVALUATE = ["evaluate", "--model", "model", "--data", "test.h5"]
PREPARE = ["prepare", "--input", "train.csv", "--output", "out.h5", "--tokenizer", "tokenizer"]
SPLIT = [*PREPARE, "--split", "0.8", "--eval-output", "eval.h5"]
# A frame of one stored block (RFC 8878).
ZSTD = b"\x28\xb5\x2f\xfd\xa0\x1d\0\0\0\xe9\0\0text,sentiment\nfine,positive\n"
PREDICT = ["predict", "--model", "model", "a text"]
MULTI = ["--problem-type", "multi_label_classification"]
NUMBERS = ["--problem-type", "regression"]
LABEL = ["predict", "--model", "model", "--input", "train.csv", "--output", "out.csv"]
PLAN = ["plan", "run.json", "--ranks", "2", "--constants", "constants.json"]

# As linnet plan --measure writes them.
CONSTANTS = dict(format_version=3, linnet="0.1.0", kernels="avx2", bf16=False, ranks=2, nodes=1, threads=1, width=32, inner=128, heads=4,
                 adamw_bytes_per_second=4e9, add_bytes_per_second=6e9, program_bytes=5e7, node_latency_seconds=1e-6, node_overhead_seconds=1e-6,
                 network_latency_seconds=0, network_overhead_seconds=0, network_bytes_per_second=0, network_overlapped_bytes_per_second=0,
                 network_overhead_seconds_per_byte=0, passes=[dict(tokens=8, gflops=1.5), dict(tokens=1024, gflops=20)])


class Case:
    """What is wrong, the command, and the change to the folder that makes it wrong. `upto`: the words of a library follow this
    text and differ between its versions."""

    def __init__(self, section, what, command, change=None, upto=None, ranks=(0, 3)):
        self.section, self.what, self.command, self.change, self.upto = section, what, command, change, upto
        self.ranks = ranks if command[0] in ("train", "pretrain", "evaluate") or "--output" in command and command[0] == "predict" or ranks == (3,) else (0,)
        self.name = f"{section}: {what}"


# --- Settings -----------------------------------------------------------------------------------------------------


def table_rows(title):
    """The rows of a table of docs/reference/settings.md, which `make docs` prints from the program's own table."""
    page = (ROOT / "docs/reference/settings.md").read_text()
    part = page[page.index(title) + len(title):]
    return [(key, cells.split(" | ")) for key, cells in re.findall(r"^\| `(\w+)` \| (.*) \|$", part.split("\n## ")[0], re.M)]


def wrong_values(kind):
    """Pairs (what is wrong, a value) for a setting with this description of its values in docs/reference/settings.md."""
    if kind.startswith("a path"):
        return [("wrong type", 7), ("empty", "")]
    if kind == "true or false":
        return [("wrong type", "yes")]
    if kind.startswith("true, false"):
        return [("wrong type", 7)]
    if kind.startswith("a list of numbers"):
        return [("no such word", "even"), ("a weight below 0", [1, -1, 1]), ("no weight above 0", [0, 0, 0]), ("a text", [1, "2", 1])]
    if "number" not in kind and "integer" not in kind:
        return [("wrong type", 7), ("no such choice", "other")]
    wrong = [("wrong type", "many")]
    low = re.search(r"(above|at least|from) (-?\d+)", kind)
    wrong.append(("too small", int(low[2]) - (low[1] != "above")))
    high = re.search(r"(below|at most|to) (\d+)", kind)
    if high:
        wrong.append(("too large", int(high[2]) + (high[1] != "below")))
    if "integer" in kind:
        wrong.append(("a fraction", 1.5))
    return wrong


def setting_cases():
    own = table_rows("\n| key | default |") + table_rows("\n## Keys that only linnet has")
    for key, (_, kind, _) in own:
        for what, value in wrong_values(kind):
            yield setting(f"`{key}`: {what}", {key: value})
        if key.endswith("steps") and " to " not in kind:  # the bound that guards the arithmetic
            yield setting(f"`{key}`: too large", {key: 10**20})
    for key, _ in table_rows("\n## Keys of TrainingArguments that linnet supports"):
        yield setting(f"`{key}`: what linnet does not do", {key: 12345})


def setting(what, changes, text=None, arguments=(), section="Settings"):
    def change(folder):
        settings = {key: value for key, value in {**SETTINGS, **changes}.items() if value is not ...}
        (folder / "run.json").write_text(text or json.dumps(settings, indent=1) + "\n")

    return Case(section, what, [*TRAIN, *arguments], change)


BEST = dict(eval_file="test.h5", eval_strategy="steps", eval_steps=2, save_strategy="steps", save_steps=2)
NAMED = {"test": "test.h5", "train": "train.h5"}
NAMES = "Names and contradictions of settings"
RULES = [
    setting("unknown key", {"learning_rat": 1}, section=NAMES),
    setting("unknown key, nothing like it", {"zzzzzzzz": 1}, section=NAMES),
    setting("several mistakes", {"learning_rat": 1, "sed": 1, "max_steps": "many"}, section=NAMES),
    setting("key of an older Transformers with a wrong value", {"evaluation_strategy": "sometimes"}, section=NAMES),
    setting("`warmup_ratio` above 1", {"warmup_ratio": 10}, section=NAMES),
    setting("a configuration of another kind", {}, "PK\3\4    training_args/data.pkl", section=NAMES),
    Case(NAMES, "a configuration in YAML", ["train", "run.yaml"], lambda folder: (folder / "run.yaml").write_text("seed: 1\n")),
    setting("an option that is no key", {}, arguments=["--learning_rat", "1"], section=NAMES),
    setting("an option of a wrong value", {}, arguments=["--max_steps", "many"], section=NAMES),
    setting("a comment without end", {}, '{\n "seed": 1 /* of the order\n}\n', section=NAMES),
    setting("key twice", {}, '{\n "seed": 1,\n "seed": 2\n}\n', section=NAMES),
    *[setting(f"`{key}` not given", {key: ...}, section=NAMES) for key in ("model_name_or_path", "train_file", "output_dir")],
    setting("`--set` without a value", {}, arguments=["--set", "max_steps"], section=NAMES),
    setting("`--set` of an unknown key", {}, arguments=["--set", "max_step=3"], section=NAMES),
    setting("`--set` of a wrong value", {}, arguments=["--set", "max_steps=3.5"], section=NAMES),
    setting("`global_batch_size` with `gradient_accumulation_steps`", {"gradient_accumulation_steps": 2}, section=NAMES),
    setting("`focal_gamma` with `label_smoothing_factor`", {"focal_gamma": 2, "label_smoothing_factor": 0.1}, section=NAMES),
    setting("`reduction_dtype` with MPI's sums", {"reduction": "mpi", "reduction_dtype": "bfloat16"}, section=NAMES),
    setting("`freeze_layers` above the model's layers", {"freeze_layers": 9}, section=NAMES),
    setting("`lora_alpha` without `lora_r`", {"lora_alpha": 16}, section=NAMES),
    setting("`lora_r` with `freeze_layers`", {"lora_r": 4, "freeze_layers": 1}, section=NAMES),
    setting("`lora_r` with the model's folder as `output_dir`", {"lora_r": 4, "output_dir": "model"}, section=NAMES),
    setting("`lora_target_modules` that match nothing", {"lora_r": 4, "lora_target_modules": ["c_attn", "q_proj"]}, section=NAMES),
    setting("`lora_target_modules` of a layer that is not there", {"lora_r": 4, "lora_target_modules": ["h.9.attn.c_attn"]}, section=NAMES),
    setting("`eval_strategy` without `eval_file`", {"eval_strategy": "epoch"}, section=NAMES),
    setting("`report_to` names a program that nobody knows", {"report_to": ["tensorbord"]}, section=NAMES),
    setting("`load_best_model_at_end` without evaluation", {"load_best_model_at_end": True}, section=NAMES),
    setting("`load_best_model_at_end`, strategies that differ", {**BEST, "load_best_model_at_end": True, "save_strategy": "epoch"}, section=NAMES),
    setting("`load_best_model_at_end`, saving where nothing is evaluated", {**BEST, "load_best_model_at_end": True, "save_steps": 3}, section=NAMES),
    setting("`early_stopping_patience` without a metric", {**BEST, "early_stopping_patience": 1}, section=NAMES),
    setting("`early_stopping_patience` without evaluation", {"early_stopping_patience": 1, "metric_for_best_model": "f1"}, section=NAMES),
    setting("`save_strategy` \"best\" without a metric", {**BEST, "save_strategy": "best"}, section=NAMES),
    setting("`save_strategy` \"best\" without evaluation", {"save_strategy": "best", "metric_for_best_model": "f1"}, section=NAMES),
    setting("`metric_for_best_model` that no evaluation reports", {**BEST, "metric_for_best_model": "eval_acuracy"}, section=NAMES),
    setting("`metric_for_best_model` of a class that there is not", {**BEST, "metric_for_best_model": "f1_negativ"}, section=NAMES),
    setting("`metric_for_best_model` of no evaluation file", {**BEST, "eval_file": NAMED, "metric_for_best_model": "f1"}, section=NAMES),
    setting("`load_best_model_at_end` of no evaluation file", {**BEST, "eval_file": NAMED, "load_best_model_at_end": True}, section=NAMES),
    setting("`eval_file`: a name with a space", {**BEST, "eval_file": {"my file": "test.h5"}}, section=NAMES),
    setting("`eval_file`: no path", {**BEST, "eval_file": {"a": 1}}, section=NAMES),
    setting("`reduce_lr_on_plateau` without evaluation", {"lr_scheduler_type": "reduce_lr_on_plateau"}, section=NAMES),
    setting("`reduce_lr_on_plateau` with a factor of 1", {**BEST, "lr_scheduler_type": "reduce_lr_on_plateau",
                                                          "lr_scheduler_kwargs": {"factor": 1}}, section=NAMES),
]


# --- Files --------------------------------------------------------------------------------------------------------


def own(folder, name):
    """Replace a link of the folder by a copy, which may be changed; for a path inside a linked folder, copy that folder."""
    top = folder / Path(name).parts[0]
    if top.is_symlink():
        source = top.resolve()
        top.unlink()
        (shutil.copytree if source.is_dir() else shutil.copy)(source, top)
    return folder / name


def missing(name):
    return lambda folder: own(folder, name).unlink()


def filled(name, content):
    return lambda folder: own(folder, name).write_bytes(content)


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 1042301\n" % (b"0" * 64)


def only(name, *files):
    """A folder with nothing but these files."""
    def change(folder):
        shutil.rmtree(own(folder, name))
        (folder / name).mkdir()
        for file in files:
            (folder / name / file).write_text("x")

    return change


def tokenizer_json(**changes):
    """A tokenizer.json that is GPT-2's kind but for these members."""
    tree = dict(pre_tokenizer=dict(type="ByteLevel"), model=dict(type="BPE", vocab={}, merges=[])) | changes
    return lambda folder: own(folder, "tokenizer/tokenizer.json").write_text(json.dumps(tree))


def cut(name, share=0.5):
    def change(folder):
        path = own(folder, name)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return change


def unreadable(name):
    return lambda folder: own(folder, name).chmod(0)


def pipe(name):
    """A pipe that nobody writes to: opening it like a file waits for ever."""

    def change(folder):
        path = own(folder, name)
        path.unlink()
        os.mkfifo(path)

    return change


def device(name):
    """A device whose data never end."""

    def change(folder):
        path = own(folder, name)
        path.unlink()
        path.symlink_to("/dev/zero")

    return change


def a_folder(name):
    def change(folder):
        path = own(folder, name)
        path.unlink()
        path.mkdir()

    return change


def edited(name, **changes):
    """Set members of a JSON file; remove those whose value is `...`."""

    def change(folder):
        path = own(folder, name)
        tree = {**json.loads(path.read_text(encoding="utf-8")), **changes}
        path.write_text(json.dumps({key: value for key, value in tree.items() if value is not ...}), encoding="utf-8")

    return change


def h5(name, **changes):
    """Set attributes of an HDF5 file."""

    def change(folder):
        with h5py.File(own(folder, name), "r+") as file:
            for key, value in changes.items():
                file.attrs[key] = value

    return change


def old_h5(name):
    def change(folder):
        with h5py.File(own(folder, name), "w") as file:
            file.attrs["format_version"] = 1

    return change


def empty_h5(name):
    def change(folder):
        h5py.File(own(folder, name), "w", libver=("v110", "v110")).close()

    return change


def tensors(name, edit):
    def change(folder):
        path = own(folder, name)
        found = read_safetensors(path)
        edit(found)
        write_safetensors(path, found)

    return change


def with_value(value):
    """A model with this value at one place."""
    return tensors("model/model.safetensors", lambda t: t.update({"transformer.ln_f.bias": np.where(np.arange(32) == 3, value, 0).astype("<f4")}))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 548105171\n"


def cached(*snapshots, main=None):
    """A model in the hub's cache, with these snapshots and what refs/main says."""
    def change(folder):
        shutil.rmtree(own(folder, "model"))
        for name in ("blobs", "refs", "snapshots", *(f"snapshots/{name}" for name in snapshots)):
            (folder / "model" / name).mkdir(parents=True)
        if main is not None:
            (folder / "model/refs/main").write_text(main)

    return change


def folder_above(folder):
    """The model one level below the folder that the settings name, as where checkpoints lie."""
    path = (folder / "model").resolve()
    (folder / "model").unlink()
    (folder / "model").mkdir()
    shutil.copytree(path, folder / "model/checkpoint-500")


def adapter(**changes):
    """A folder `adapter` with a configuration of PEFT and, unless the changes say so, without values."""

    def change(folder):
        config = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 2, "base_model_name_or_path": "../model", **changes}
        values = config.pop("values", None)
        (folder / "adapter").mkdir()
        (folder / "adapter/adapter_config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))
        if values is not None:
            write_safetensors(folder / "adapter/adapter_model.safetensors", values)

    return change


ADAPTED = ["predict", "--model", "adapter", "fine"]
SCORE, DOWN = "base_model.model.score.weight", "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight"


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def damaged(what, command, name, kinds=("missing", "empty", "cut short", "of another kind", "unreadable", "a pipe"), upto=None, section=None):
    changes = {"missing": missing(name), "empty": filled(name, b""), "cut short": cut(name), "of another kind": filled(name, PNG),
               "unreadable": unreadable(name), "a pipe": pipe(name)}
    return [Case(section or f"Files: {what}", f"{name}: {kind}", command, changes[kind], upto=upto) for kind in kinds]


def earlier_run(folder):
    """The output folder of a run with one checkpoint."""
    own(folder, "checkpoint")
    (folder / "run").mkdir()
    (folder / "checkpoint").rename(folder / "run/checkpoint-2")


def trainers(name):
    """A checkpoint as Trainer leaves one."""
    def change(folder):
        for file in "linnet_state.json", "optimizer.safetensors":
            (own(folder, name) / file).unlink()
        for file in "optimizer.pt", "scheduler.pt":
            (folder / name / file).write_bytes(b"PK\3\4")
    return change


READ = ("empty", "cut short", "of another kind", "unreadable", "a pipe")
HDF5 = "damaged or cut short:"
READING = "Files: model of `evaluate` and `predict`"
CONSTANTS_OF = "Files: constants of `plan`"
FILES = [
    *damaged("settings", TRAIN, "run.json"),
    *damaged("token file", TRAIN, "train.h5", upto=HDF5),
    Case("Files: token file", "train.h5: a folder", TRAIN, a_folder("train.h5")),
    Case("Files: token file", "train.h5: of an earlier version", TRAIN, h5("train.h5", format_version=np.int64(1))),
    Case("Files: token file", "train.h5: of a later version", TRAIN, h5("train.h5", format_version=np.int64(4))),
    Case("Files: token file", "train.h5: HDF5 of another format", TRAIN, old_h5("train.h5")),
    Case("Files: token file", "train.h5: HDF5, but no token file", TRAIN, empty_h5("train.h5")),
    Case("Files: token file", "train.h5: counts that do not add up", TRAIN, h5("train.h5", samples=np.int64(7))),
    Case("Files: token file", "train.h5: a table", [*TRAIN, "--set", "train_file=train.csv"]),
    *damaged("token file", [*TRAIN, *EVALUATING], "test.h5", upto=HDF5),
    *damaged("token file", EVALUATE, "test.h5", kinds=("missing", "cut short"), upto=HDF5, section="Files: token file of `evaluate`"),
    Case("Files: model", "model: missing", TRAIN, lambda folder: (folder / "model").unlink()),
    Case("Files: model", "model: a file", [*TRAIN, "--set", "model_name_or_path=train.csv"]),
    Case("Files: model", "model: a path of Hugging Face's hub", [*TRAIN, "--set", "model_name_or_path=openai-community/gpt2"]),
    *damaged("model", TRAIN, "model/config.json"),
    *damaged("model", TRAIN, "model/model.safetensors"),
    *damaged("model", TRAIN, "model/tokenizer.json", kinds=READ),
    *damaged("model", TRAIN, "model/tokenizer_config.json", kinds=READ),
    Case("Files: model", "model/model.safetensors: a header without end", TRAIN, filled("model/model.safetensors", b"\xff" * 7 + b"\x7f{}")),
    Case("Files: model", "model/model.safetensors: a tensor is missing", TRAIN,
         tensors("model/model.safetensors", lambda t: t.pop("transformer.h.0.ln_1.bias"))),
    Case("Files: model", "model/model.safetensors: a value that is not a number", TRAIN, with_value(np.nan)),
    Case("Files: model", "model/model.safetensors: a tensor of another shape", TRAIN,
         tensors("model/model.safetensors", lambda t: t.update({"transformer.ln_f.bias": np.zeros(3, "<f4")}))),
    Case("Files: model", "model/model.safetensors: a Git LFS pointer", TRAIN, filled("model/model.safetensors", LFS)),
    Case("Files: model", "model/config.json: a Git LFS pointer", TRAIN, filled("model/config.json", LFS)),
    Case("Files: model", "model: a folder of checkpoints", TRAIN, folder_above),
    Case("Files: model", "model: the hub's cache without the snapshot", TRAIN, cached("0a1b", main="2c3d")),
    Case("Files: model", "model: the hub's cache without a branch", TRAIN, cached("0a1b", "2c3d")),
    Case("Files: model", "model: the hub's cache with no revision in refs/main", TRAIN, cached("0a1b", main="../0a1b")),
    *[Case("Files: adapter", f"adapter: {what}", ADAPTED, adapter(**changes)) for what, changes in {
        "without its values": {}, "of DoRA": {"use_dora": True}, "with biases that learn": {"bias": "all"}, "of IA3": {"peft_type": "IA3"},
        "of a language model": {"task_type": "CAUSAL_LM"}, "of ranks that differ": {"rank_pattern": {"c_attn": 4}},
        "that changed its base model": {"init_lora_weights": "pissa"}, "of a rank of 0": {"r": 0},
        "with another module than the head": {"modules_to_save": ["score", "wte"]}, "without a base model": {"base_model_name_or_path": ...},
        "of a base model that is not there": {"base_model_name_or_path": "openai-community/gpt2"},
        "without a head": {"values": {DOWN: np.zeros((2, 32), "<f4")}},
        "without a pair": {"values": {SCORE: np.zeros((3, 32), "<f4"), DOWN: np.zeros((2, 32), "<f4")}},
        "of another rank": {"values": {SCORE: np.zeros((3, 32), "<f4"), DOWN: np.zeros((3, 32), "<f4"),
                                       DOWN.replace("_A", "_B"): np.zeros((96, 3), "<f4")}},
        "that adapts nothing": {"values": {SCORE: np.zeros((3, 32), "<f4")}}}.items()],
    Case("Files: adapter", "adapter: beside its model, with no configuration", ["predict", "--model", "model", "--adapter", "tokenizer", "fine"]),
    Case("Files: adapter", "adapter: to train without lora_r", TRAIN, lambda folder: (adapter(values={
        SCORE: np.zeros((3, 32), "<f4"), DOWN: np.zeros((2, 32), "<f4"), DOWN.replace("_A", "_B"): np.zeros((96, 2), "<f4")})(folder),
        setting("", {"model_name_or_path": "adapter"}).change(folder))),
    Case("Files: model", "model: another model's tensors", TRAIN,
         lambda folder: write_safetensors(own(folder, "model/model.safetensors"), {"bert.embeddings.weight": np.zeros((2, 2), "<f4")})),
    Case("Files: model", "model: a GGUF file alone", TRAIN,
         lambda folder: own(folder, "model/model.safetensors").rename(folder / "model/gpt2.gguf")),
    Case("Files: model", "model/config.json: quantized weights", TRAIN, edited("model/config.json", quantization_config={"load_in_8bit": True})),
    Case("Files: model", "model: pytorch_model.bin alone", TRAIN,
         lambda folder: own(folder, "model/model.safetensors").rename(folder / "model/pytorch_model.bin")),
    Case("Files: model", "model.safetensors.index.json: a file outside the folder", TRAIN,
         lambda folder: (own(folder, "model/model.safetensors").unlink(),
                         (folder / "model/model.safetensors.index.json").write_text('{"weight_map": {"a": "../other/model.safetensors"}}'))),
    Case("Files: model", "model.safetensors.index.json: a pipe", TRAIN,
         lambda folder: (own(folder, "model/model.safetensors").unlink(), os.mkfifo(folder / "model/model.safetensors.index.json"))),
    Case("Files: model", "model.safetensors.index.json: names a pipe", TRAIN,
         lambda folder: (own(folder, "model/model.safetensors").unlink(), os.mkfifo(folder / "model/w.safetensors"),
                         (folder / "model/model.safetensors.index.json").write_text('{"weight_map": {"a": "w.safetensors"}}'))),
    Case("Files: model", "model/config.json: a device", TRAIN, device("model/config.json")),
    Case("Files: model", "model/config.json: a folder", TRAIN, a_folder("model/config.json")),
    Case("Files: model", "model/config.json: another kind of model", TRAIN, edited("model/config.json", model_type="bert")),
    Case("Files: model", "model/config.json: another activation", TRAIN, edited("model/config.json", activation_function="relu")),
    Case("Files: model", "model/config.json: a size of 0", TRAIN, edited("model/config.json", n_layer=0)),
    Case("Files: model", "model/config.json: sizes that do not divide", TRAIN, edited("model/config.json", n_head=5)),
    Case("Files: model", "model/config.json: sizes beyond any machine", TRAIN, edited("model/config.json", n_embd=2**28, n_layer=1000)),
    Case("Files: model", "model/config.json: labels with holes", TRAIN, edited("model/config.json", id2label={"0": "a", "2": "b"})),
    Case(READING, "model: without a head", EVALUATE, tensors("model/model.safetensors", lambda t: t.pop("score.weight"))),
    Case(READING, "model: without a head", PREDICT, tensors("model/model.safetensors", lambda t: t.pop("score.weight"))),
    Case(READING, "model/model.safetensors: an infinite value", EVALUATE, with_value(np.inf)),
    Case(READING, "model/model.safetensors: an infinite value", PREDICT, with_value(-np.inf)),
    Case(READING, "model: without a tokenizer", PREDICT, lambda folder: [missing(f"model/{name}")(folder) for name in TOKENIZER_FILES[:5]]),
    *damaged("model", PREDICT, "model/tokenizer.json", kinds=READ, section=READING),
    Case("Files: checkpoint", "checkpoint: missing", RESUME, lambda folder: (folder / "checkpoint").unlink()),
    *damaged("checkpoint", RESUME, "checkpoint/optimizer.safetensors"),
    Case("Files: checkpoint", "checkpoint: of linnet 0.1", RESUME,
         lambda folder: own(folder, "checkpoint/optimizer.safetensors").rename(folder / "checkpoint/optimizer.h5")),
    Case("Files: checkpoint", "checkpoint/trainer_state.json: changed by hand", RESUME, edited("checkpoint/trainer_state.json", epoch=3)),
    *damaged("checkpoint", RESUME, "checkpoint/trainer_state.json", kinds=("missing", "empty", "of another kind", "unreadable", "a pipe")),
    Case("Files: checkpoint", "checkpoint/trainer_state.json: cut short", RESUME, filled("checkpoint/trainer_state.json", b'{\n "global_step": 2')),
    Case("Files: checkpoint", "checkpoint/linnet_state.json: changed by hand", RESUME, edited("checkpoint/linnet_state.json", samples=3)),
    *damaged("checkpoint", RESUME, "checkpoint/linnet_state.json", kinds=("missing", "empty", "of another kind", "unreadable", "a pipe")),
    Case("Files: checkpoint", "checkpoint: of Hugging Face Trainer", RESUME, trainers("checkpoint")),
    Case("Files: checkpoint", "run/linnet_run.json: not a record", AGAIN, lambda folder: (earlier_run(folder), (folder / "run/linnet_run.json").write_text("{}"))),
    *[case for name in ("model.safetensors", "config.json", "vocab.json", "tokenizer.json") for case in damaged("checkpoint", RESUME, f"checkpoint/{name}")],
    *damaged("constants of `plan`", PLAN, "constants.json"),
    Case(CONSTANTS_OF, "constants.json: of another version", PLAN, edited("constants.json", format_version=1)),
    Case(CONSTANTS_OF, "constants.json: a missing number", PLAN, edited("constants.json", add_bytes_per_second=...)),
    Case(CONSTANTS_OF, "constants.json: a rate of 0", PLAN, edited("constants.json", adamw_bytes_per_second=0)),
    Case(CONSTANTS_OF, "constants.json: a count with a fraction", PLAN, edited("constants.json", threads=1.5)),
    Case(CONSTANTS_OF, "constants.json: no passes", PLAN, edited("constants.json", passes=[])),
    *damaged("table", PREPARE, "train.csv", kinds=("missing", "empty", *READ[2:])),
    Case("Files: table", "t.csv: a device", ["prepare", "--input", "t.csv", *PREPARE[3:]], lambda folder: (folder / "t.csv").symlink_to("/dev/zero")),
    Case("Files: table", "train.csv: cut inside quotes", PREPARE, filled("train.csv", b'text,sentiment\n"fine, positive\n')),
    Case("Files: table", "train.csv: cut inside a row", PREPARE, filled("train.csv", b"text,sentiment\nfine,positive\nfi")),
    Case("Files: table", "train.csv: no rows", PREPARE, filled("train.csv", b"text,sentiment\n")),
    Case("Files: table", "train.csv: no such column", PREPARE, filled("train.csv", b"text,mood\nfine,positive\n")),
    Case("Files: table", "train.csv: no such label", PREPARE, filled("train.csv", b"text,sentiment\nfine,happy\n")),
    Case("Files: table", "train.csv: not UTF-8", PREPARE, filled("train.csv", b"text,sentiment\ncaf\xe9,positive\n")),
    Case("Files: table", "t.jsonl: cut inside an object", ["prepare", "--input", "t.jsonl", *PREPARE[3:]],
         lambda folder: (folder / "t.jsonl").write_text('{"text": "fine", "sentiment": 2}\n{"text": "fi')),
    Case("Files: table", "a name with another ending", ["prepare", "--input", "t.dat", *PREPARE[3:]],
         lambda folder: (folder / "t.dat").write_text("text,sentiment\nfine,positive\n")),
    Case("Files: table", "an array in a JSON object", ["prepare", "--input", "t.json", *PREPARE[3:]],
         lambda folder: (folder / "t.json").write_text('{"data": [{"text": "fine", "sentiment": 2}]}')),
    *[Case("Files: table", f"t.json: pandas' orient {orient}", ["prepare", "--input", "t.json", *PREPARE[3:]], filled("t.json", rows.encode()))
      for orient, rows in {"split": '{"columns": ["text"], "index": [0], "data": [["fine"]]}', "index": '{"0": {"text": "fine"}}',
                           "columns": '{"text": {"0": "fine"}}', "values": '[["fine"]]'}.items()],
    Case("Files: table", "train.csv: Parquet", PREPARE, filled("train.csv", b"PAR1\x15\x04\x15\x00PAR1")),
    Case("Files: table", "train.csv: a Git LFS pointer", PREPARE, filled("train.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")),
    Case("Files: table", "train.csv: UTF-16 without a mark", PREPARE, filled("train.csv", "text,sentiment\nfine,positive\n".encode("utf-16le"))),
    Case("Files: table", "train.csv: gzip, cut short", PREPARE, filled("train.csv", gzip.compress(b"text,sentiment\nfine,positive\n", mtime=0)[:-9])),
    Case("Files: table", "train.csv: zstd, cut short", PREPARE, filled("train.csv", ZSTD[:-9])),
    Case("Files: table", "train.csv: zstd, damaged", PREPARE, filled("train.csv", ZSTD + b"more"), upto="damaged zstd data"),
    Case("Files: table", "a folder of tables", ["prepare", "--input", "parts", *PREPARE[3:]], lambda folder: (folder / "parts").mkdir()),
    Case("Files: table", "a pattern without files", ["prepare", "--input", "part-*.csv", *PREPARE[3:]]),
    Case("Files: table", "a subset larger than several tables", ["prepare", "--input", "train.csv", "few.csv", *PREPARE[3:], "--subset", "1000"],
         filled("few.csv", b"sentiment,textID,text\nneutral,1,fine\n")),
    Case("Files: table", "a file that is named twice", ["prepare", "--input", "train.csv", "train.csv", *PREPARE[3:]]),
    Case("Files: table", "standard input with another file", ["prepare", "--input", "train.csv", "-", *PREPARE[3:]]),
    Case("Files: table", "tables with other columns", ["prepare", "--input", "train.csv", "t.csv", *PREPARE[3:]],
         filled("t.csv", b"text,sentiment,mood\nfine,positive,good\n")),
    Case("Files: table", "train.csv: no column of second texts", [*PREPARE, "--text-pair-column", "second"]),
    Case("Files: table", "an eval_file of pairs of texts", ["train", "run.json", *EVALUATING], h5("test.h5", text_pairs=np.int64(1))),
    Case("Files: table", "train.csv: not the encoding", [*PREPARE, "--encoding", "cp1252"], filled("train.csv", b"text,sentiment\nfi\x81ne,positive\n")),
    Case("Files: table", "train.csv: another separator", PREPARE, filled("train.csv", b"text;sentiment\nfine;positive\n")),
    Case("Files: table", "train.csv: a space in the header", PREPARE, filled("train.csv", b"text, sentiment\nfine,positive\n")),
    Case("Files: table", "train.csv: an empty label", PREPARE, filled("train.csv", b"text,sentiment\nfine,\n")),
    *[Case("Files: table", f"train.csv: {what}", [*PREPARE, *MULTI, "--label-columns", "bad,good"],
           filled("train.csv", b"text,bad,good\nfine,0,1\npoor," + cells + b"\n"))
      for what, cells in {"neither 0 nor 1": b"1,2", "a flag missing": b"1,"}.items()],
    *[Case("Files: table", f"train.csv: {what}", [*PREPARE, *MULTI, "--labels", "bad,good", "--label-column", "labels"],
           filled("train.csv", b"text,labels\nfine,good\npoor," + cell + b"\n"))
      for what, cell in {"a list with an unknown label": b'"bad,ugly"', "a list with a label twice": b'"[""bad"", 0]"',
                         "a list with an empty label": b'"bad,"', "a list that is no JSON": b"[bad]"}.items()],
    Case("Files: table", "t.jsonl: null in place of a list", ["prepare", "--input", "t.jsonl", *PREPARE[3:], *MULTI, "--labels", "bad,good",
                                                             "--label-column", "labels"],
         filled("t.jsonl", b'{"text": "fine", "labels": []}\n{"text": "poor", "labels": null}\n')),
    *[Case("Files: table", f"train.csv: {what}", [*PREPARE, *NUMBERS, "--label-column", "stars"],
           filled("train.csv", b"text,stars\nfine,5\npoor," + cell + b"\n"))
      for what, cell in {"no number": b"many", "a number missing": b"", "not a number": b"nan", "a number beyond float32": b"1e39"}.items()],
    Case("Files: table", "train.csv: labels that are numbers", [*PREPARE, "--labels", "1,2,3"], filled("train.csv", b"text,sentiment\nfine,0\n")),
    *damaged("tokenizer", PREPARE, "tokenizer/vocab.json"),
    *damaged("tokenizer", PREPARE, "tokenizer/merges.txt", kinds=("missing", *READ[1:])),
    *damaged("tokenizer", PREPARE, "tokenizer/tokenizer.json", kinds=("empty", "of another kind")),
    *damaged("tokenizer", PREPARE, "tokenizer/tokenizer_config.json", kinds=("empty", "of another kind")),
    *[Case("Files: tokenizer", f"tokenizer/{name}: a Git LFS pointer", PREPARE, filled(f"tokenizer/{name}", LFS_POINTER))
      for name in ("vocab.json", "tokenizer.json")],
    *[Case("Files: tokenizer", f"tokenizer: only {name}", PREPARE, only("tokenizer", name))
      for name in ("vocab.txt", "tokenizer.model", "spiece.model", "notes.txt")],
    Case("Files: tokenizer", "tokenizer: OpenAI's names", PREPARE, only("tokenizer", "encoder.json", "vocab.bpe")),
    Case("Files: tokenizer", "tokenizer: a model's name on the hub", [*PREPARE[:-1], "openai-community/gpt2"]),
    Case("Files: tokenizer", "tokenizer: a file in place of the folder", [*PREPARE[:-1], "tokenizer/vocab.json"]),
    *[Case("Files: tokenizer", f"tokenizer/tokenizer.json: {what}", PREPARE, tokenizer_json(**changes)) for what, changes in {
        "BERT's kind": dict(model=dict(type="WordPiece", unk_token="[UNK]", vocab={"[UNK]": 0})),
        "SentencePiece's kind": dict(model=dict(type="Unigram", unk_id=0, vocab=[["<unk>", 0.0]])),
        "dropout": dict(model=dict(type="BPE", dropout=0.1, vocab={}, merges=[])),
        "whole words of the vocabulary before merges": dict(model=dict(type="BPE", ignore_merges=True, vocab={}, merges=[])),
        "a normalizer": dict(normalizer=dict(type="Lowercase")),
        "another pre_tokenizer": dict(pre_tokenizer=dict(type="Whitespace")),
        "without vocabulary": dict(model=dict(type="BPE", merges=[]))}.items()],
    *[Case("Files: tokenizer", f"tokenizer/tokenizer_config.json: {what}", PREPARE,
           filled("tokenizer/tokenizer_config.json", json.dumps(changes).encode())) for what, changes in {
        "another class": dict(tokenizer_class="LlamaTokenizer"),
        "a class without its file": dict(tokenizer_class="PreTrainedTokenizerFast"),
        "code of its own": dict(auto_map={"AutoTokenizer": ["own.Tokenizer", None]}),
        "special tokens that are split": dict(split_special_tokens=True),
        "no side": dict(truncation_side="middle"),
        "no length": dict(model_max_length="512"),
        "a flag that is no flag": dict(add_bos_token="yes"),
        "a special token that is none": dict(pad_token=5),
        "a list that is none": dict(extra_special_tokens="[X]"),
        "a flag of a token that is none": dict(added_tokens_decoder={"900": dict(content="[X]", lstrip="no")})}.items()],
    Case("Files: tokenizer", "tokenizer/added_tokens.json: an id that Transformers does not obey", PREPARE,
         filled("tokenizer/added_tokens.json", b'{"[PAD]": 90000}')),
    Case("Files: tokenizer", "tokenizer: no room beside the tokens around a text", [*PREPARE, "--max-length", "1"],
         filled("tokenizer/tokenizer_config.json", b'{"add_bos_token": true}')),
]


# --- What does not belong together ----------------------------------------------------------------------------------


def of_numbers(name, problem):
    """A token file of this problem with the labels of the old one: a target for each."""

    def change(folder):
        with h5py.File(own(folder, name), "r+") as file:
            labels = file["labels"][:]
            del file["labels"]
            targets = (labels[:, None] == np.arange(3)).astype("<f4").ravel()
            file.create_dataset("targets", data=targets, chunks=(len(targets),), maxshape=(None,))
            file.attrs["format_version"], file.attrs["problem_type"] = np.int64(3), np.bytes_(problem)

    return change


def relabelled(name, *names):
    return h5(name, label_names=np.array([label.encode() for label in names], "S16"))


TOGETHER = "What does not belong together"
MISFITS = [
    Case(TOGETHER, "training data of another tokenizer", TRAIN, h5("train.h5", tokenizer_digest=np.bytes_(b"0" * 64))),
    Case(TOGETHER, "evaluation data of another tokenizer", [*TRAIN, *EVALUATING], h5("test.h5", tokenizer_digest=np.bytes_(b"0" * 64))),
    Case(TOGETHER, "data to evaluate of another tokenizer", EVALUATE, h5("test.h5", tokenizer_digest=np.bytes_(b"0" * 64))),
    Case(TOGETHER, "data of a larger vocabulary than the model's", EVALUATE, h5("test.h5", vocabulary_size=np.int64(5000))),
    Case(TOGETHER, "table to evaluate with a label that the model has not", ["evaluate", "--model", "model", "--data", "table.csv"],
         lambda folder: (folder / "table.csv").write_text("text,sentiment\nhello,neutral\nhello,bored\n")),
    Case(TOGETHER, "fewer names for the labels of a table than the model has", ["evaluate", "--model", "model", "--data", "train.csv", "--labels", "a,b"]),
    Case(TOGETHER, "data with other labels than the model's", EVALUATE, relabelled("test.h5", "bad", "neutral", "good")),
    Case(TOGETHER, "data with more labels than the model's", EVALUATE, relabelled("test.h5", "negative", "neutral", "positive", "mixed")),
    Case(TOGETHER, "evaluation data with other labels", [*TRAIN, *EVALUATING], relabelled("test.h5", "bad", "neutral", "good")),
    Case(TOGETHER, "a tokenizer larger than the model's vocabulary", PREDICT, lambda folder: (
        edited("model/config.json", vocab_size=100)(folder),
        tensors("model/model.safetensors", lambda t: t.update({"transformer.wte.weight": t["transformer.wte.weight"][:100]}))(folder))),
    setting("`class_weights`: fewer than the data has labels", {"class_weights": [1, 2]}, section=TOGETHER),
    setting("`class_weights`: more, on the command line", {}, arguments=["--class_weights", "1", "2", "1", "0.5"], section=TOGETHER),
    setting("`class_weights` of a label that the data has not", {"class_weights": {"neutrl": 2}}, section=TOGETHER),
    setting("`class_weights` of no label like one of the data", {"class_weights": {"bored": 2}}, section=TOGETHER),
    setting("`class_weights` of 0 for all labels", {"class_weights": {"negative": 0, "neutral": 0, "positive": 0}}, section=TOGETHER),
    setting("`class_weights` balanced by data without a sample of a label", {"class_weights": "balanced", "train_file": "few.h5", "global_batch_size": 2},
            section=TOGETHER),
    Case(TOGETHER, "a checkpoint of another global batch", [*RESUME, "--set", "global_batch_size=10"]),
    Case(TOGETHER, "a checkpoint of another seed", [*RESUME, "--set", "seed=1"]),
    Case(TOGETHER, "a checkpoint of another `data_order`", [*RESUME, "--set", "data_order=blocks"]),
    Case(TOGETHER, "a checkpoint of other data", [*RESUME, "--set", "train_file=test.h5"]),
    Case(TOGETHER, "a checkpoint of data from another source", RESUME, h5("train.h5", source_digest=np.bytes_(b"0" * 64))),
    Case(TOGETHER, "a new run in the folder of another one", TRAIN, earlier_run),
    Case(TOGETHER, "a folder of a run with another seed", [*AGAIN, "--set", "seed=1"], earlier_run),
    Case(TOGETHER, "a folder of a run with another model", AGAIN, lambda folder: (
        earlier_run(folder), edited("model/config.json", embd_pdrop=0.25)(folder))),
    Case(TOGETHER, "a checkpoint of another `pooling`", [*RESUME, "--set", "pooling=padded_end"]),
    Case(TOGETHER, "a model folder as checkpoint", ["train", "run.json", "--set", "resume_from_checkpoint=model"]),
    Case(TOGETHER, "data with several labels a sample", TRAIN, of_numbers("train.h5", "multi_label_classification")),
    Case(TOGETHER, "data with numbers", EVALUATE, of_numbers("test.h5", "regression")),
    Case(TOGETHER, "evaluation data of another kind", [*TRAIN, *EVALUATING], of_numbers("test.h5", "regression")),
    Case(TOGETHER, "label smoothing of numbers", [*TRAIN, "--set", "label_smoothing_factor=0.1"], of_numbers("train.h5", "regression")),
    Case(TOGETHER, "class weights of several labels a sample", [*TRAIN, "--set", "class_weights=balanced"],
         of_numbers("train.h5", "multi_label_classification")),
    Case(TOGETHER, "a focal loss of numbers", [*TRAIN, "--set", "focal_gamma=2"], of_numbers("train.h5", "regression")),
    Case(TOGETHER, "a score of a class with regression", [*TRAIN, *EVALUATING, "--set", "metric_for_best_model=f1_positive"],
         lambda folder: (of_numbers("train.h5", "regression")(folder), of_numbers("test.h5", "regression")(folder))),
    Case(TOGETHER, "a split by classes with several labels a sample", [*SPLIT, "--label-columns", "a,b", "--stratify"]),
    Case(TOGETHER, "balanced classes of numbers", [*PREPARE, *NUMBERS, "--class-balance", "undersample"]),
    Case(TOGETHER, "a metric of another kind", [*TRAIN, *EVALUATING, "--set", "metric_for_best_model=rmse"]),
    Case(TOGETHER, "several columns of a single label", [*PREPARE, "--problem-type", "single_label_classification", "--label-columns", "a,b"]),
    Case(TOGETHER, "lists without the names of their labels", [*PREPARE, *MULTI, "--label-column", "labels"]),
    Case(TOGETHER, "a separator of lists without lists", [*PREPARE, "--label-separator", "|"]),
    Case(TOGETHER, "columns of labels and one column", [*PREPARE, "--label-column", "a", "--label-columns", "a,b"]),
    Case(TOGETHER, "fewer names than columns of labels", [*PREPARE, "--label-columns", "a,b", "--labels", "a"]),
    Case(TOGETHER, "a column of labels twice", [*PREPARE, "--label-columns", "a,a"]),
    Case(TOGETHER, "kinds of labels without labels", [*PREPARE, "--no-labels", *NUMBERS]),
    Case(TOGETHER, "columns of labels for a single-label model", ["evaluate", "--model", "model", "--data", "train.csv", "--label-columns", "a,b,c"]),
    Case(TOGETHER, "a checkpoint of another objective", ["pretrain", *RESUME[1:]]),
    Case(TOGETHER, "a language model that is to learn labels", [*PRETRAIN, "--set", "label_smoothing_factor=0.1"]),
    Case(TOGETHER, "a language model with a classifier's metric",
         [*PRETRAIN, *EVALUATING, "--set", "metric_for_best_model=f1"]),
    Case(TOGETHER, "a language model with a classifier's `pooling`", [*PRETRAIN, "--set", "pooling=padded_end"]),
    Case(TOGETHER, "a language model with an adapter", [*PRETRAIN, "--set", "lora_r=4"]),
    Case(TOGETHER, "a language model from a classifier's adapter", [*PRETRAIN, "--set", "model_name_or_path=adapter"], adapter()),
    Case(TOGETHER, "a language model whose output layer is not the token embedding", PRETRAIN,
         edited("model/config.json", tie_word_embeddings=False)),
    Case(TOGETHER, "a language model and texts of one token", PRETRAIN, lambda folder: linnet(
        "prepare", "--input", folder / "train.csv", "--output", folder / "train.h5", "--tokenizer", folder / "tokenizer", "--max-length", "1")),
    Case(TOGETHER, "packed texts for a classifier", TRAIN, lambda folder: linnet(
        "prepare", "--input", folder / "train.csv", "--output", folder / "train.h5", "--tokenizer", folder / "tokenizer", "--pack", "8")),
    Case(TOGETHER, "predictions of a language model", [*EVALUATE, "--predictions", "p.tsv"],
         edited("model/config.json", architectures=["GPT2LMHeadModel"])),
    Case(TOGETHER, "a table for a language model", ["evaluate", "--model", "model", "--data", "train.csv"],
         edited("model/config.json", architectures=["GPT2LMHeadModel"])),
    Case(TOGETHER, "samples to be packed that are longer than all texts", [*PREPARE, "--pack", "100000"]),
    Case(TOGETHER, "samples to be packed, and a length of texts", [*PREPARE, "--pack", "10", "--max-length", "10"]),
    Case(TOGETHER, "samples to be packed, and a kind of labels", [*PREPARE, "--pack", "10", "--problem-type", "regression"]),
    Case(TOGETHER, "a label that is named twice", [*PREPARE, "--labels", "negative,neutral,negative"]),
    Case(TOGETHER, "a subset larger than the table", [*PREPARE, "--subset", "1000"]),
]


# --- Outputs, ranks, command line -------------------------------------------------------------------------------------


def read_only(folder):
    (folder / "locked").mkdir()
    (folder / "locked").chmod(0o500)


LOCKS = []  # files that stay open and locked until the tests end


def locked(folder, name="run"):
    """The folder of another run, which holds its lock."""
    (folder / name).mkdir()
    LOCKS.append(open(folder / name / ".lock", "w"))
    LOCKS[-1].write("process 4242 on node01, job 17\n")
    LOCKS[-1].flush()
    fcntl.lockf(LOCKS[-1], fcntl.LOCK_EX)


OUTPUTS = "Outputs, disk and ranks"
OTHERS = [
    Case(OUTPUTS, "output_dir is a file", [*TRAIN, "--set", "output_dir=train.csv"]),
    Case(OUTPUTS, "output_dir in a folder that may not be written", [*TRAIN, "--set", "output_dir=locked/run"], read_only),
    Case(OUTPUTS, "output_dir may not be written", [*TRAIN, "--set", "output_dir=locked"], read_only),
    Case(OUTPUTS, "output_dir that another run writes into", TRAIN, locked),
    Case(OUTPUTS, "a disk too small for the plan",
         [*TRAIN, "--set", "max_steps=1000000000000", "--set", "save_strategy=steps", "--set", "save_steps=1"], upto="a model of"),
    Case(OUTPUTS, "several processes of a command that is one", PREPARE, ranks=(3,)),
    Case(OUTPUTS, "more ranks than samples", [*TRAIN, "--set", "train_file=few.h5"], ranks=(3,)),
    Case(OUTPUTS, "predictions into a folder that is not there", [*EVALUATE, "--predictions", "nowhere/p.tsv"]),
    Case(OUTPUTS, "predictions into a folder that may not be written", [*EVALUATE, "--predictions", "locked/p.tsv"], read_only),
    Case(OUTPUTS, "predictions onto a folder", [*EVALUATE, "--predictions", "model"]),
    Case(OUTPUTS, "predictions onto a pipe", [*EVALUATE, "--predictions", "p.tsv"], lambda folder: os.mkfifo(folder / "p.tsv")),
    Case(OUTPUTS, "a table with predictions: a name that tells no format", [*LABEL[:-1], "out.xlsx"]),
    Case(OUTPUTS, "a table with predictions onto its input", [*LABEL[:-1], "train.csv"]),
    Case(OUTPUTS, "a table with predictions onto another file", LABEL, filled("out.csv", b"mine\n1\n")),
    Case(OUTPUTS, "a table with predictions into a folder that is not there", [*LABEL[:-1], "nowhere/out.csv"]),
    Case(OUTPUTS, "a table with predictions, whose parts are a folder of another kind", LABEL, lambda folder: (
        (folder / "out.csv.parts").mkdir(), filled("out.csv.parts/notes.txt", b"mine")(folder))),
    Case(OUTPUTS, "a table with predictions that another job writes", LABEL, lambda folder: locked(folder, "out.csv.parts")),
    Case(OUTPUTS, "a table that has an added column already", LABEL, filled("train.csv", b"text,label,predicted_label\nfine,1,2\n")),
    Case(OUTPUTS, "a table with a column twice, to JSON", [*LABEL[:-1], "out.jsonl"], filled("train.csv", b"text,n,n\nfine,1,2\n")),
    Case(OUTPUTS, "an object with other members, to CSV", ["predict", "--model", "model", "--input", "t.jsonl", "--output", "out.csv"],
         filled("t.jsonl", b'{"text": "fine"}\n{"text": "fine", "n": 1}\n')),
    Case(OUTPUTS, "an object with an added member, to JSON", ["predict", "--model", "model", "--input", "t.jsonl", "--output", "out.jsonl"],
         filled("t.jsonl", b'{"text": "fine"}\n{"text": "fine", "label": 1}\n')),
    Case(OUTPUTS, "a table with predictions: a bad row", LABEL, filled("train.csv", b"text,n\nfine,1\nfine\n")),
    Case(OUTPUTS, "predictions by several processes without a file", ["predict", "--model", "model", "--input", "train.csv"], ranks=(3,)),
    Case(OUTPUTS, "a token file into a folder that is not there", ["prepare", "--input", "train.csv", "--output", "nowhere/out.h5", *PREPARE[5:]]),
    Case(OUTPUTS, "a token file onto its table", ["prepare", "--input", "train.csv", "--output", "train.csv", *PREPARE[5:]]),
    Case(OUTPUTS, "a merged model of no adapter", ["merge", "--model", "model", "--output", "new"]),
    Case(OUTPUTS, "a new model onto a folder that holds something", ["init", "--output", "model", "--tokenizer", "tokenizer"]),
]
LINE = "The command line"
COMMANDS = [
    Case(LINE, "unknown command", ["trian"]),
    Case(LINE, "unknown option", ["prepare", "--inptu", "x"]),
    Case(LINE, "a file in place of a command", ["run.json"]),
    Case(LINE, "a folder in place of a command", ["model"]),
    Case(LINE, "help as a command", ["help", "train"]),
    Case(LINE, "an argument of --version", ["--version", "all"]),
    Case(LINE, "a split without a second file", SPLIT[:-2]),
    Case(LINE, "a second file without a split", [*PREPARE, *SPLIT[-2:]]),
    Case(LINE, "a share of more than 1", [*SPLIT, "--split", "90"]),
    Case(LINE, "--stratify without a split", [*PREPARE, "--stratify"]),
    Case(LINE, "--stratify without labels", [*SPLIT, "--stratify", "--no-labels"]),
    Case(LINE, "--near-duplicates: too small", [*SPLIT, "--near-duplicates", "0.1"]),
    Case(LINE, "--near-duplicates without a split", [*PREPARE, "--near-duplicates", "0.9"]),
    Case(LINE, "--class-balance: no such kind", [*PREPARE, "--class-balance", "both"]),
    Case(LINE, "--class-balance without labels", [*PREPARE, "--class-balance", "oversample", "--no-labels"]),
    Case(LINE, "--class-balance: a class without samples", [*PREPARE, "--class-balance", "oversample"], filled("train.csv", b"text,sentiment\na,0\nb,1\n")),
    Case(LINE, "--stratify: a class with one sample", [*SPLIT, "--stratify"], filled("train.csv", b"text,sentiment\na,0\nb,0\nc,1\nd,1\ne,2\n")),
    Case(LINE, "a split of duplicates", SPLIT, filled("train.csv", b"text,sentiment\na,0\nA,0\n a,1\n")),
    Case(LINE, "both files of a split are one", [*SPLIT, "--eval-output", "out.h5"]),
    Case(LINE, "both files of a split are one, by two names", [*SPLIT, "--eval-output", "./out.h5"]),
    Case(LINE, "--class-balance: a class for evaluation only", [*SPLIT, "--class-balance", "oversample", "--labels", "x,y"],
         filled("train.csv", b"text,sentiment\naaaa,x\nbbbb,y\n")),
    Case(LINE, "several tables with one output", [*LABEL, "--input", "test.csv"], lambda folder: shutil.copy(folder / "train.csv", folder / "test.csv"), ranks=(0,)),
    Case(LINE, "--json of a folder", ["inspect", "--json", "model"]),
    Case(LINE, "unknown option, nothing like it", ["prepare", "--zzzzzzzz", "x"]),
    Case(LINE, "unknown option with one dash", ["predict", "-model", "model", "a text"]),
    Case(LINE, "a text that starts with a dash", ["predict", "--model", "model", "-_-"]),
    Case(LINE, "a flag with a value", ["predict", "--model", "model", "--json=yes", "a text"]),
    Case(LINE, "values without their options", ["evaluate", "model", "test.h5"]),
    Case(LINE, "a model folder without its option", ["predict", "model", "a text"]),
    Case(LINE, "an unknown shell", ["completions", "bsh"]),
    Case(LINE, "no shell", ["completions"]),
    Case(LINE, "the page of an unknown command", ["man", "trian"]),
    Case(LINE, "a configuration onto a file", ["init-config", "--model", "model", "--data", "train.h5", "--output", "run.json"]),
    Case(LINE, "a configuration for a table", ["init-config", "--model", "model", "--data", "train.csv"]),
    Case(LINE, "a setting as an argument", ["train", "run.json", "seed=1"]),
    Case(LINE, "no path", ["inspect"]),
    Case(LINE, "two paths", ["inspect", "model", "train.h5"]),
    Case(LINE, "a plan without ranks", ["plan", "run.json"]),
    Case(LINE, "a plan without a configuration", ["plan", "--ranks", "2"]),
    Case(LINE, "unknown kind of labels", [*PREPARE, "--problem-type", "ranking"]),
    Case(LINE, "option missing", ["prepare", "--input", "train.csv"]),
    Case(LINE, "option without its value", ["evaluate", "--model", "model", "--data"]),
    Case(LINE, "option that is no number", [*EVALUATE, "--batch-size", "two"]),
    Case(LINE, "option out of range", [*EVALUATE, "--batch-size", "0"]),
    Case(LINE, "name of a file given as a text", ["predict", "--model", "model", "train.csv"]),
    Case(LINE, "probability above 1", [*PREDICT, "--threshold", "2"]),
    Case(LINE, "no configuration", ["train"]),
    Case(LINE, "two configurations", ["train", "run.json", "run.json"]),
    Case(LINE, "heads that do not divide the width", ["init", "--output", "new", "--tokenizer", "tokenizer", "--width", "10", "--heads", "3"]),
    Case(LINE, "a report of a folder that is no run", ["report", "model", "--output", "report.html"]),
    Case(LINE, "a report over another file", ["report", "model", "--output", "train.csv"]),
    Case(LINE, "a path that is not there", ["inspect", "nowhere"]),
    Case(LINE, "a path that linnet did not make", ["inspect", "tokenizer"]),
]

SWEEPS = "Sweeps"
RATES = {"learning_rate": [1e-4, 1e-3]}


def sweep(what, *arguments, settings=None, **keys):
    """`settings`: of run.json besides those of an evaluation."""
    def change(folder):
        (folder / "run.json").write_text(json.dumps({**SETTINGS, "eval_file": "test.h5", "eval_strategy": "epoch", **(settings or {})}, indent=1) + "\n")
        description = {key: value for key, value in {"config": "run.json", "output_dir": "sweep", "parameters": RATES, **keys}.items() if value is not ...}
        (folder / "sweep.json").write_text(json.dumps(description, indent=1) + "\n")

    return Case(SWEEPS, what, ["sweep", "sweep.json", *arguments], change)


SWEEP_CASES = [
    sweep("no configuration", config=...),
    sweep("no folder", output_dir=...),
    sweep("no parameters", parameters=...),
    sweep("an unknown key", parametres=RATES),
    sweep("a parameter that is no setting", parameters={"learning_rat": [1e-3]}),
    sweep("a folder as a parameter", parameters={"output_dir": ["a", "b"]}),
    sweep("a value out of range", parameters={"learning_rate": [1e-3, -1]}),
    sweep("no value", parameters={"learning_rate": []}),
    sweep("a range in a grid", parameters={"learning_rate": {"min": 1e-5, "max": 1e-3}}),
    sweep("a range that is empty", method="random", run_cap=2, parameters={"learning_rate": {"min": 1e-3, "max": 1e-5}}),
    sweep("a logarithm from 0", method="random", run_cap=2, parameters={"learning_rate": {"min": 0, "max": 1e-3, "distribution": "log_uniform_values"}}),
    sweep("an unknown method", method="bayes"),
    sweep("a random sweep of any length", method="random"),
    sweep("a grid with run_cap", run_cap=3),
    sweep("a seed that is there twice", parameters={"seed": [1, 1]}),
    sweep("too many jobs", jobs=2**32),
    sweep("an unknown metric", metric="eval_acuracy"),
    sweep("a metric without the name of its file", settings={"eval_file": NAMED}, metric="eval_accuracy"),
    sweep("an unknown goal", metric={"name": "eval_f1", "goal": "up"}),
    sweep("another way to end early", early_terminate={"type": "hyperband"}),
    sweep("trials without evaluations", settings={"eval_strategy": "no"}),
    sweep("a trial that there is not", "--trial", "2"),
    sweep("a trial of successive halving", "--trial", "0", early_terminate={"type": "successive_halving"}),
    sweep("two questions", "--count", "--summary"),
]


CASES = [*setting_cases(), *RULES, *FILES, *MISFITS, *OTHERS, *COMMANDS, *SWEEP_CASES]


def make_folder(case, folder, base):
    """Make the folder of a case: links to the files of base, its own run.json, and then the case's change."""
    folder.mkdir()
    for path in base.iterdir():
        os.symlink(path, folder / path.name)
    (folder / "run.json").write_text(json.dumps(SETTINGS, indent=1) + "\n")
    if case.change:
        case.change(folder)
    return folder
