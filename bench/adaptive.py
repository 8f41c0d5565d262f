#!/usr/bin/env python3
"""What the policy adaptive is to reach, simulated: on machines that do not change, and on those that do.

usage: bench/adaptive.py CREW

On the scenarios of the ATA paper the yardstick is greedy: "cost" is its worker time / the policy's, "time" the policy's
runtime / greedy's. On the others it is the oracle, in every round the split of the true means: "time" is the length of
the rounds / the oracle's, "split" what the plans take by the true means (proxy loss) / that of the best plan, so that
luck, and outliers that hit whoever they hit, have no part in it. Means of 5 seeds; the published policies beside."""
import concurrent.futures, csv, os, tempfile

from judge import SEEDS, judge, main, simulate

PAPER = [  # scenario, workers, rounds, least cost, most time
    ("sqrt", 459, 1000, 23, 2.9), ("sqrt", 459, 10000, 26.5, 2.3), ("linear", 51, 1000, 5.9, 1.75),
    ("linear", 153, 10000, 18, 1.75)]
BESIDE = ["ata", "ata-empirical", "ata-empirical:eta=0.25"]
ALL = ("all rounds", 1, 2500)
WINDOWS = [  # scenario, (name, first and last round), what, the most of it; None: it is shown
    ("steady", ("rounds 20..1000", 20, 1000), "time", 1.02),
    ("steady", ("false alarms, 100..2500", 100, 2500), "time", 1.005),
    ("throttle", ("200 rounds from the change", 500, 699), "time", 1.1),
    ("throttle", ("100 rounds from recovery", 1500, 1599), "time", None),
    ("throttle", ("100 rounds later", 1600, 2500), "split", 1.01),
    ("throttle, B 16", ("200 rounds from the change", 500, 699), "time", 1.1),
    ("throttle, B 16", ("100 rounds from recovery", 1500, 1599), "time", None),
    ("throttle, B 16", ("100 rounds later", 1600, 2500), "split", 1.02),
    ("co-runner", ALL, "time", 1.1),
    ("outliers", ALL, "split", 1.03),
    ("ramp", ALL, "time", 1.1),
    ("churn", ("100 rounds from leaving", 500, 599), "time", None),
    ("churn", ("100 rounds from the return", 1000, 1099), "time", None),
    ("timeshare", ALL, "split", None),
    ("timeshare", ALL, "time", None),
    ("heavy", ALL, "split", None),
]
SMALL = {"throttle, B 16": ("throttle", "--batch-tasks", 16)}  # slow workers get nothing: only a retry shows recovery
POINT = {"time": "time_s", "regret": "regret_s", "best": "best_s"}


def run_paper(crew, scenario, workers, rounds):
    return simulate(crew, *SEEDS, "--scenario", f"paper-{scenario}", "--workers", workers, "--batch-tasks", 23,
                    "--rounds", rounds, "--policy", ",".join(["greedy", "fixed", "adaptive", *BESIDE[:2]]))


def run_changing(crew, scenario):
    """{policy: [{"time": [sums over the rounds so far, from round 0], "regret": ..., "best": ...}, for each seed]}"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "curve.csv")
        simulate(crew, *SEEDS, "--scenario", *SMALL.get(scenario, (scenario,)), "--curve", path, "--curve-every", 1,
                 "--policy", ",".join(["oracle", "adaptive", *BESIDE]))
        runs = {}
        with open(path, newline="") as f:
            for row in csv.DictReader(f):
                run = runs.setdefault(row["policy"], {}).setdefault(row["seed"], {what: [0] for what in POINT})
                for what, column in POINT.items():
                    run[what].append(float(row[column]))
    return {policy: list(seeds.values()) for policy, seeds in runs.items()}


def ratio(runs, policy, first, last, what):
    """Mean over the seeds, for rounds first..last."""
    def part(run, of):
        return run[of][last] - run[of][first - 1]

    def one(run, oracle):
        if what == "time":
            return part(run, "time") / part(oracle, "time")
        return 1 + part(run, "regret") / part(run, "best")

    ratios = [one(run, oracle) for run, oracle in zip(runs[policy], runs["oracle"])]
    return sum(ratios) / len(ratios)


def show_paper(results):
    print(f"{'cost / time beside greedy':26}{'fixed (knows)':>18}{'adaptive':>18}{'':32}" +
          "".join(f"{p:>16}" for p in BESIDE[:2]))
    for (scenario, workers, rounds, cost, most), policies in results.items():
        fixed, adaptive, *beside = [(p["cost_ratio"], p["time_ratio"]) for p in policies[1:]]
        name = f"{scenario} {workers}, {rounds} rounds"
        bounds = judge(name + ", cost", adaptive[0], cost, True) + "," + judge(name + ", time", adaptive[1], most)[1:]
        print(f"{name:26}" + "".join(f"{c:10.2f} / {t:5.3f}" for c, t in (fixed, adaptive)) + f"{bounds:32}" +
              "".join(f"{c:7.2f} / {t:6.3f}" for c, t in beside))


def show_changing(results):
    print(f"\n{'beside the oracle':52}{'adaptive':>8}{'':16}" + "".join(f"{p:>24}" for p in BESIDE))
    for scenario, (window, first, last), what, most in WINDOWS:
        runs, name = results[scenario], f"{scenario}: {window}, {what}"
        value = ratio(runs, "adaptive", first, last, what)
        print(f"{name:52}{value:8.4f}{judge(name, value, most):16}" +
              "".join(f"{ratio(runs, p, first, last, what):24.4f}" for p in BESIDE))


def show(crew):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        paper = {cell: pool.submit(run_paper, crew, *cell[:3]) for cell in PAPER}
        changing = {s: pool.submit(run_changing, crew, s) for s in dict.fromkeys(w[0] for w in WINDOWS)}
        show_paper({cell: future.result() for cell, future in paper.items()})
        show_changing({s: future.result() for s, future in changing.items()})


if __name__ == "__main__":
    main(show, __doc__)
