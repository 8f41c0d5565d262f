# What the system gives a run may be little: threads, memory, address space, sizes of files, CPU time. Fewer workers do,
# or it is refused with numbers before it starts; what cannot be written is told, and what was there before stays.
. tests/cli.sh
chmod 755 "$tmp" # others run the command here, too
set -- --data synth:512x16x4 --rounds 30
data=$*

# within KIND=LIMIT ARGS...: crew ARGS under a limit of the process, as prlimit has them. Should it hang, that is told.
within() {
    bound=$1
    shift
    timeout -k 1 60 prlimit --"$bound" "$CREW" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
    [ "$code" -lt 124 ] || miss "crew $* within $bound: exit code $code"
}

# says TEXT: it stands on the last stderr
says() {
    grep -qF -e "$1" "$tmp/err" || miss "no '$1' on stderr"
}

run train -q --json $data --workers 4
digest=$(value weights_digest)
sanitized=
! grep -q '__[at]san_init' "$CREW" || sanitized="sanitizers take threads and address space of their own"

# ---- Threads ----

# alone COMMAND...: as a user who has no other process, and whose limit holds (root's does not)
alone() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=54321 --regid=54321 --clear-groups "$@"
    else
        unshare -U "$@"
    fi
}

# With so many threads and processes in all: told, and the same weights. OpenBLAS would start some of its own, and
# end the program when it cannot.
few_threads() {
    if ! cp "$CREW" "$tmp/crew" || ! alone "$tmp/crew" --version >/dev/null 2>"$tmp/err"; then
        echo "skip: fewer threads: no user of our own here: $(head -1 "$tmp/err")"
        return
    fi
    most=0
    for threads in 1 2 3 4 5 6 7; do
        (cd "$tmp" && OPENBLAS_NUM_THREADS=1 alone timeout -k 1 60 prlimit --nproc=$((threads + 1)) "$tmp/crew" \
            train --json $data --workers 4 >"$tmp/out" 2>"$tmp/err")
        code=$?
        if [ "$code" -eq 1 ]; then
            [ "$threads" -eq 1 ] && says "does not start: Resource temporarily unavailable" ||
                miss "$threads threads: not even one worker"
            continue
        fi
        n=$(value workers)
        [ "$code" -eq 0 ] && [ "$(value weights_digest)" = "$digest" ] || miss "$threads threads: exit code $code"
        [ "$n" -ge "$most" ] || miss "$threads threads: $n workers, with fewer $most"
        [ "$n" -eq 4 ] || says "note: $n of 4 workers: no more threads can be started: Resource temporarily unavailable"
        most=$n first=${first:-$n}
    done
    [ "${first:-4}" -lt 4 ] || {
        echo "skip: fewer threads: the limit does not bind this user"
        return
    }
    [ "$most" -eq 4 ] || miss "7 threads: $most of 4 workers"
}

# ---- Memory ----

# A limit of 800 MB is enough for a small model, and not for one of 150 million parameters.
address_space() {
    export OPENBLAS_NUM_THREADS=1 # else its own threads, of which each machine has another number, count too
    for limit in as data; do
        within $limit=800000000 train -q --json $data --workers 2
        [ "$code" -eq 0 ] && [ "$(value weights_digest)" = "$digest" ] || miss "$limit: exit code $code"
        within $limit=800000000 train -q $data --workers 2 --model mlp:12000,12000 --log "$tmp/never"
        [ "$code" -eq 7 ] && says " MB are free" && [ ! -s "$tmp/out" ] && [ ! -e "$tmp/never" ] ||
            miss "$limit: a large model: exit code $code"
        # What OpenBLAS maps for each thread: it does not take no for an answer, so it is not asked.
        within $limit=800000000 train -q $data --workers 16
        [ "$code" -eq 7 ] && says "16 workers and mlp:64 take about" && says "fewer workers take less" ||
            miss "$limit: 16 workers: exit code $code"
    done
    unset OPENBLAS_NUM_THREADS
    # Wherever the limit is: refused or done, in any case it ends.
    for limit in 350 420 490 560 570 580 630 700 800 1100; do
        within as=${limit}000000 train -q $data --workers 2
        [ "$code" -eq 0 ] || [ "$code" -eq 7 ] || miss "as $limit MB: exit code $code"
    done
}

# group CONTROLLER: a control group of our own, $group, which join COMMAND... runs in
group() {
    group=/sys/fs/cgroup/$1/crew-test-$$
    [ -e "/sys/fs/cgroup/$1/tasks" ] && mkdir "$group" 2>"$tmp/err" || return 1
    groups="${groups:-} $group"
}
join() {
    sh -c 'echo $$ >"$0/tasks" && exec "$@"' "$group" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
}
trap 'rmdir ${groups:-} 2>/dev/null; rm -rf "$tmp"' EXIT

memory_group() {
    if ! group memory || ! echo 300000000 2>"$tmp/err" >"$group/memory.limit_in_bytes"; then
        echo "skip: the memory of a control group: no writable cgroup v1 controller"
        return
    fi
    join "$CREW" train -q --json $data
    [ "$code" -eq 0 ] && [ "$(value weights_digest)" = "$digest" ] || miss "in a small group: exit code $code"
    join "$CREW" train -q $data --model mlp:6000,6000 --log "$tmp/never"
    [ "$code" -eq 7 ] && says "training mlp:6000,6000 (36132004 parameters) with" && says " MB are free" &&
        [ ! -s "$tmp/out" ] && [ ! -e "$tmp/never" ] || miss "a large model in a small group: exit code $code"
}

# ---- CPU time ----

quota() {
    if ! group cpu || ! echo 10000 2>"$tmp/err" >"$group/cpu.cfs_period_us" ||
        ! echo 4000 2>"$tmp/err" >"$group/cpu.cfs_quota_us"; then
        echo "skip: a quota below one CPU: no writable cgroup v1 controller"
        return
    fi
    join "$CREW" train --json $data
    [ "$code" -eq 0 ] && [ "$(value weights_digest)" = "$digest" ] && [ "$(value workers)" = 1 ] ||
        miss "a quota of 0.4 CPUs: exit code $code"
    says "the control group pays for 0.4 cores, so 1 worker will be throttled"
    join "$CREW" train --json $data --workers 2
    [ "$code" -eq 0 ] && [ "$(value weights_digest)" = "$digest" ] && [ "$(value workers)" = 2 ] ||
        miss "2 workers and a quota of 0.4 CPUs: exit code $code"
    [ "$(nproc)" -eq 1 ] || says "the control group pays for 0.4 cores"
}

# ---- Files ----

# files: names of the checkpoints
files() {
    (cd "$tmp/ck" && echo *)
}

# The files of a run may not grow any more, while it runs: its soft limit is changed from outside.
large_files() {
    "$CREW" train -q $data --rounds 1000000000 --time-limit 60 --workers 2 --checkpoint "$tmp/ck" --every 0.05s \
        >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$!
    for _ in $(seq 400); do
        [ "$(ls "$tmp/ck" 2>/dev/null | grep -c '^checkpoint')" -ge 3 ] && break
        sleep 0.05
    done
    prlimit --pid $pid --fsize=1000: || miss "the limit of a run cannot be changed"
    wait_for "$tmp/err"
    before=$(files)
    sleep 0.3
    [ "$(files)" = "$before" ] || miss "without a warning: $(files), before $before"
    prlimit --pid $pid --fsize=unlimited:
    for _ in $(seq 400); do
        grep -q "are written again" "$tmp/err" && break
        sleep 0.05
    done
    says "note: checkpoints are written again: $tmp/ck/checkpoint-"
    [ "$(grep -c '^warning: no checkpoint of round .*File too large; training goes on$' "$tmp/err")" = 1 ] ||
        miss "not one warning"
    prlimit --pid $pid --fsize=1000:
    for _ in $(seq 400); do
        [ "$(grep -c '^warning' "$tmp/err")" -ge 2 ] && break
        sleep 0.05
    done
    before=$(files)
    kill -TERM $pid
    wait $pid
    code=$?
    [ "$code" -eq 1 ] && says "the last checkpoint could not be written" || miss "not told at the end: exit code $code"
    [ "$(files)" = "$before" ] && ! ls -A "$tmp/ck" | grep -q tmp || miss "$(ls -A "$tmp/ck")"
    # What is there is whole: a run goes on from it. What fails from the start is told there.
    last=$(ls "$tmp/ck" | sed -n 's/^checkpoint-0*\([0-9]*\)\.safetensors$/\1/p' | tail -1)
    run train -q $data --rounds $((last + 5)) --json --checkpoint "$tmp/ck"
    [ "$code" -eq 0 ] && [ "$(value resumed_round)" = "$last" ] || miss "not gone on from round $last"
    within fsize=1000 train -q $data --checkpoint "$tmp/new"
    [ "$code" -eq 1 ] && says "File too large" && [ ! -s "$tmp/out" ] || miss "no checkpoint at all: exit code $code"
}

# A model and logs that do not fit: exit code 1, and what was there before is still there.
outputs() {
    run train -q $data --save "$tmp/model"
    cp "$tmp/model" "$tmp/copy"
    within fsize=1000 train -q $data --rounds 60 --save "$tmp/model" --force
    [ "$code" -eq 1 ] && says "File too large" && cmp -s "$tmp/model" "$tmp/copy" || miss "--save: exit code $code"
    within fsize=1000 train -q $data --log "$tmp/log" --log-tasks "$tmp/tasks"
    [ "$code" -eq 1 ] && says "File too large" || miss "--log: exit code $code"
    [ -z "$(ls -A "$tmp" | grep tmp)" ] || miss "left behind: $(ls -A "$tmp")"
}

full_disk() {
    mkdir "$tmp/small"
    if ! mount -t tmpfs -o size=16k crew-test "$tmp/small" 2>"$tmp/err"; then
        echo "skip: a full disk: no tmpfs can be mounted: $(head -1 "$tmp/err")"
        return
    fi
    trap 'umount "$tmp/small"; rmdir ${groups:-} 2>/dev/null; rm -rf "$tmp"' EXIT
    run train -q $data --save "$tmp/small/model"
    cp "$tmp/small/model" "$tmp/copy"
    dd if=/dev/zero bs=1k of="$tmp/small/fill" 2>/dev/null
    run train -q $data --rounds 60 --save "$tmp/small/model" --force
    [ "$code" -eq 1 ] && says "No space left on device" && cmp -s "$tmp/small/model" "$tmp/copy" ||
        miss "--save to a full disk: exit code $code"
    [ "$(ls -A "$tmp/small" | tr '\n' ' ')" = "fill model " ] || miss "left behind: $(ls -A "$tmp/small")"
    rm "$tmp/small/fill"
}

if [ -n "$sanitized" ]; then
    echo "skip: fewer threads, address space: $sanitized"
elif ! command -v prlimit >/dev/null || ! command -v timeout >/dev/null; then
    echo "skip: fewer threads, address space: no prlimit, or no timeout"
else
    few_threads
    address_space
fi
[ -n "$sanitized" ] && echo "skip: a small control group: $sanitized" || memory_group
quota
if ! command -v prlimit >/dev/null || ! command -v timeout >/dev/null; then
    echo "skip: files that may not grow: no prlimit, or no timeout"
else
    large_files
    outputs
fi
full_disk
done_testing
