#!/bin/sh
# tests/run.sh BUILD TEST...: run tests that are built and count them. A test is a program BUILD/tests/NAME or a
# script tests/NAME.sh, which finds the command in $CREW. Exit 77: skipped, with the reason printed.
# SEED=7 repeats random tests with another seed.
build=$1
shift
case $build in /*) ;; *) build=$PWD/$build ;; esac
export CREW="$build/crew" BUILD="$build"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-ignore_noninstrumented_modules=1 halt_on_error=1}"
# Results must not depend on a forced kernel.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
passed=0 failed=0 skipped=0 names=
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for name; do
    case $name in
    cli_*) sh "tests/$name.sh" >"$log" 2>&1 ;;
    *) "$build/tests/$name" >"$log" 2>&1 ;;
    esac
    code=$?
    # What a test skips inside is told, too.
    reasons=$(grep -h '^skip:' "$log" | sed 's/^/    /')
    case $code in
    0) passed=$((passed + 1)); echo "ok    $name" ;;
    77) skipped=$((skipped + 1)); echo "skip  $name" ;;
    *) failed=$((failed + 1)); names="$names $name"; cat "$log"; echo "FAIL  $name (exit $code)" ;;
    esac
    [ -z "$reasons" ] || echo "$reasons"
done
[ -z "$names" ] || echo "failed:$names"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
