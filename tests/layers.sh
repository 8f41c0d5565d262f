#!/bin/sh
# Who may include whom. Run from the top; prints each breach and fails.
bad=0
breach() {
    echo "layers: $*"
    bad=1
}

# layer: the layers it may include besides itself
may() {
    case $1 in
    base) echo "" ;;
    machine | data | model | policy) echo "base" ;;
    exec) echo "base machine policy" ;;
    train) echo "base machine data model policy exec" ;;
    study) echo "base machine data model policy exec train" ;;
    cli) echo "study" ;;
    esac
}

for file in src/*/*.[ch]; do
    layer=$(basename "$(dirname "$file")")
    allowed=" $layer $(may "$layer") "
    for other in $(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$file"); do
        case $allowed in
        *" $other "*) ;;
        *) breach "$file includes $other/, $layer may not" ;;
        esac
    done
done

# header: its only home
home() {
    for file in $(grep -lE "^#include <($1)>" -r src); do
        case $file in
        $2) ;; $3) ;;
        *) breach "$file includes $1, its home is $2" ;;
        esac
    done
}
home 'hwloc\.h|hwloc/.*|sched\.h|pthread\.h|linux/futex\.h' 'src/machine/*'
home 'cblas\.h' 'src/base/blas.c'
home 'time\.h|sys/time\.h' 'src/base/clock.c'
home 'signal\.h' 'src/cli/*' 'src/machine/thread.c' # where they are only blocked
home 'spawn\.h' 'src/study/report.c'
home 'zlib\.h' 'src/data/source.c'

for file in $(grep -lE '\b(exit|_exit|abort|quick_exit) *\(' -r src); do
    case $file in src/cli/*) ;; *) breach "$file ends the process" ;; esac
done
for file in $(grep -lE '\b(printf|puts|perror|putchar) *\(' -r src); do
    case $file in src/cli/*) ;; *) breach "$file prints" ;; esac
done
grep -nE 'atomic_thread_fence|\bvolatile\b|\b(atoi|atof|strcpy|strcat|sprintf|gets|system|popen) *\(' -r src &&
    breach "a call that is not used here"
[ $bad -eq 0 ] && echo "layers: ok"
exit $bad
