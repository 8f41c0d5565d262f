#!/usr/bin/env python3
"""The experiments of the ATA paper, ours beside theirs, with a verdict for every figure.

usage: bench/paper.py CREW

Maranjyan, Saad, Richtarik, Orabona, "ATA: Adaptive Task Allocation for Efficient Resource Management in Distributed
Machine Learning", ICML 2025, arXiv:2502.00775: Tables 1 and 2 and the experiment on regret. "cost" is greedy's worker
time / the policy's, "time" the policy's runtime / greedy's. What is called "ICML text" is what the constants printed
there give; the figures of the tables come out with those of the first version of the paper."""
import concurrent.futures, csv, math, os, tempfile

from judge import main, out_of_range, simulate

# scenario, workers: (cost, time)
PRINTED = {  # as printed in Tables 1 and 2: ATA, ATA-Empirical
    ("sqrt", 17): ((1.30, 1.73), (1.26, 1.75)),
    ("sqrt", 51): ((2.91, 2.43), (2.69, 2.45)),
    ("sqrt", 153): ((7.22, 3.44), (7.02, 3.14)),
    ("sqrt", 459): ((12.45, 6.36), (14.1, 5.51)),
    ("linear", 17): ((2.32, 1.71), (1.91, 1.71)),
    ("linear", 51): ((6.71, 3.27), (5.02, 2.12)),
    ("linear", 153): ((3.41, 7.96), (8.68, 4.50)),
}
TEXT = {  # constants of the ICML text: ATA after 1e4 and 1e5 rounds, ATA-Empirical after 1e4 and 1e5
    ("sqrt", 17): ((1.340, 1.830), (1.296, 1.731), (1.259, 1.750), (1.258, 1.746)),
    ("sqrt", 51): ((2.647, 3.197), (2.909, 2.413), (2.553, 2.630), (2.921, 2.264)),
    ("sqrt", 153): ((4.073, 4.981), (7.223, 3.428), (5.934, 3.880), (8.299, 2.512)),
    ("sqrt", 459): ((4.732, 11.43), (12.39, 6.568), (8.931, 8.078), (20.87, 3.523)),
    ("linear", 17): ((2.605, 2.656), (2.286, 1.691), (1.779, 1.825), (2.043, 1.616)),
    ("linear", 51): ((1.838, 5.367), (6.467, 3.181), (4.057, 2.817), (5.850, 1.766)),
    ("linear", 153): ((1.008, 21.36), (3.699, 8.087), (4.772, 8.700), (13.70, 2.791)),
}
BASELINES = {  # as printed in Tables 1 and 2: OFTA (fixed), UTA (uniform)
    ("sqrt", 17): ((1.26, 1.74), (1.086, 2.38)),
    ("sqrt", 51): ((3.03, 2.17), (1.55, 3.87)),
    ("sqrt", 153): ((9.1, 2.17), (2.71, 6.66)),
    ("sqrt", 459): ((27.3, 2.17), (4.71, 11.47)),
    ("linear", 17): ((2.1, 1.58), (0.70, 4.34)),
    ("linear", 51): ((6.29, 1.58), (0.73, 9.70)),
    ("linear", 153): ((18.87, 1.58), (0.735, 28.8)),
}
B = 23
WIDTH = 4 * math.e  # of the first version; the ICML text has 2
PRINTED_POLICIES = [f"ata:width={WIDTH:.10g}", f"ata-empirical:eta=2,width={WIDTH:.10g}"]
SHORT, LONG, PRINTED_ROUNDS, REGRET_ROUNDS = 10**4, 10**5, 3 * 10**6, 4 * 10**6
compared = 0


def scenario(cell, rounds, policies, *args):
    return ("--scenario", f"paper-{cell[0]}", "--workers", cell[1], "--batch-tasks", B, "--rounds", rounds,
            "--policy", policies, *args)


def jobs(folder):
    """All runs by name, the longest first, so that no core is idle at the end."""
    runs = {"regret": ("--scenario", "paper-regret", "--workers", 20, "--batch-tasks", 5, "--rounds", REGRET_ROUNDS,
                       "--policy", "ata-empirical", "--curve", os.path.join(folder, "regret.csv"))}
    cells = sorted(PRINTED, key=lambda cell: -cell[1])
    for cell in cells:
        for policy in PRINTED_POLICIES:
            runs["printed", cell, policy] = scenario(cell, PRINTED_ROUNDS, policy)
    for cell in cells:
        runs["long", cell] = scenario(cell, LONG, "fixed,uniform,ata,ata-empirical", "--seeds", "1,2,3")
        runs["short", cell] = scenario(cell, SHORT, "greedy,ata,ata-empirical", "--seeds", "1,2,3")
    return runs


def run_all(crew, runs):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {name: pool.submit(simulate, crew, *args) for name, args in runs.items()}
        return {name: future.result() for name, future in futures.items()}


def verdict(name, ours, theirs, tolerance):
    """Ours, theirs, and by how many percent they differ: one cell of a table."""
    global compared
    off = 100 * (ours / theirs - 1)
    good = abs(off) <= tolerance
    compared += 1
    if not good:
        out_of_range.append(f"{name}: {ours:.4g} instead of {theirs:.4g} ({off:+.2f} %)")
    return f"{ours:8.3f} {theirs:7.4g} {off:+6.2f}{' ' if good else '!'}"


def table(title, columns, tolerance, rows):
    """rows: cell -> [(ours (cost, time), theirs (cost, time))], one for each column."""
    print(f"\n{title}: ours, theirs, percent off (at most {tolerance})")
    print(f"{'':12} " + " ".join(f"{column + ' ' + what:^24}" for column in columns for what in ("cost", "time")))
    for cell, pairs in rows.items():
        line = []
        for column, (ours, theirs) in zip(columns, pairs):
            for i, what in enumerate(("cost", "time")):
                line.append(verdict(f"{title}, {cell[0]} {cell[1]}, {column} {what}", ours[i], theirs[i], tolerance))
        print(f"{cell[0]:7}{cell[1]:5} " + " ".join(line))


def ratios(policy, greedy):
    """(cost, time). A round of greedy's is the same in the mean however many there are: short runs of it suffice."""
    return greedy["worker_mean_s"] / policy["worker_mean_s"], policy["round_mean_s"] / greedy["round_mean_s"]


def show_printed(results):
    rows = {}
    for cell, theirs in PRINTED.items():
        greedy = results["short", cell][0]
        ours = [results["printed", cell, policy][0] for policy in PRINTED_POLICIES]
        rows[cell] = [(ratios(p, greedy), t) for p, t in zip(ours, theirs)]
    table(f"As printed ({PRINTED_ROUNDS} rounds, width 4e, eta 2)", ["ATA", "ATA-E"], 2, rows)


def show_text(results):
    for column, i in (("ATA", 0), ("ATA-E", 1)):
        rows = {}
        for cell, theirs in TEXT.items():
            greedy = results["short", cell][0]
            short, long = results["short", cell][1 + i], results["long", cell][2 + i]
            rows[cell] = [(ratios(short, greedy), theirs[2 * i]), (ratios(long, greedy), theirs[2 * i + 1])]
        table(f"ICML text, {column} (width 2, eta 1, mean of 3 seeds)", ["1e4", "1e5"], 2, rows)


def show_baselines(results):
    rows = {cell: [(ratios(p, results["short", cell][0]), t) for p, t in zip(results["long", cell][:2], theirs)]
            for cell, theirs in BASELINES.items()}
    table(f"Baselines ({LONG} rounds, mean of 3 seeds)", ["OFTA", "UTA"], 1, rows)


def show_regret(folder):
    """Proxy regret at k, by a straight line between the points of the curve."""
    with open(os.path.join(folder, "regret.csv"), newline="") as f:
        points = [(int(row["round"]), float(row["regret_s"])) for row in csv.DictReader(f)]

    def at(k):
        after = next(i for i, (x, _) in enumerate(points) if x >= k)
        (x0, y0), (x1, y1) = points[max(after - 1, 0)], points[after]
        return y1 if x1 == k else y0 + (y1 - y0) * (k - x0) / (x1 - x0)

    print("\nRegret of ata-empirical (Exp(2 i), 20 workers, 5 tasks)\n       k       regret  regret / ln k")
    for k in (10**3, 10**4, 10**5, 10**6, 2 * 10**6, 4 * 10**6):
        print(f"{k:8} {at(k):12.1f} {at(k) / math.log(k):14.1f}")
    growth = 100 * (at(2 * 10**6) / at(10**6) - 1)
    print(f"from 1e6 to 2e6 it grows by {growth:.2f} % (at most 10)")
    if not growth <= 10:
        out_of_range.append(f"regret grows by {growth:.2f} % from 1e6 to 2e6")


def show(crew):
    with tempfile.TemporaryDirectory() as folder:
        results = run_all(crew, jobs(folder))
        show_printed(results)
        show_text(results)
        show_baselines(results)
        show_regret(folder)
    return compared


if __name__ == "__main__":
    main(show, __doc__)
