# Cores that are taken from a run: masks of its threads are rewritten from outside, its control group is shrunk. Workers
# go back to their cores, or get nothing until they can; nothing is lost or counted twice, and the weights are the same.
. tests/cli.sh
command -v taskset >/dev/null || { echo "skip: no taskset"; exit 77; }
[ "$(nproc)" -ge 2 ] || { echo "skip: one CPU only"; exit 77; }
if grep -q __tsan_init "$CREW"; then
    echo "skip: the thread sanitizer holds signals back while the command sleeps"
    exit 77
fi
data="--data synth:2048x64x8 --model mlp:64 --task-rows 32 --batch-tasks 8 --test-fraction 0"
group= pid=
leave() {
    [ -z "$pid" ] || kill -KILL $pid
    wait
    [ -z "$group" ] || rmdir "$group"
    rm -rf "$tmp"
}
trap leave EXIT

# says TEXT: it stands on the last stderr
says() {
    grep -qF -e "$1" "$tmp/err" || miss "no '$1' on stderr"
}

# begin ARGS...: a run in the background, $pid; returns when it trains. Its workers sleep most of the time: there are
# not so many rounds then, to be read and done again.
begin() {
    rm -f "$tmp/log" "$tmp/tasks" "$tmp/err"
    "$CREW" train --json $data --time-limit 100 --emulate "$emulate" --log "$tmp/log" --log-tasks "$tmp/tasks" "$@" \
        >"$tmp/out" 2>>"$tmp/err" </dev/null &
    pid=$!
    later "" 10
}

# lines TEXT: rounds of the log that have it
lines() {
    cat "$tmp/log" 2>/dev/null | grep -c "\"event\":\"round\".*$1"
}

# later TEXT N: until there are N more of them, up to 40 s
later() {
    goal=$(($(lines "$1") + $2))
    for _ in $(seq 400); do
        [ "$(lines "$1")" -lt $goal ] || return 0
        sleep 0.1
    done
    miss "no $2 rounds of '$1'"
}

# told TEXT: it appears on stderr within 20 s
told() {
    for _ in $(seq 400); do
        ! grep -qF -e "$1" "$tmp/err" || return 0
        sleep 0.05
    done
    miss "not told: $1"
}

# end WHAT: the run is ended; each task of each round counted once, and the weights are those of an undisturbed run
end() {
    kill -TERM $pid
    for _ in $(seq 300); do
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL $pid 2>/dev/null # should it not end
    wait $pid
    code=$? pid=
    rounds=$(value rounds) digest=$(value weights_digest)
    [ "$code" -eq 0 ] || miss "$1: exit code $code"
    sed 1d "$tmp/tasks" | awk -F, -v n="$rounds" '
        {bad += seen[$1, $3]++ || $3 < 0 || $3 > 7 || $4 != 1; of[$1]++}
        END {for (r = 1; r <= n; r++) bad += of[r] != 8; exit bad > 0}' || miss "$1: not each task of $rounds rounds once"
    run train -q --json $data --workers 1 --rounds "$rounds"
    [ "$(value weights_digest)" = "$digest" ] || miss "$1: other weights after $rounds rounds"
}

# thread WORKER: its number
thread() {
    for t in /proc/$pid/task/*; do
        [ "$(cat "$t/comm")" != "crew $1" ] || echo "${t##*/}"
    done
}

# mask THREAD: its CPUs
mask() {
    sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/task/$1/status"
}

# back WORKER CPU: until it is pinned there again, up to 20 s
back() {
    for _ in $(seq 400); do
        [ "$(mask "$(thread "$1")")" != "$2" ] || return 0
        sleep 0.05
    done
    miss "worker $1 may run on $(mask "$(thread "$1")"), not on $2"
}

# ---- Masks that are rewritten ----

# Onto each other's core, one after the other and all at once: back at their next task.
masks() {
    begin --workers 2 --policy "$1"
    a=$(mask "$(thread 0)") b=$(mask "$(thread 1)")
    [ "$a" != "$b" ] || miss "workers share a core: $a, $b"
    for _ in 1 2 3; do
        taskset -p -c "$b" "$(thread 0)" >/dev/null
        back 0 "$a"
        taskset -p -c "$a" "$(thread 1)" >/dev/null
        back 1 "$b"
        taskset -a -p -c "$b" $pid >/dev/null
        back 0 "$a"
        back 1 "$b"
    done
    later "" 5
    end "rewritten masks, $1"
}

# ---- A control group that shrinks ----


shrinking() {
    base=/sys/fs/cgroup/cpuset
    group=$base/crew-test-$$
    if ! [ -e "$base/tasks" ] || ! mkdir "$group" 2>"$tmp/err" ||
        ! cat $base/cpuset.mems 2>"$tmp/err" >"$group/cpuset.mems"; then
        echo "skip: a control group that shrinks: no writable cgroup v1 cpuset"
        [ -d "$group" ] || group=
        return
    fi
    echo "$a,$b" >"$group/cpuset.cpus"
    for policy in ata-empirical queue; do
        begin --workers 2 --policy $policy
        echo $pid >"$group/cgroup.procs"
        for who in "1 $a" "0 $b"; do
            echo "${who#* }" >"$group/cpuset.cpus"
            told "note: 1 of 2 workers, the first is ${who% *}, has lost their core: no tasks until it is back"
            later "\"lost\":\[${who% *}\]" 5
            echo "$a,$b" >"$group/cpuset.cpus"
            told "note: all workers have their cores again"
            back 0 "$a"
            back 1 "$b"
            later "" 5
            : >"$tmp/err"
        done
        end "a group that shrinks, $policy"
    done
    # From under the only worker: it goes on where it may, and back home.
    emulate=0:30x
    begin --workers 1 --cores "$a"
    echo $pid >"$group/cgroup.procs"
    echo "$b" >"$group/cpuset.cpus"
    told "note: no worker is left on its core: all go on wherever they may run"
    later "" 5
    echo "$a,$b" >"$group/cpuset.cpus"
    told "note: all workers have their cores again"
    back 0 "$a"
    end "a group that moves away"
}

emulate="0:30x 1:30x"
masks ata-empirical
masks queue
shrinking
done_testing
