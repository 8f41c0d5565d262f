#!/bin/sh
# The program of `make demo` under valgrind: no invalid access, nothing lost.
set -eu
command -v valgrind >/dev/null || { echo "skip: valgrind is not installed"; exit 77; }
case $BUILD in *asan | *tsan) echo "skip: sanitizers and valgrind exclude each other"; exit 77 ;; esac
# clang writes debug information that valgrind before 3.21 cannot read.
valgrind --quiet "$CREW" --version 2>&1 | grep -q 'debuginfo reader' &&
    { echo "skip: valgrind cannot read this compiler's debug information"; exit 77; }
valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect \
    "$CREW" train --data digits --epochs 2 --quiet >/dev/null
