#!/bin/sh
# bench/compare.sh A.json B.json: what became slower or faster from A to B, two files of `make bench`. What has a
# yardstick is compared by its ratio to it; it changed where the intervals from 10 % to 90 % of the samples do not
# overlap. Absolute times are shown where they moved, but decide nothing. Exit code: 1 something is slower, 2 usage,
# 3 a bad file.
if [ $# -ne 2 ]; then
    echo "usage: bench/compare.sh A.json B.json" >&2
    exit 2
fi
command -v python3 >/dev/null || {
    echo "bench/compare.sh needs python3 (apt-get install python3)" >&2
    exit 3
}
exec python3 - "$@" <<'PYTHON'
import json
import sys

FACTS = ("cpu", "cores", "compiler", "flags", "blas", "blas_flavour", "blas_kernel")
NUMBERS = ("median", "low", "high")
RATIOS = ("ratio", "ratio_low", "ratio_high")


def load(path):
    """The machine, and the rows by name."""
    try:
        with open(path, encoding="utf-8") as f:
            whole = json.load(f)
        rows = {row["name"]: row for row in whole["results"]}
        for row in rows.values():
            for key in NUMBERS + (RATIOS if row["yardstick"] is not None else ()):
                row[key] = float(row[key])
            row["unit"]
        return dict(whole["machine"]), rows
    except OSError as e:
        reason = e.strerror
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        reason = f"not a file of `make bench` ({type(e).__name__}: {e})"
    print(f"{path}: {reason}", file=sys.stderr)
    sys.exit(3)


def moved(a, b, middle, low, high):
    """By how much the middle grew, and whether the intervals are apart."""
    apart = b[low] > a[high] or b[high] < a[low]
    return b[middle] / a[middle] - 1 if a[middle] > 0 else 0.0, apart


def line(verdict, name, a, b, keys, unit, growth):
    middle, low, high = keys
    print(f"{verdict:7} {100 * growth:+6.1f} %  {name}")
    print(f"{'':18}{a[middle]:.4g} ({a[low]:.4g} .. {a[high]:.4g}) -> "
          f"{b[middle]:.4g} ({b[low]:.4g} .. {b[high]:.4g}) {unit}")


def main(path_a, path_b):
    (machine_a, rows_a), (machine_b, rows_b) = load(path_a), load(path_b)
    for fact in FACTS:
        if machine_a.get(fact) != machine_b.get(fact):
            print(f"not alike: {fact} is {machine_a.get(fact)} in A, {machine_b.get(fact)} in B")
    for which, machine in (("A", machine_a), ("B", machine_b)):
        if machine.get("warning"):
            print(f"{which} warns: {machine['warning']}")
    counts = {"slower": 0, "faster": 0, "same": 0}
    absolute = []
    for name, a in rows_a.items():
        b = rows_b.get(name)
        if not b:
            print(f"only in A: {name}")
        elif a["yardstick"] != b["yardstick"] or a["unit"] != b["unit"]:
            print(f"another yardstick or unit: {name}")
        elif a["yardstick"] is None:
            growth, apart = moved(a, b, *NUMBERS)
            if apart:
                absolute.append((name, a, b, NUMBERS, a["unit"], growth))
        else:
            growth, apart = moved(a, b, *RATIOS)
            verdict = "same" if not apart else "slower" if growth > 0 else "faster"
            counts[verdict] += 1
            if apart:
                line(verdict, name, a, b, RATIOS, f"x {a['yardstick']}", growth)
    for name in rows_b.keys() - rows_a.keys():
        print(f"only in B: {name}")
    for row in absolute:
        line("machine", *row)
    print(f"{counts['slower']} slower, {counts['faster']} faster, {counts['same']} within the spread")
    return 1 if counts["slower"] else 0


sys.exit(main(*sys.argv[1:]))
PYTHON
