#!/bin/sh
# tests/fuzz.sh SECONDS TARGET...: each target that long under libFuzzer, with the address and undefined-behaviour
# sanitizers, one after the other. One line a target; exit 1 when one has a finding, whose input is kept in
# build/fuzz/TARGET/. What was learnt stays in build/corpus/TARGET/ and is where the next run goes on.
seconds=$1
shift
CC=${FUZZ_CC:-clang}
mkdir -p build/fuzz build/corpus
probe=build/fuzz/probe
echo 'int LLVMFuzzerTestOneInput(const char *p, long n); int LLVMFuzzerTestOneInput(const char *p, long n) { return p && n > 0 && 0; }' |
    $CC -fsanitize=fuzzer,address,undefined -x c - -o $probe >/dev/null 2>&1 || {
    echo "crew: make fuzz needs clang with libFuzzer, and $CC has none (Debian: clang, libclang-rt-dev)" >&2
    exit 1
}
rm -f $probe
make --no-print-directory -s -j"$(nproc)" CC=$CC MODE=fuzz O=build/fuzz fuzz_build || exit 1
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
findings=0 targets=0 runs=0
for target; do
    name=${target#fuzz_}
    found=build/fuzz/found/$name log=build/fuzz/$name.log
    mkdir -p "build/corpus/$name" "$found"
    rm -f "$found"/*
    [ -d "tests/corpus/$name" ] || { echo "crew: tests/corpus/$name has no seeds" >&2; exit 1; }
    "build/fuzz/tests/$target" -max_total_time="$seconds" -print_final_stats=1 -timeout=20 -rss_limit_mb=4096 \
        -artifact_prefix="$found/" "build/corpus/$name" "tests/corpus/$name" >"$log" 2>&1
    code=$?
    n=$(ls "$found" | wc -l)
    [ $code -eq 0 ] || [ "$n" -gt 0 ] || n=1
    done=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf '%-16s %10s runs %6s edges %3s findings\n' "$name" "${done:-?}" "${edges:-?}" "$n"
    [ "$n" -eq 0 ] || {
        grep -E "^fuzz_|SUMMARY|runtime error|ERROR: " "$log" | head -n 3 | sed 's/^/    /'
        echo "    see $log; again: build/fuzz/tests/$target $(ls -d "$found"/* 2>/dev/null | head -n 1)"
    }
    findings=$((findings + n)) targets=$((targets + 1)) runs=$((runs + ${done:-0}))
done
echo "$targets targets, $runs runs, $findings findings"
[ $findings -eq 0 ]
