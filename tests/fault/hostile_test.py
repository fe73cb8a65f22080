"""Files from elsewhere must not make linnet run code, connect or read other folders; and the permissions of outputs."""
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from support import LINNET, ROOT, linnet, train


def imported():
    """Pairs (object file, function): the functions of other libraries that linnet calls."""
    found = subprocess.run(["nm", "-A", "--undefined-only", Path(LINNET).with_name("liblinnet.a")], capture_output=True, text=True,
                           check=True, timeout=60).stdout
    return {(line.split(":")[1], line.split()[-1]) for line in found.splitlines()}


STARTS = {"system", "popen", "fork", "vfork", "clone", "execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe", "fexecve",
          "posix_spawn", "posix_spawnp", "dlopen", "dlmopen", "dlsym", "wordexp"}
CONNECTS = {"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "send", "sendto", "sendmsg", "recv", "recvfrom",
            "recvmsg"}
RESOLVES = {"getaddrinfo", "gethostbyname", "gethostbyname2", "getnameinfo", "res_query"}


@pytest.mark.skipif("/san/" in LINNET, reason="the sanitizers' own imports are not linnet's")
def test_nothing_is_executed_and_nothing_connected():
    """linnet starts no program, loads no library and opens no connection, so that nothing in a model folder can be executed or sent. Five
    exceptions read no file of a model: `linnet sweep` starts linnet itself, behind the launcher that the user's own sweep file names
    (sweep_run.c); OpenBLAS, by its name alone, is loaded where products go through it (blas.c); the heartbeats between ranks (heartbeat_net.c) connect to addresses of the job's own hosts, which
    MPI delivers, without looking names up, and on one host without a network (test_one_host_opens_no_network); and /bin/sh kills a
    launcher that hangs, by a script that contains only numbers of the program (heartbeat_end.c). A fork that executes nothing keeps
    the output open for a launcher that needs it (launcher.c)."""
    calls = imported()
    names = {name for _, name in calls}
    assert {"open", "H5Fopen", "MPI_Init_thread"} <= names, "nm lists other symbols than linnet's"
    assert {(file, name) for file, name in calls if name in STARTS} == {("heartbeat_end.o", "posix_spawn"), ("launcher.o", "fork"),
                                                                         ("sweep_run.o", "fork"), ("sweep_run.o", "execl"),
                                                                         ("blas.o", "dlopen"), ("blas.o", "dlsym")}
    assert {file for file, name in calls if name in CONNECTS} == {"heartbeat_net.o"}
    assert not names & RESOLVES
    assert "H5PLset_loading_state" in names, "HDF5 would load filters from the disk"


def test_one_host_opens_no_network(job, at_call, tmp_path):
    """On one host linnet opens one local socket per rank if there are several ranks, else none, and no network socket. The preloaded
    library counts the calls."""
    for ranks, opened in ((3, {"local": "1", "network": None}), (1, {"local": None, "network": None})):
        for kind, wanted in opened.items():
            count = tmp_path / f"{kind}-{ranks}"
            train(tmp_path, ranks=ranks, env=at_call(0, "socket", "", path=kind, AT_COUNT=str(count)), **{**job, "max_steps": 1})
            assert (count.read_text().strip() if count.exists() else None) == wanted


def test_other_files_of_a_model_folder_are_ignored(sample, tmp_path, copy_of):
    """Programs in a model folder, also with names that a search path could find, are neither run nor copied."""
    model, mark = copy_of(sample.model), tmp_path / "mark"
    for name in ("modeling_gpt2.py", "__init__.py", "orted", "sh", "libfilter.so"):
        (model / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (model / name).chmod(0o755)
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "modeling_gpt2.Model"}
    (model / "config.json").write_text(json.dumps(config))
    env = {"HDF5_PLUGIN_PATH": str(model), "PATH": os.environ["PATH"] + ":" + str(model)}
    linnet("inspect", model, env=env)
    linnet("predict", "--model", model, "a text", env=env)
    run = train(tmp_path, env=env, model_name_or_path=model, train_file=sample.train, max_steps=1, save_strategy="no", global_batch_size=20)
    assert not mark.exists()
    assert sorted(path.name for path in run.iterdir()) == [
        ".lock", "README.md", "config.json", "config.resolved.json", "linnet_run.json", "linnet_state.json", "linnet_status.json", "merges.txt",
        "metrics.jsonl", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"]


def test_index_cannot_lead_out_of_its_folder(sample, tmp_path, copy_of):
    """Nor can it name a folder or a path inside its folder, even if the file there is good."""
    model = copy_of(sample.model)
    weights = model / "model.safetensors"
    header = json.loads(weights.read_bytes()[8 : 8 + int.from_bytes(weights.read_bytes()[:8], "little")])
    header.pop("__metadata__")
    (tmp_path / "outside").mkdir()
    shutil.move(weights, tmp_path / "outside/w.safetensors")
    for path in ("../outside/w.safetensors", str(tmp_path / "outside/w.safetensors"), "..", ".", "", "./w.safetensors"):
        (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {name: path for name in header}}))
        assert "weight_map" in linnet("inspect", model, code=1).errors[0]
    shutil.copy(tmp_path / "outside/w.safetensors", model / "w.safetensors")
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {name: "w.safetensors" for name in header}}))
    linnet("inspect", model)


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_outputs_get_the_umask(sample, tmp_path, mask):
    """The umask decides who may read the files of every command; no file is executable."""
    config = tmp_path / "run.json"
    config.write_text(json.dumps(dict(model_name_or_path=str(tmp_path / "model"), train_file=str(tmp_path / "train.h5"),
                                      output_dir=str(tmp_path / "a/run"), max_steps=2, save_steps=1, global_batch_size=20, logging_steps=1)))
    known = {config}
    for command in (["prepare", "--input", sample.train_csv, "--output", tmp_path / "train.h5", "--tokenizer", sample.tokenizer],
                    ["init", "--output", tmp_path / "model", "--tokenizer", sample.tokenizer, "--layers", "1", "--width", "16", "--heads", "2"],
                    ["train", config, "--profile"],
                    ["evaluate", "--model", tmp_path / "a/run", "--data", tmp_path / "train.h5", "--predictions", tmp_path / "p.tsv"]):
        subprocess.run([LINNET, *map(str, command)], check=True, cwd=ROOT, umask=mask, timeout=300, capture_output=True)
    made = [path for path in tmp_path.rglob("*") if path not in known]
    assert {"train.h5", "model.safetensors", "optimizer.safetensors", "trainer_state.json", "linnet_state.json", "linnet_run.json", "metrics.jsonl", "p.tsv",
            "config.resolved.json", "checkpoint-2"} <= {path.name for path in made}
    for path in made:
        wanted = (0o777 if path.is_dir() else 0o666) & ~mask
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
