#!/usr/bin/env python3
"""plan_hosts.py CONFIG.json [HOSTSxRANKS@RATE ...]: compare the plan of `linnet plan` with runs on several hosts.

Hosts are network namespaces on this machine (tests/hosts) with links of a given rate. The same ranks on the same hosts measure the constants
right before each run, since the speed of a shared machine changes. Prints one row of docs/explanation/scaling.md for each case: seconds per
update, planned and measured (the median over the updates but the first, and over the runs), their difference (median and all runs), hidden
seconds, and MB that a host sends per update. Needs root and control groups of version 1, which limit the CPU time of a host."""
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


def seconds_an_update(folder, global_batch):
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return statistics.median(global_batch / event["samples_per_second"] for event in events if "loss" in event and event["step"] > 1)


def compare(config, hosts, ranks, folder, sets):
    """Measure, plan and run; return the plan, seconds per update, and bytes that the busiest host sent per update."""
    launcher, constants = hosts.mpirun(folder, ranks), folder / "constants.json"
    count = len(hosts.names)
    run(*launcher, LINNET, "plan", "--measure", config, "--constants", constants, *sets)
    plan = json.loads(run(LINNET, "plan", config, "--json", "--ranks", count * ranks, "--hosts", count, "--constants", constants, *sets))
    before = [hosts.sent(i) for i in range(count)]
    run(*launcher, LINNET, "train", config, "--set", f"output_dir={folder / 'run'}", "--set", "logging_steps=1", *sets)
    sent = max(hosts.sent(i) - before[i] for i in range(count)) / plan["updates"]
    return plan, seconds_an_update(folder / "run", plan["global_batch"]), sent


def row(done):
    plans, measured, sent = zip(*done)
    off = [100 * (plan["update_seconds"] / seconds - 1) for plan, seconds in zip(plans, measured)]

    def planned(key):
        return statistics.median(plan[key] for plan in plans)

    hidden = statistics.median(plan["gradient_hidden_seconds"] + plan["weight_hidden_seconds"] for plan in plans)
    return (f"{planned('update_seconds'):.3f} s | {statistics.median(measured):.3f} s | {statistics.median(off):+.0f} % "
            f"({', '.join(f'{each:+.0f}' for each in sorted(off))}) | {hidden:.3f} s | {planned('host_sent_bytes') / 1e6:.1f} | "
            f"{statistics.median(sent) / 1e6:.1f} |")


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
            # Leave a tenth of the cores to the bridge and other processes.
            hosts = namespaces.Hosts(int(count), rate, cores=0.9 * os.cpu_count() / int(count)).up()
            try:
                done = [compare(arguments.config, hosts, int(ranks), Path(folder), sets) for _ in range(arguments.runs)]
                print(f"| {count} x {ranks} | {rate} | {row(done)}", flush=True)
                for plan, seconds, _ in done:
                    print(json.dumps({"measured_seconds": seconds, **plan}), file=sys.stderr)
            finally:
                hosts.down()


if __name__ == "__main__":
    main()
