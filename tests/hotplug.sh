# A CPU that goes offline while crew trains on it, and returns; then a control group (v2) that shrinks and grows: in a
# guest, because both are root's to do, and one machine's trouble. Workers are retired and come back, every task counts
# once, and the weights are those of a run that nobody disturbed. make hotplug; CREW_GUEST names another run-numa.sh.
. tests/cli.sh
guest=${CREW_GUEST:-../shared/machines/run-numa.sh}
[ -x "$guest" ] || { echo "skip: $guest is not here"; exit 77; }
command -v qemu-system-x86_64 >/dev/null || { echo "skip: no qemu-system-x86_64"; exit 77; }
[ -e /bin/busybox ] || { echo "skip: no /bin/busybox"; exit 77; }
! grep -q '__[at]san_init' "$CREW" || { echo "skip: sanitizers are too much for the guest"; exit 77; }

cat >"$tmp/guest.sh" <<'END'
cd /root
train="/bin/crew train -q --json --data synth:512x16x4 --model mlp:32 --batch-tasks 8 \
    --task-rows 16 --test-fraction 0"
# seen TEXT N: within a minute there are N more lines of the log that have it
seen() {
    goal=$(($(grep -c "$1" log) + $2))
    for _ in $(seq 300); do
        [ "$(grep -c "$1" log)" -lt "$goal" ] || return
        sleep 0.1
    done
    echo "never: $1"
}
mkdir /cg && mount -t cgroup2 none /cg && echo +cpuset >/cg/cgroup.subtree_control && mkdir /cg/crew || echo "no cpuset"
touch log
$train --workers 3 --emulate "0:5x 1:5x 2:5x" --rounds 100000 --log log --force --log-tasks tasks >out 2>err &
pid=$!
seen '"event":"round"' 10
for cpu in 1 2; do
    echo 0 >/sys/devices/system/cpu/cpu$cpu/online
    seen "\"lost\":\\[$cpu\\]" 5
    echo 1 >/sys/devices/system/cpu/cpu$cpu/online
    for _ in $(seq 100); do
        [ "$(grep -c "cores again" err)" -lt $cpu ] || break
        sleep 0.1
    done
    seen '"event":"round"' 5
done
echo 0-2 >/cg/crew/cpuset.cpus
echo $pid >/cg/crew/cgroup.procs
echo 0-1 >/cg/crew/cpuset.cpus
seen '"lost":\[2\]' 5
echo 0-2 >/cg/crew/cpuset.cpus
seen '"event":"round"' 50
kill -TERM $pid
wait $pid || echo "crew train fails: $?"
cat err
rounds=$(sed -n 's/^  "rounds": \(.*\),$/\1/p' out)
echo "rounds $rounds"
sed -n 's/^  "weights_digest": "\(.*\)",$/disturbed \1/p' out
sed 1d tasks | awk -F, -v n="$rounds" '
    {twice += seen[$1, $3]++ || $4 != 1; of[$1]++}
    END {for (r = 1; r <= n; r++) bad += of[r] != 8; print "tasks twice " twice + 0 ", missing " bad + 0}'
$train --workers 1 --rounds "$rounds" | sed -n 's/^  "weights_digest": "\(.*\)",$/undisturbed \1/p'
END
"$guest" -n 1 -c 3 -m 1024 -t 170 -e OPENBLAS_NUM_THREADS=1 -f "$CREW:/bin/crew" -f "$tmp/guest.sh:/guest.sh" -- \
    /bin/busybox sh /guest.sh >"$tmp/out" 2>"$tmp/err"
code=$?
tr -d '\r' <"$tmp/out" >"$tmp/clean"
if [ "$code" -eq 125 ] && ! grep -q '^rounds' "$tmp/clean"; then
    echo "skip: the guest does not get to the end: $(tail -n 1 "$tmp/err")"
    exit 77
fi
[ "$code" -eq 0 ] || miss "the guest ends with $code"
for each in "first is 1" "first is 2"; do
    grep -q "^note: 1 of 3 workers, the $each, has lost their core: no tasks until it is back" "$tmp/clean" ||
        miss "not told: $each"
done
# Of two CPUs and of the control group.
[ "$(grep -c '^note: all workers have their cores again' "$tmp/clean")" -ge 3 ] || miss "not three returns"
grep -qx "tasks twice 0, missing 0" "$tmp/clean" || miss "tasks were lost, or counted twice"
digest=$(sed -n 's/^undisturbed //p' "$tmp/clean")
[ -n "$digest" ] && grep -qx "disturbed $digest" "$tmp/clean" || miss "other weights than $digest"
! grep -q '^never\|fails' "$tmp/clean" || miss "something did not happen"
cat "$tmp/clean"
done_testing
