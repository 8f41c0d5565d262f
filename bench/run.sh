#!/bin/sh
# bench/run.sh FILE.json PROGRAM...: run benchmarks one after the other, print their tables and write their figures to
# FILE.json: {"machine": {...}, "results": [{"name", "unit", "median", "low", "high", "samples", "yardstick", "ratio",
# "ratio_low", "ratio_high"}, ...]}. low and high: 10 % and 90 % of the samples; ratio: times as long as the yardstick.
# BENCH_FLAGS: how they were compiled. Two such files are compared by bench/compare.sh.
out=$1
shift
for name in OPENBLAS_CORETYPE OPENBLAS_L2_SIZE; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || echo "WARNING: $name=$value forces a BLAS kernel: the benchmarks run without it" >&2
    unset "$name"
done
BENCH_CPU=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)
BENCH_COMMIT=$(git describe --always --dirty --exclude '*' 2>/dev/null)
BENCH_JSON=$(mktemp) || exit 1
export BENCH_CPU BENCH_COMMIT BENCH_JSON
trap 'rm -f "$BENCH_JSON"' EXIT
trap 'exit 130' INT TERM
failed=0
for program; do
    "$program" || {
        echo "$program failed" >&2
        failed=1
    }
done
[ -s "$BENCH_JSON" ] || exit 1
{
    printf '{"machine": '
    head -n 1 "$BENCH_JSON"
    printf ', "results": [\n'
    tail -n +2 "$BENCH_JSON" | sed '$!s/$/,/'
    printf ']}\n'
} >"$out" || exit 1
echo
echo "figures: $out"
exit $failed
