#!/usr/bin/env python3
"""Measure linnet on this machine against its limit, the matrix products alone, and against PyTorch and Hugging Face Trainer.

usage: bench.py [--data FOLDER] [--peer PYTHON] [--rounds 3] [--json FILE] [--only WORD ...]
  --data    a folder with tweets/train.csv, tweets/test.csv and gpt2-tokenizer/ (default: the sample that `make quickstart` writes)
  --peer    a Python with torch, transformers, accelerate and tokenizers; without it the rows that need them are left out
  --only    measure only rows whose name contains one of these words

GPT-2 small (124 M parameters, random weights, which change no speed), float32, dropout on. Each ratio is one of medians; the runs
of both sides take turns, because the speed of a shared machine drifts. Prints a table; --json also writes it with machine,
versions and the single measurements."""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from statistics import median

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINNET, PRODUCTS = ROOT / "build/linnet", ROOT / "build/tests/bench/products"
MPIRUN = ROOT / "scripts/mpirun.sh"
LOOP_TOKENS = 18  # per text in the loop of bench_peer.py
CORES = len(os.sched_getaffinity(0))


class Bench:
    def __init__(self, arguments, folder):
        self.rounds, self.peer, self.only, self.folder, self.rows = arguments.rounds, arguments.peer, arguments.only, folder, []
        data = pathlib.Path(arguments.data or ROOT / "build/sample")
        self.tokenizer = data / ("gpt2-tokenizer" if arguments.data else "tokenizer")
        self.train, self.test = (data / ("tweets" if arguments.data else "") / f"{name}.csv" for name in ("train", "test"))

    def wanted(self, name):
        return not self.only or any(word in name for word in self.only)

    def row(self, name, values, unit, target=None):
        """The median of several values with their spread, or a value without a spread."""
        spread = values if isinstance(values, list) else []
        value = median(spread) if spread else values
        self.rows.append(dict(name=name, value=round(value, 4), unit=unit, against="", target=target,
                              spread=[round(x, 4) for x in spread]))
        low, high = (f"{min(spread):.3f}", f"{max(spread):.3f}") if spread else ("", "")
        print(f"{name:46} {value:10.3f} {unit:10} {low:>8} … {high:<8} {'target ' + target if target else ''}", flush=True)

    def left_out(self, name, reason):
        """The table also has the rows that this machine cannot measure, without a value."""
        self.rows.append(dict(name=name, value=None, why=reason))
        print(f"{name:46} left out: {reason}", flush=True)

    def prepare_inputs(self):
        run([LINNET, "init", "--output", self.folder / "model", "--tokenizer", self.tokenizer])
        for name, source in (("train", self.train), ("test", self.test)):
            run([LINNET, "prepare", "--input", source, "--output", self.folder / f"{name}.h5", "--tokenizer", self.tokenizer])

    def command(self, global_batch, updates, **settings):
        """The command that trains into an empty folder, "out"."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        config = self.folder / "config.json"
        config.write_text(json.dumps(dict(model_name_or_path=str(self.folder / "model"), train_file=str(self.folder / "train.h5"),
                                          output_dir=str(self.folder / "out"), global_batch_size=global_batch, max_steps=updates,
                                          logging_steps=1, **settings)))
        return [str(LINNET), "train", str(config)]

    def train_updates(self, global_batch, updates, ranks=1, threads=None, sample_memory=False, **settings):
        """Train; return tokens/s of each update but the first two, seconds until the first update ended, and peak memory in GB
        (of several ranks only with `sample_memory`)."""
        command = [] if ranks == 1 else [str(MPIRUN), str(ranks)]
        command += self.command(global_batch, updates, save_strategy="no", threads_per_rank=threads, **settings)
        started, first, peak, said = time.time(), None, Peak(), []
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        if sample_memory:
            peak.begin(process.pid)
        for line in process.stderr:
            said.append(line)
            if first is None and line.startswith("step 1 "):
                first = time.time() - started
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode, sampled = os.waitstatus_to_exitcode(status), peak.stop()
        if process.returncode != 0:
            sys.exit(f"bench: {' '.join(command)} failed:\n{''.join(said)}")
        events = [json.loads(line) for line in (self.folder / "out/metrics.jsonl").read_text().splitlines()]
        speeds = [event["tokens_per_second"] for event in events if "loss" in event][2:]
        return speeds, first, usage.ru_maxrss * 1024 / 1e9 if ranks == 1 else sampled

    def products(self, tokens, repeats=3, threads=CORES, forward=False):
        """tokens/s of the products alone."""
        lines = run([PRODUCTS, tokens, repeats, *(["forward"] if forward else [])], env={"OMP_NUM_THREADS": str(threads)})
        return [tokens / float(seconds) for seconds in lines.split()]

    def tokens_per_tweet(self):
        text = run([LINNET, "inspect", self.folder / "train.h5"])
        tokens, samples = (int(re.search(rf"^ *{key}\s+(\d+)", text, re.M)[1]) for key in ("tokens", "samples"))
        return tokens / samples

    def compare(self, name, target, *sides, rounds=None):
        """The ratio of the second side to the first; they take turns. A side is its row's name (None: no row), unit and measurement."""
        if not self.wanted(name):
            return
        found = ([], [])
        for _ in range(rounds or self.rounds):
            for values, (_, _, measure) in zip(found, sides):
                values += measure()
        for values, (label, unit, _) in zip(found, sides):
            if label:
                self.row(label, values, unit)
        self.row(name, median(found[1]) / median(found[0]), "", target)

    def against_products(self, global_batch, updates, target):
        tokens = round(global_batch * self.tokens_per_tweet())
        self.compare(f"training, global batch {global_batch} ÷ products alone", target,
                     (f"products alone, {tokens} tokens", "tokens/s", lambda: self.products(tokens)),
                     (f"training, global batch {global_batch}", "tokens/s", lambda: self.train_updates(global_batch, updates)[0]))

    def bf16(self):
        """bf16 on processors that have it, against matrix products in float32 and the loop in bfloat16."""
        name = "training, global batch 32, bf16 ÷ products alone in float32"
        if not self.wanted(name):
            return
        if not re.search(r"^kernels +(avx512bf16|amx)$", run([LINNET, "--version"]), re.M):
            self.left_out(name, "this processor has no AVX512-BF16")
            return
        ours, limit, peer, tokens = [], [], [], round(32 * self.tokens_per_tweet())
        for _ in range(self.rounds):
            limit += self.products(tokens)
            ours += self.train_updates(32, 8, bf16=True)[0]
            if self.peer:
                peer.append(self.ask_peer("loop-bf16", "32")["samples_per_second"])
        self.row("training, global batch 32, bf16", ours, "tokens/s")
        self.row(name, median(ours) / median(limit), "", "≥ 1.5")
        if peer:
            self.row("training, global batch 32, bf16 ÷ loop-bf16", median(ours) / LOOP_TOKENS / median(peer), "", "≥ 1.15")

    def evaluation(self, target):
        def evaluate():
            text = run([LINNET, "evaluate", "--model", self.folder / "model", "--data", self.folder / "test.h5", "--batch-size", 32])
            return [float(re.search(r"speed +([\d.]+)", text)[1]) * self.tokens_per_tweet()]

        tokens = round(32 * self.tokens_per_tweet())
        self.compare("evaluation ÷ forward products alone", target, (None, "", lambda: self.products(tokens, forward=True)),
                     ("evaluation", "tokens/s", evaluate))

    def ranks_and_units(self):
        def side(label, global_batch, **settings):
            return (f"training, global batch {global_batch}, {label}", "tokens/s",
                    lambda: self.train_updates(global_batch, 6 * 32 // global_batch, **settings)[0])

        if CORES >= 2:
            self.compare("2 ranks × 1 thread ÷ 1 × 1, global batch 32", "≥ 1.85", side("1 rank × 1 thread", 32, threads=1),
                         side("2 ranks × 1 thread", 32, ranks=2, threads=1))
        for global_batch in 32, 8:
            self.compare(f"8 reduction units ÷ 1, 1 rank, global batch {global_batch}", "≥ 0.87",
                         side("1 reduction unit", global_batch), side("8 reduction units", global_batch, reduction_units=8))

    def memory(self):
        if self.wanted("peak memory"):
            self.row("peak memory, 1 rank, global batch 8", self.train_updates(8, 6)[2], "GB", "≤ 1.5")
            two_ranks = self.train_updates(16, 6, ranks=2, threads=1, sample_memory=True)[2]
            self.row("peak memory, 2 ranks, global batch 16", two_ranks, "GB", "≤ 2.2")

    def first_update(self):
        if self.wanted("first update"):
            times = [self.train_updates(8, 3)[1] for _ in range(self.rounds)]
            self.row("first update after start, global batch 8", times, "s", "≤ 1.5")

    def lines_until(self, updates, **settings):
        """The times, in seconds, at which a run logged each update; the run is killed after the last."""
        came, command = [], self.command(4, 1000, **settings)
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in process.stderr:
            if line.startswith("step "):
                came.append(time.time())
            if len(came) == updates:
                break
        process.kill()
        process.communicate()
        if len(came) < updates:
            sys.exit("bench: a training run ended early")
        return came

    def saving(self):
        """The cost of one checkpoint: the time of 30 updates with one, less the time of 30 without, as a share of 500 updates."""
        if not self.wanted("a save"):
            return
        first, save, last = 5, 20, 35  # the next save would be at 40
        saving, held, plain = [], [], []
        for _ in range(self.rounds):
            plain.append(self.lines_until(last, save_strategy="no"))
            came = self.lines_until(last, save_steps=save)
            saving.append(came[last - 1] - came[first - 1])
            held.append(came[save] - came[save - 1])
        update = median((came[last - 1] - came[first - 1]) / (last - first) for came in plain)
        shares = [100 * (seconds - (last - first) * update) / (500 * update) for seconds in saving]
        self.row("a save, of 500 updates of global batch 4", shares, "%", "≤ 3")
        self.row("training stopped meanwhile", [each - update for each in held], "s")

    def prepare(self):
        if not self.wanted("prepare"):
            return
        command = [LINNET, "prepare", "--input", self.train, "--output", self.folder / "p.h5", "--tokenizer", self.tokenizer]
        ours, peer = [], []
        for _ in range(2 * self.rounds):
            started = time.time()
            run(command)
            ours.append(time.time() - started)
            if self.peer:
                peer.append(self.ask_peer("tokenize")["seconds"])
        self.row("prepare, complete command", ours, "s")
        if not peer:
            self.left_out("prepare, times faster", "no `tokenizers`: see `make bench-peer`")
            return
        self.row("tokenizers, one by one", peer, "s")
        self.row("prepare, times faster", median(peer) / median(ours), "", "≥ 4")

    def ask_peer(self, *words):
        text = run([self.peer, ROOT / "scripts/bench_peer.py", "--tokenizer", self.tokenizer, "--tweets", self.train, *words],
                   env={"OMP_NUM_THREADS": str(CORES)})
        return json.loads(text.splitlines()[-1])

    def peers(self):
        for kind, global_batch, pooling, target in (("loop", 8, "last_token", "≥ 1.6"), ("loop", 32, "last_token", "≥ 1.3"),
                                              ("trainer", 8, "last_token", "≥ 2.5"), ("tutorial", 4, "padded_end", "≥ 80")):
            name = f"training, global batch {global_batch} ÷ {kind}"
            if not self.peer:
                if self.wanted(name):
                    self.left_out(name, "no PyTorch: see `make bench-peer`")
                continue
            # Updates have different lengths, so count tweets of the peer's mean length.
            length = LOOP_TOKENS if kind == "loop" else self.tokens_per_tweet()
            self.compare(name, target, (f"{kind}, global batch {global_batch}", "tweets/s",
                                        lambda: [self.ask_peer(kind, str(global_batch))["samples_per_second"]]),
                         (None, "", lambda: [speed / length for speed in self.train_updates(global_batch, 10, pooling=pooling)[0]]),
                         rounds=1 if kind == "tutorial" else None)


class Peak:
    """The peak memory of a process and its children in GB of 10^9 bytes; shared pages count once (proportional set size).
    Sampling walks all their pages, which takes much of a core's time: do not measure speed meanwhile."""
    most, running, thread = 0, True, None

    def begin(self, pid):
        self.thread = threading.Thread(target=self.sample, args=(pid,))
        self.thread.start()

    def stop(self):
        self.running = False
        if self.thread:
            self.thread.join()
        return self.most * 1024 / 1e9

    def sample(self, pid):
        while self.running:
            self.most = max(self.most, sum(map(proportional, family(pid))))
            time.sleep(0.1)


def family(pid):
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid] + [member for child in children for member in family(int(child))]


def proportional(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(map(int, re.findall(r"^Pss: +(\d+)", text, re.M)))


def run(command, env=None):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} failed:\n{done.stderr}")
    return done.stdout


def machine(peer):
    """The machine and the versions that the figures were measured with."""
    ask = "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in ('torch', 'transformers', 'tokenizers')}))"
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return dict(cpu=cpu.group(1) if cpu else platform.machine(), cores=CORES, versions=run([LINNET, "--version"]).splitlines(),
                peer=json.loads(run([peer, "-c", ask])) if peer else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in "--data", "--peer", "--json":
        parser.add_argument(option)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    about = machine(arguments.peer)
    peer = [f"{name} {version}" for name, version in (about["peer"] or {}).items()]
    print("\n".join([f"{about['cpu']}, {CORES} cores", *about["versions"], *peer]))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        bench.prepare_inputs()
        for global_batch, updates, target in ((32, 6, "≥ 0.95"), (8, 12, "≥ 0.85"), (4, 20, "≥ 0.75")):
            bench.against_products(global_batch, updates, target)
        bench.bf16()
        bench.evaluation("≥ 0.95")
        bench.ranks_and_units()
        for measure in bench.memory, bench.first_update, bench.saving, bench.prepare, bench.peers:
            measure()
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps(dict(machine=about, rows=bench.rows), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
