#!/usr/bin/env python3
"""Kill training jobs again and again, start them again, and check that nothing is lost.

The script kills a job of two ranks (-9: a random rank, all ranks, or mpirun) at a random moment of loading, an update, an
evaluation, saving, a rename or its end, and starts it again with resume_from_checkpoint until it is complete; then the next
job, until it has done the requested number of kills. Each complete job must have the same bits of weights and the same log as
an undisturbed one. It must leave no unfinished file, must not hang, and no process may outlive its job. Open MPI 4.1's mpirun
sometimes waits for itself after a rank was killed while it joined; without any rank left the script kills mpirun and counts that.

    tests/fault/kill_many.py [--kills 50] [--seed 1] [--jobs 3] [--limit 60] [--keep FOLDER]

Prints one line for each kill and each fault, with the seed that repeats it. Exit code 1 after a fault."""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support import checkpoints, events, is_linnet, left_over, linnet, ranks_of, start, weights_digest, without_timing, write_config  # noqa: E402

RANKS = 2
UPDATES = 12
ALONE = 60  # seconds that mpirun has to end after its last rank, on a busy machine

# Moments at which a process is held in a call and killed there: the call, the path, the largest number of the call.
CALLS = {
    "save": [("write", "/run/checkpoint-", 90), ("fsync", "/run/checkpoint-", 60), ("open", "/run/checkpoint-", 60)],
    "rename": [("rename", "/run/", 50)],
    "end": [("any", "/run/model.", 30), ("rename", "/run/", 60)],
}
# Other moments: some time after the start, or some lines of the log.
MOMENTS = ["load", "step", "evaluation", *CALLS]
VICTIMS = ["one rank", "all ranks", "mpirun"]


class Fault(Exception):
    """A fault of linnet that this script found."""


def prepare(folder):
    """A tiny sample and model; returns the settings of the job."""
    subprocess.run([sys.executable, ROOT / "scripts/make_sample.py", folder, "--train", "60", "--test", "23", "--merges", "50"],
                   check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name in ("train", "test"):
        linnet("prepare", "--input", folder / f"{name}.csv", "--output", folder / f"{name}.h5", "--tokenizer",
               folder / "tokenizer")
    linnet("init", "--output", folder / "model", "--tokenizer", folder / "tokenizer", "--layers", "2", "--width", "16", "--heads",
           "2")
    return dict(model_name_or_path=folder / "model", train_file=folder / "train.h5", eval_file=folder / "test.h5",
                global_batch_size=14, reduction_units=4, max_steps=UPDATES, learning_rate=1e-3, logging_steps=1,
                eval_strategy="steps", eval_steps=2, save_strategy="steps", save_steps=2, save_total_limit=2,
                metric_for_best_model="loss", load_best_model_at_end=True, dropout=0.1, resume_from_checkpoint="auto",
                threads_per_rank=1)


def build_library(folder):
    library = folder / "fail_calls.so"
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", library, ROOT / "tests/fault/fail_calls.c",
                    "-ldl"], check=True, timeout=60)
    return library


class Job:
    """One folder in which a training job is started until it is complete."""

    def __init__(self, folder, settings, library, limit, undisturbed=None, rng=None):
        folder.mkdir(parents=True)
        self.folder, self.run, self.rng = folder, folder / "run", rng
        self.library, self.limit, self.undisturbed = library, limit, undisturbed
        self.config = write_config(folder / "config.json", output_dir=self.run, **settings)
        self.starts = self.launchers = 0

    def start(self, fault):
        self.starts += 1
        self.output = open(self.folder / f"output-{self.starts}", "wb")
        # The folder for Open MPI's files, which a killed mpirun leaves behind.
        env = {**fault, "TMPDIR": str(self.folder), "OMPI_MCA_btl_vader_backing_directory": str(self.folder),
               "OMPI_MCA_odls_base_sigkill_timeout": "0"}
        return start(["train", self.config], RANKS, env=env, stdout=self.output, stderr=self.output)

    def lines(self):
        try:
            return (self.run / "metrics.jsonl").read_text().count("\n")
        except OSError:
            return 0

    def wait_until(self, process, there, ends):
        """False if the job ended first."""
        while not there():
            if process.poll() is not None:
                return False
            if time.monotonic() > ends:
                raise Fault("the job hangs")
            time.sleep(0.002)
        return process.poll() is None

    def reach(self, process, moment, mark):
        """Wait for the moment to kill."""
        rng, ends = self.rng, time.monotonic() + self.limit
        if moment in CALLS:
            return self.wait_until(process, mark.exists, ends)
        if moment == "load":
            late = time.monotonic() + rng.uniform(0, 0.8)
            return self.wait_until(process, lambda: time.monotonic() > late, ends)
        before = self.lines()
        wanted = rng.randint(1, UPDATES)  # lines of updates and evaluations come in turn
        there = self.wait_until(process, lambda: self.lines() >= before + wanted or 0 < self.lines() < before, ends)
        time.sleep(rng.uniform(0, 0.004 if moment == "step" else 0.02))
        return there and process.poll() is None

    def kill(self, process, victim):
        ranks = ranks_of(process)
        if victim == "mpirun" or not ranks:
            targets = [process.pid]
        else:
            targets = ranks if victim == "all ranks" else [self.rng.choice(ranks)]
        for pid in targets:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return ranks

    def see_it_end(self, process, ranks):
        seen = began = time.monotonic()
        while process.poll() is None or any(map(is_linnet, ranks)):
            now = time.monotonic()
            if any(map(is_linnet, [*ranks, *ranks_of(process)])):
                seen = now
                if now > began + self.limit:
                    raise Fault("a rank hangs" if process.poll() is None else "a process outlived its job")
            elif now > seen + ALONE:
                self.launchers += 1
                process.kill()
                process.wait()
            time.sleep(0.01)

    def once(self):
        """Start the job and kill it; return the moment and the victim, or None if the job ended before."""
        rng = self.rng
        moment, victim = rng.choice(MOMENTS), rng.choice(VICTIMS)
        mark, fault = self.folder / f"mark-{self.starts}", {}
        if moment in CALLS:
            call, under, count = rng.choice(CALLS[moment])
            fault = {"LD_PRELOAD": str(self.library), "FAULT_CALL": call, "FAULT_UNDER": under, "FAULT_MARK": str(mark),
                     "FAULT_PAUSE": str(rng.randint(1, count))}
        process = self.start(fault)
        ranks = []
        try:
            reached = self.reach(process, moment, mark)
            if reached:
                ranks = self.kill(process, victim)
            self.see_it_end(process, ranks)
        except Fault:
            for pid in [*ranks_of(process), *ranks, process.pid]:
                if pid == process.pid or is_linnet(pid):
                    os.kill(pid, signal.SIGKILL)
            raise
        finally:
            self.output.close()
        process.stdin.close()
        if reached and process.returncode != 0:
            return moment, victim
        if process.returncode != 0:
            raise Fault(f"exit code {process.returncode} without having been killed")
        return None

    def check_checkpoints(self):
        """Every checkpoint is intact at any time."""
        for step in checkpoints(self.run) if self.run.exists() else []:
            linnet("inspect", self.run / f"checkpoint-{step}")

    def check_complete(self):
        left = left_over(self.run)
        if left:
            raise Fault(f"left over: {left}")
        digest, log = self.undisturbed
        if weights_digest(self.run) != digest:
            raise Fault("the weights are not those of an undisturbed run")
        if without_timing(events(self.run)) != log:
            raise Fault("the log is not that of an undisturbed run")


def work(number, args, folder, parts, done, lock):
    """Run one job after the other until all kills are done; `done` counts them by moment and victim."""
    rng, trial = random.Random(f"{args.seed} {number}"), 0

    def say(text):
        with lock:
            print(f"[{number}.{trial}] {text}", flush=True)

    while sum(done.values()) < args.kills:
        trial += 1
        job = Job(folder / f"job-{number}-{trial}", *parts, rng)
        try:
            while (killed := job.once()) is not None:
                with lock:
                    done[killed] += 1
                    args.launchers += job.launchers
                    job.launchers = 0
                say(f"start {job.starts}: killed {killed[1]} at {killed[0]}")
                job.check_checkpoints()
                if sum(done.values()) >= args.kills:
                    # The last job runs to its end.
                    process = job.start({})
                    job.see_it_end(process, ranks_of(process))
                    job.output.close()
                    if process.returncode != 0:
                        raise Fault(f"exit code {process.returncode}")
                    break
            job.check_complete()
            say(f"complete after {job.starts} starts, same bits as undisturbed")
            shutil.rmtree(job.folder)
        except (Fault, AssertionError) as fault:
            say(f"FAULT at start {job.starts} (--seed {args.seed}, {job.folder}): {fault}")
            args.faults.append(str(fault))
            args.keep = args.keep or folder
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=3, help="jobs that run at the same time")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which a job counts as hanging")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    args = parser.parse_args()
    args.faults, args.launchers = [], 0
    folder = args.keep or Path(tempfile.mkdtemp(prefix="kill_many-"))
    folder.mkdir(parents=True, exist_ok=True)
    settings, library = prepare(folder), build_library(folder)
    first = Job(folder / "undisturbed", settings, library, args.limit)
    process = first.start({})
    first.see_it_end(process, [])
    assert process.returncode == 0, (folder / "undisturbed/output-1").read_text()
    undisturbed = weights_digest(first.run), without_timing(events(first.run))
    done, lock, began = Counter(), threading.Lock(), time.monotonic()
    workers = [threading.Thread(target=work, args=(i, args, folder, (settings, library, args.limit, undisturbed), done, lock))
               for i in range(args.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for (moment, victim), count in sorted(done.items()):
        print(f"{count:5d}  {victim:9s} at {moment}")
    print(f"{args.launchers} launchers hung without any rank left")
    print(f"{sum(done.values())} kills, {len(args.faults)} faults, {time.monotonic() - began:.0f} s, seed {args.seed}")
    if not args.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if args.faults or sum(done.values()) < args.kills else 0


if __name__ == "__main__":
    sys.exit(main())
