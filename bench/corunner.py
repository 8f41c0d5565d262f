#!/usr/bin/env python3
"""A co-runner comes and goes while real threads train: how long do rounds take, against the split that knows the speeds?

usage: bench/corunner.py CREW

One run with the policy adaptive; a busy process pinned to the last CPU computes during its second third. Beside it, in
turn, runs with the policy fixed under each of the two conditions, with the means that were measured under it: what
adaptive is to reach. Round times are medians of a third, without its first SETTLE rounds, in which the policy learns;
the ratios to fixed are those of the same turn, median and extremes of TURNS. The weights are those of an undisturbed
run, or it is said. Ends with 1 when a ratio is above 1.1."""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

CREW_ARGS = ["--data", "synth:8192x784x10", "--model", "mlp:256,128", "--task-rows", "64", "--batch-tasks", "16",
             "--test-fraction", "0", "--workers", "2", "--epochs", "100000", "--quiet"]
ROUNDS, SETTLE, TURNS, MOST = 900, 30, 5, 1.1
BUSY = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile os.getppid() == int(sys.argv[2]): pass\n"


class CoRunner:
    def __init__(self, cpu):
        self.process = subprocess.Popen([sys.executable, "-c", BUSY, str(cpu), str(os.getpid())])
        self.off()

    def on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def off(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def end(self):
        self.process.kill()
        self.process.wait()


def train(crew, folder, policy, rounds, *args, at=None):
    """[seconds of each round], the summary; at(n) is called when n rounds are in the log."""
    log = os.path.join(folder, "log.jsonl")
    with open(os.path.join(folder, "out.json"), "w+") as out:
        process = subprocess.Popen([crew, "train", *CREW_ARGS, "--policy", policy, "--rounds", str(rounds), "--json",
                                    "--log", log, *args], stdout=out)
        seen = 0
        while process.poll() is None:
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                if at and os.path.exists(log):
                    with open(log) as f:
                        seen = sum(line.startswith('{"event":"round"') for line in f)
                    at(seen)
        if process.returncode:
            sys.exit(f"crew train ended with {process.returncode}")
        out.seek(0)
        summary = json.load(out)
    with open(log) as f:
        rows = [json.loads(line) for line in f if line.startswith('{"event":"round"')]
    os.unlink(log)
    return rows, summary


def median_s(rows):
    return statistics.median(row["seconds"] for row in rows)


def known(crew, folder):
    """Round time of the split that knows the means of this condition, and the split."""
    _, measured = train(crew, folder, "uniform", ROUNDS // 6)
    times = ",".join(f"{w['mean_ms'] / 1e3:.9f}" for w in measured["per_worker"])
    rows, summary = train(crew, folder, "fixed", ROUNDS // 3, "--times", times)
    return median_s(rows[SETTLE:]), rows[-1]["quota"], summary


def disturbed(crew, folder, other):
    third = ROUNDS // 3
    switched = []

    def switch(seen):
        if len(switched) == 0 and seen >= third:
            other.on()
            switched.append(seen)
        elif len(switched) == 1 and seen >= switched[0] + third:
            other.off()
            switched.append(seen)

    rows, summary = train(crew, folder, "adaptive", ROUNDS, at=switch)
    if len(switched) < 2:
        sys.exit("the run was over before the co-runner was")
    first, second = switched
    parts = rows[SETTLE:first - SETTLE], rows[first + SETTLE:second - SETTLE], rows[second + SETTLE:]
    return [median_s(part) for part in parts], [part[-1]["quota"] for part in parts], summary


def main(crew):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("this needs two CPUs")
    os.sched_setaffinity(0, set(cpus[:2]))
    other, ratios, digests = CoRunner(cpus[1]), [[], [], []], set()
    try:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{'round, ms':8}{'before':>22}{'with the co-runner':>26}{'after':>22}")
            for _ in range(TURNS):
                free, free_quota, _ = known(crew, folder)
                other.on()
                busy, busy_quota, _ = known(crew, folder)
                other.off()
                got, quotas, summary = disturbed(crew, folder, other)
                digests.add(summary["weights_digest"])
                want, want_quota = (free, busy, free), (free_quota, busy_quota, free_quota)
                print("        " + "".join(f"{1e3 * g:10.2f} {str(q):>7} of {1e3 * w:5.2f} {str(k):>7}" for g, q, w, k in
                                           zip(got, quotas, want, want_quota)))
                for part, g, w in zip(ratios, got, want):
                    part.append(g / w)
            digests.add(train(crew, folder, "uniform", ROUNDS)[1]["weights_digest"])
    finally:
        other.end()
    names = ("before", "with the co-runner", "after")
    out = [n for n, r in zip(names, ratios) if statistics.median(r) > MOST]
    for name, part in zip(names, ratios):
        print(f"{name:20} {statistics.median(part):.3f} of the split that knows ({min(part):.3f} .. {max(part):.3f})")
    print("the weights are those of an undisturbed run" if len(digests) == 1 else f"the weights differ: {digests}")
    sys.exit(1 if out or len(digests) > 1 else 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
