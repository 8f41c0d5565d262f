# Two files of figures against each other: what is apart is told, what overlaps is not, bad files get a sentence.
. tests/cli.sh
command -v python3 >/dev/null || {
    echo "skip: bench/compare.sh needs python3"
    exit 77
}

# row NAME RATIO LOW HIGH: a figure that has a yardstick; figures NAME ROW...: a file of them
row() {
    printf '{"name": "%s", "unit": "us", "median": 5, "low": 4, "high": 6, "samples": 15, "yardstick": "memcpy",' "$1"
    printf ' "ratio": %s, "ratio_low": %s, "ratio_high": %s}' "$2" "$3" "$4"
}
figures() {
    file=$1 comma=
    shift
    {
        printf '{"machine": {"cores": %s, "blas_kernel": "%s"}, "results": [' "${cores:-2}" "${kernel:-Zen}"
        for one; do
            printf '%s%s' "$comma" "$one"
            comma=,
        done
        printf ']}'
    } >"$tmp/$file"
}

# compare CODE A B
compare() {
    bench/compare.sh "$tmp/$2" "$tmp/$3" >"$tmp/out" 2>"$tmp/err"
    code=$?
    [ "$code" -eq "$1" ] || miss "compare.sh $2 $3: exit code $code, not $1"
}

figures a "$(row copy 2 1.9 2.1)" "$(row split 4 3 5)"
figures near "$(row copy 2.05 2.0 2.2)" "$(row split 4.9 4.2 9)"
figures slow "$(row copy 2.2 2.15 2.3)" "$(row split 4 3 5)"
figures fast "$(row copy 2 1.9 2.1)" "$(row split 1 0.5 2.9)"
figures both "$(row copy 4 3.5 4.5)" "$(row split 1 0.5 2.9)"

compare 0 a a
holds "0 slower, 0 faster, 2 within the spread"
compare 0 a near
holds "0 slower, 0 faster, 2 within the spread"
compare 1 a slow
holds "slower   +10.0 %  copy"
holds "2 (1.9 .. 2.1) -> 2.2 (2.15 .. 2.3) x memcpy"
holds "1 slower, 0 faster, 1 within the spread"
compare 0 slow a
holds "faster    -9.1 %  copy"
compare 0 a fast
holds "faster   -75.0 %  split"
compare 1 a both
holds "1 slower, 1 faster, 0 within the spread"

# A yardstick, and any figure that has none, is the machine's: told, and nobody's fault.
alone='"samples": 5, "yardstick": null, "ratio": null, "ratio_low": null, "ratio_high": null}'
figures quick "{\"name\": \"memcpy\", \"unit\": \"us\", \"median\": 1, \"low\": 1, \"high\": 1, $alone"
figures late "{\"name\": \"memcpy\", \"unit\": \"us\", \"median\": 3, \"low\": 2, \"high\": 4, $alone"
compare 0 quick late
holds "machine +200.0 %  memcpy"
holds "1 (1 .. 1) -> 3 (2 .. 4) us"

# What is not in both, and machines that are not alike.
kernel=SkylakeX figures other "$(row copy 2 1.9 2.1)" "$(row new 1 1 1)"
compare 0 a other
holds "only in A: split"
holds "only in B: new"
holds "not alike: blas_kernel is Zen in A, SkylakeX in B"

# Bad input.
echo '{"machine": {}}' >"$tmp/empty"
echo '{"machine": {}, "results": [{"name": "x", "yardstick": "y"}]}' >"$tmp/short"
echo '[1, 2' >"$tmp/cut"
for bad in empty short cut; do
    compare 3 a "$bad"
    grep -qF "$tmp/$bad: not a file of \`make bench\`" "$tmp/err" || miss "no sentence on $bad"
done
compare 3 a none
grep -qF "$tmp/none: No such file" "$tmp/err" || miss "no sentence on a file that is not there"
bench/compare.sh "$tmp/a" >"$tmp/out" 2>"$tmp/err"
[ $? -eq 2 ] || miss "one file: no usage"

# What run.sh makes is read: a program that writes the facts and one figure, and one that fails.
cat >"$tmp/program" <<END
#!/bin/sh
[ -z "\${OPENBLAS_CORETYPE:-}" ] || exit 1
[ -s "\$BENCH_JSON" ] || echo '{"cores": 2, "flags": "'"\$BENCH_FLAGS"'"}' >"\$BENCH_JSON"
echo '$(row "\$0" 1 1 1)' | sed "s|.0|\$0|" >>"\$BENCH_JSON"
END
chmod +x "$tmp/program"
cp "$tmp/program" "$tmp/second"
OPENBLAS_CORETYPE=Haswell BENCH_FLAGS=-O3 bench/run.sh "$tmp/made" "$tmp/program" "$tmp/second" \
    >"$tmp/out" 2>"$tmp/err" || miss "run.sh fails"
grep -q "^WARNING: OPENBLAS_CORETYPE=Haswell forces" "$tmp/err" || miss "a forced kernel is not told"
grep -q '"flags": "-O3"' "$tmp/made" || miss "no flags"
compare 0 "made" "made"
holds "0 slower, 0 faster, 2 within the spread"
bench/run.sh "$tmp/made" "$tmp/program" false >"$tmp/out" 2>"$tmp/err" && miss "a failed benchmark is not told"
grep -q "false failed" "$tmp/err" || miss "no sentence on what failed"
compare 0 "made" "made"
done_testing
