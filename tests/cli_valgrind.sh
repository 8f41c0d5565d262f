#!/bin/sh
# The program of `make demo` under valgrind: no invalid access, nothing lost.
set -eu
command -v valgrind >/dev/null || { echo "skip: valgrind is not installed"; exit 77; }
case $BUILD in *asan | *tsan) echo "skip: sanitizers and valgrind exclude each other"; exit 77 ;; esac
valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect \
    "$CREW" train --data digits --epochs 2 --quiet >/dev/null
