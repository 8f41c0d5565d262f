#!/bin/sh
# The program of `make demo` under valgrind, with checkpoints, and a run that goes on from them past a damaged one: no
# invalid access, nothing lost, nothing written that was never set.
set -eu
command -v valgrind >/dev/null || { echo "skip: valgrind is not installed"; exit 77; }
case $BUILD in *asan | *tsan) echo "skip: sanitizers and valgrind exclude each other"; exit 77 ;; esac
# clang writes debug information that valgrind before 3.21 cannot read.
valgrind --quiet "$CREW" --version 2>&1 | grep -q 'debuginfo reader' &&
    { echo "skip: valgrind cannot read this compiler's debug information"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ck="$tmp/ck"

# checked ARGS...: its output to $tmp/out
checked() {
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect \
        "$CREW" "$@" >"$tmp/out"
}

set -- --data digits --checkpoint "$ck" --quiet --workers 2 --val-fraction 0.1 --best --on-nan rollback
checked train "$@" --epochs 2 --every 1epochs
printf x >>"$ck/$(ls "$ck" | tail -1)"
checked train "$@" --epochs 3 --every 1s --keep 1 --policy queue --log "$tmp/log" --save "$tmp/model" --json
grep -q '"resumed": true' "$tmp/out" && grep -q '"epochs": 3' "$tmp/out" || { cat "$tmp/out"; exit 1; }
