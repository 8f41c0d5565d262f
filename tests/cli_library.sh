#!/bin/sh
# What the library's objects are made of, for those who have it in their process: no variable that changes, no call
# that ends the process, prints, or changes what is the process's; no name but crew_ones.
set -eu
bad=0
breach() {
    echo "$*"
    bad=1
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
library=$BUILD/libcrew.a

# Variables. The exceptions guard OpenBLAS's thread setting, which is the process's, too: see base/blas.c.
nm -A -f sysv "$library" | tr -d ' ' | awk -F'|' '$7 ~ /^\.(t?bss|t?data)/ && $7 !~ /^\.data\.rel\.ro/' |
    grep -v '__odr_asan' >"$dir/variables" || true # the address sanitizer's own
for allowed in lock borrowers found; do
    grep -v "blas.o:$allowed|" "$dir/variables" >"$dir/rest" || true
    mv "$dir/rest" "$dir/variables"
done
while read -r line; do
    breach "a variable that may change: ${line%%|*}"
done <"$dir/variables"

# Calls. assert() is for our own mistakes, hence __assert_fail().
for name in $(nm -A -u "$library" | awk '{ print $NF }' | sort -u); do
    case $name in
    exit | _exit | _Exit | quick_exit | abort | atexit | on_exit | raise | fork | vfork | system | popen | exec*)
        breach "$name: the process is not ours to end or to copy" ;;
    printf | puts | putchar | vprintf | perror | stdout | stderr | syslog | __printf_chk)
        breach "$name: the library does not print" ;;
    signal | sigaction | sigprocmask | alarm | setitimer | timer_create)
        breach "$name: signals are the program's" ;;
    setenv | putenv | unsetenv | setlocale | chdir | fchdir | umask | setrlimit | nice | setpriority | mallopt)
        breach "$name: it is the process's" ;;
    sched_setaffinity | pthread_setaffinity_np | sched_setscheduler | fesetround | fesetenv)
        breach "$name: of threads only machine/bind.c may, by hwloc, and only ours" ;;
    strtok | localtime | gmtime | asctime | ctime | rand | srand | random | drand48 | readdir_r | tmpnam | mktemp)
        breach "$name: not for several threads" ;;
    esac
done

# Names: of the static library, too, where nothing hides them. tests/cli_abi.sh looks at the shared one.
for name in $(nm --defined-only --extern-only "$library" | awk 'NF == 3 && $3 !~ /^(crew_|__odr_asan)/ { print $3 }'); do
    breach "$name: does not begin with crew_"
done
[ $bad -eq 0 ]
