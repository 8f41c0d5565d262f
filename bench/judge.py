"""Simulations of policies, and figures held against what they are to reach."""
import json, subprocess, sys, time

SEEDS = ("--seeds", "1,2,3,4,5")
out_of_range = []


def simulate(crew, *args):
    """What `crew sim` says of each policy, in the order in which they are named."""
    command = [crew, "sim", "--json", "--quiet", *map(str, args)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["policies"]


def judge(name, value, bound, least=False):
    """The bound, as it stands beside the value; "!": the value is out of it. None: nothing is asked."""
    if bound is None:
        return ""
    good = value >= bound if least else value <= bound
    if not good:
        out_of_range.append(f"{name}: {value:.4g}, must be {'at least' if least else 'at most'} {bound:g}")
    return ("  " if good else "! ") + ("at least" if least else "at most") + f" {bound:g}"


def main(show, usage):
    """show(CREW) prints the figures, and returns how many; the exit code: is one out of its range?"""
    if len(sys.argv) != 2:
        sys.exit(usage)
    began = time.monotonic()
    shown = show(sys.argv[1])
    print()
    for line in out_of_range:
        print(f"out: {line}")
    compared = f"{shown} figures compared, " if shown else ""
    print(f"{compared}{len(out_of_range)} figures out of their range, {time.monotonic() - began:.0f} s")
    sys.exit(1 if out_of_range else 0)
