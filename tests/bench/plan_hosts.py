#!/usr/bin/env python3
"""plan_hosts.py CONFIG.json [HOSTSxRANKS@RATE ...]: what `linnet plan` expects of runs over several hosts, against what they take.

Hosts are network namespaces on this machine (tests/hosts), on links of a given rate; the constants are measured by the same
ranks on the same hosts before. Prints a row of docs/scaling.md each: seconds an update (planned; measured: mean over the
updates of a run but the first, the median run, and all runs) and MB that a host sends an update. Needs root."""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/hosts"), str(ROOT / "tests")]
import namespaces  # noqa: E402

LINNET = str(ROOT / "build/linnet")
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def seconds_an_update(folder, window):
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return statistics.mean(window / event["samples_per_second"] for event in events if "loss" in event and event["step"] > 1)


def compare(config, hosts, ranks, folder, runs, sets):
    launcher, constants = hosts.mpirun(folder, ranks), folder / "constants.json"
    count = len(hosts.names)
    run(*launcher, LINNET, "plan", "--measure", config, "--constants", constants, *sets)
    plan = json.loads(run(LINNET, "plan", config, "--json", "--ranks", count * ranks, "--hosts", count, "--constants", constants, *sets))
    measured, sent = [], []
    for _ in range(runs):
        before = max(hosts.sent(i) for i in range(count))
        run(*launcher, LINNET, "train", config, "--set", f"output_dir={folder / 'run'}", "--set", "logging_steps=1", *sets)
        measured.append(seconds_an_update(folder / "run", plan["window"]))
        sent.append((max(hosts.sent(i) for i in range(count)) - before) / plan["updates"])
    median = statistics.median(measured)
    return (f"{plan['update_seconds']:.3f} s | {median:.3f} s ({', '.join(f'{seconds:.3f}' for seconds in sorted(measured))}) | "
            f"{100 * (plan['update_seconds'] / median - 1):+.0f} % | {plan['host_sent_bytes'] / 1e6:.1f} | "
            f"{statistics.median(sent) / 1e6:.1f} |"), plan


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("cases", nargs="*", default=["2x1@100mbit", "3x1@100mbit", "2x1@1gbit", "3x1@1gbit"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE for the configuration")
    arguments = parser.parse_args()
    sets = [word for text in arguments.set for word in ("--set", text)]
    for case in arguments.cases:
        count, ranks, rate = re.fullmatch(r"(\d+)x(\d+)@(\w+)", case).groups()
        with tempfile.TemporaryDirectory() as folder:
            hosts = namespaces.Hosts(int(count), rate).up()
            try:
                row, plan = compare(arguments.config, hosts, int(ranks), Path(folder), arguments.runs, sets)
                print(f"| {count} x {ranks} | {rate} | {row}", flush=True)
                print(json.dumps(plan), file=sys.stderr)
            finally:
                hosts.down()


if __name__ == "__main__":
    main()
