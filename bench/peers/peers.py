#!/usr/bin/env python3
"""crew against PyTorch and scikit-learn: the same shapes, synthetic data, momentum SGD, in turn in one run.

usage: bench/peers/peers.py CREW [WORK...]

CREW is the program, as build/release/crew. Peers are Debian's python3-torch and python3-sklearn, with OpenBLAS's OpenMP flavour
(libopenblas0-openmp) where it is installed; what is missing is left out and named. Prints rows a second of each, medians over
the turns, and the ratio pair by pair with its quartiles.
"""
import glob
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TURNS, SECONDS = 9, 0.7
CNN28 = "cnn:conv3x3-32,relu,conv3x3-64,relu,pool2,fc128,relu"
CNN32 = "cnn:conv3x3-32p1,relu,conv3x3-32p1,relu,pool2,conv3x3-64p1,relu,conv3x3-64p1,relu,pool2,fc256,relu"
# name, model, data, net of the peers, rows a step, tasks a step, workers and threads, crew's further options
WORKS = [
    ("softmax-64", "softmax", "synth:4096x784x10", "softmax", 64, 1, 1, []),
    ("mlp-64", "mlp:512,256", "synth:4096x784x10", "mlp", 64, 1, 1, []),
    ("mlp-256", "mlp:512,256", "synth:4096x784x10", "mlp", 256, 1, 1, []),
    ("cnn28-64", CNN28, "synth:4096x28x28x1x10", "cnn28", 64, 1, 1, []),
    ("cnn32-32", CNN32, "synth:4096x32x32x3x100", "cnn32", 32, 1, 1, []),
    ("mlp-4x64-2", "mlp:512,256", "synth:4096x784x10", "mlp", 256, 4, 2, []),
    ("mlp-fused-2", "mlp:512,256", "synth:4096x784x10", "mlp", 256, 4, 2, ["--fuse-quota"]),
]
# What makes PyTorch fast here: one OpenMP pool instead of two that fight, and memory that is not given back after each step.
PEER_ENV = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_TOP_PAD_": "67108864"}


def environment(threads):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    for openmp in glob.glob("/usr/lib/*/openblas-openmp"):
        env["LD_LIBRARY_PATH"] = openmp
    return {**env, **PEER_ENV, "OMP_NUM_THREADS": str(threads)}


class Peer:
    def __init__(self, script, net, rows, threads):
        for python in ("python3", "/usr/bin/python3"):  # another first in PATH may lack Debian's modules
            self.process = subprocess.Popen([python, f"{HERE}/{script}", net, str(rows), str(threads)], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                            env=environment(threads))
            self.version = self.process.stdout.readline().strip()
            if self.version:
                break

    def __call__(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def crew(program, model, data, rows, tasks, workers, options):
    def run(steps):
        command = [program, "train", "--data", data, "--model", model, "--task-rows", str(rows // tasks), "--batch-tasks", str(tasks),
                   "--workers", str(workers), "--optimizer", "sgd", "--lr", "0.001", "--rounds", str(steps), "--json", "--quiet", *options]
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, env=env, check=True).stdout)["wall_s"]
    return run


def measure(sides, rows):
    """Seconds a row, of each side and turn; steps so that a turn of each takes about SECONDS."""
    steps = {}
    for name, run in sides.items():
        n = 4
        while (seconds := run(n)) < SECONDS / 3:
            n *= 2
        steps[name] = max(1, round(n * SECONDS / seconds))
    return [{name: run(steps[name]) / steps[name] / rows for name, run in sides.items()} for _ in range(TURNS)]


def main():
    program, wanted = sys.argv[1], sys.argv[2:]
    print(f"{'work':<11} {'side':<22} {'rows/s':>9}  crew's speed / its (quartiles)")
    for name, model, data, net, rows, tasks, workers, options in WORKS:
        if wanted and name not in wanted:
            continue
        sides, peers = {"crew": crew(program, model, data, rows, tasks, workers, options)}, []
        for script, title in (("torch_peer.py", "PyTorch"), ("sklearn_peer.py", "scikit-learn")):
            if script == "sklearn_peer.py" and (net not in ("mlp", "softmax") or workers > 1):
                continue
            peer = Peer(script, net, rows, workers)
            if peer.version:
                peers.append(peer)
                sides[f"{title} {peer.version}"] = peer
            else:
                print(f"{name:<11} {title} is not installed")
        turns = measure(sides, rows)
        for side in sides:
            ratios = [t[side] / t["crew"] for t in turns]
            low, middle, high = statistics.quantiles(ratios, n=4)
            speed = 1 / statistics.median(t[side] for t in turns)
            print(f"{name:<11} {side:<22} {speed:9.0f}" + ("" if side == "crew" else f"  {middle:.2f} ({low:.2f} .. {high:.2f})"))
        for peer in peers:
            peer.close()


main()
