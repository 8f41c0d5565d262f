#!/usr/bin/env python3
"""What the policy cohort is to reach, simulated: beside greedy on all workers, and beside the split of the known means.

usage: bench/cohort.py CREW

"cost" is greedy's worker time / the policy's, "time" the policy's runtime / greedy's, 23 tasks a round, means of 5
seeds. First the scenarios of the ATA paper and one of little noise, with what is to be reached; then what nothing is
asked of: other numbers of rounds, noises and settings. In "outliers" one task in a thousand takes 500 times as long."""
import concurrent.futures, os

from judge import SEEDS, judge, main, simulate


def paper(scenario, workers):
    return ["--scenario", f"paper-{scenario}", "--workers", workers, "--batch-tasks", 23]


QUIET = ["--speeds", " ".join(f"exp({58 * 0.95 * i:g}ms,{58 * 0.05 * i:g}ms)" for i in range(1, 52)),
         "--batch-tasks", 23]
TWO_KINDS = "8*exp(.5ms,.5ms) 8*exp(2ms,2ms)"
CHANGING = ("6*exp(.5ms,.5ms) 2*exp(.5ms,.5ms)@0..1500,exp(1.5ms,1.5ms)@1500..3000,exp(.5ms,.5ms)@3000.. "
            "8*exp(2ms,2ms)")
COHORT = "cohort"
CASES = [  # name, arguments, rounds, policy, least cost, most time; None: it is shown
    ("sqrt 459", paper("sqrt", 459), 10000, COHORT, 26.5, 1.62),
    ("sqrt 17", paper("sqrt", 17), 10000, COHORT, 1.25, 1.28),
    ("linear 51", paper("linear", 51), 10000, COHORT, 6.4, 1.25),
    ("linear 153", paper("linear", 153), 10000, COHORT, 18, 1.25),
    ("linear 51, cv 0.05", QUIET, 10000, COHORT, 6.6, 1.03),
    ("sqrt 459", paper("sqrt", 459), 1000, COHORT, None, None),
    ("linear 51", paper("linear", 51), 1000, COHORT, None, None),
    ("linear 51", paper("linear", 51), 10000, "cohort:cost-budget=0.8", None, None),
    ("linear 51", paper("linear", 51), 10000, "cohort:cost-budget=1.5", None, None),
    ("mixed 45", paper("mixed", 45), 10000, COHORT, None, None),
    ("8 + 8 slow, cv 0.5", ["--speeds", TWO_KINDS, "--batch-tasks", 40], 5000, COHORT, None, None),
    ("  2 slower for a while", ["--speeds", CHANGING, "--batch-tasks", 40], 5000, COHORT, None, None),
    ("16 equal, cv 0.5", ["--speeds", "16*exp(1ms,1ms)", "--batch-tasks", 32], 5000, COHORT, None, None),
    ("16 equal, cv 0.5", ["--speeds", "16*exp(1ms,1ms)", "--batch-tasks", 32], 5000, "cohort:cost-budget=1.2", None,
     None),
    ("outliers", ["--scenario", "outliers"], 2500, COHORT, None, None),
    ("timeshare", ["--scenario", "timeshare"], 2500, COHORT, None, None),
    ("heavy", ["--scenario", "heavy"], 2500, COHORT, None, None),
]


def run(crew, arguments, rounds, policy):
    known = "oracle" if "--scenario" in arguments and "paper" not in arguments[1] or "@" in arguments[1] else "fixed"
    found = simulate(crew, *SEEDS, *arguments, "--rounds", rounds, "--policy", f"greedy,{policy},{known},adaptive")
    return [(p["cost_ratio"], p["time_ratio"]) for p in found[1:]]


def show(crew):
    print(f"{'cost / time beside greedy':32}{'cohort':>16}{'':36}{'known means':>16}{'adaptive':>16}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(run, crew, *case[1:4]) for case in CASES]
        for (name, _, rounds, policy, cost, most), future in zip(CASES, futures):
            (c, t), *beside = future.result()
            bounds = judge(name + ", cost", c, cost, True) + judge(name + ", time", t, most) or "  " + policy[7:]
            print(f"{name + f', {rounds} rounds':32}{c:8.2f} / {t:5.3f}{bounds:36}" +
                  "".join(f"{c:8.2f} / {t:5.3f}" for c, t in beside))


if __name__ == "__main__":
    main(show, __doc__)
