#!/usr/bin/env python3
"""Loss against seconds and against core-seconds for every policy, as one SVG for the README.

usage: bench/policies.py CREW OUT.svg

Four workers, two of them 4 and 8 times slower than the others (emulated), the same seed: the policies that drop
nothing make the same steps, so only time tells them apart. Needs gnuplot."""
import json, os, subprocess, sys, tempfile

POLICIES = [("uniform", "uniform"), ("queue", "queue"), ("greedy", "greedy"),
            ("adaptive", "adaptive"), ("fixed (knows the speeds)", "fixed")]
RUN = ["train", "--data", "synth:8192x784x10", "--model", "mlp:256,128", "--emulate", "0:2x 1:2x 2:8x 3:16x",
       "--workers", "4", "--times", "2,2,8,16", "--batch-tasks", "8", "--task-rows", "64", "--rounds", "500",
       "--optimizer", "adam", "--lr", "0.0003", "--json", "--quiet"]


def curve(crew, policy, folder):
    log = os.path.join(folder, policy.split(":")[0] + ".jsonl")
    result = subprocess.run([crew, *RUN, "--policy", policy, "--log", log], check=True, capture_output=True, text=True)
    points, busy = [], 0.0
    with open(log) as lines:
        for event in map(json.loads, lines):
            if event["event"] == "round":
                busy += event["worker_s"]
                points.append((event["elapsed_s"], busy, event["loss"]))
    return points, json.loads(result.stdout)


def main(crew, out):
    with tempfile.TemporaryDirectory() as folder:
        plots = {1: [], 2: []}
        for name, policy in POLICIES:
            points, result = curve(crew, policy, folder)
            data = os.path.join(folder, policy.split(":")[0] + ".dat")
            with open(data, "w") as f:
                for i, (seconds, busy, _) in enumerate(points):
                    if i % 5: # a smoothed curve needs no more
                        continue
                    recent = [p[2] for p in points[max(0, i - 9):i + 1]]
                    f.write(f"{seconds} {busy} {sum(recent) / len(recent)}\n")
            for column in plots:
                plots[column].append(f"'{data}' using {column}:3 with lines lw 2 title '{name}'")
            print(f"{name:26} wall {result['train_s']:7.2f} s  workers {result['worker_s']:7.2f} s  "
                  f"wasted {result['wasted_s']:6.2f} s  digest {result['weights_digest']}")
        script = ["set terminal svg size 900,360 font 'sans,12' background '#ffffff'", f"set output '{out}'",
                  "set multiplot layout 1,2", "set yrange [0:*]", "set ylabel 'training loss'", "set grid lc '#dddddd'",
                  "set key top right", "set xlabel 'seconds'", "plot " + ", ".join(plots[1]),
                  "set xlabel 'core-seconds'", "unset key", "plot " + ", ".join(plots[2]), "unset multiplot"]
        subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
