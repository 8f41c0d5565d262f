# A CPU that goes offline while crew trains on it, and returns: in a guest, because it is root's to do.
. tests/cli.sh
guest=${CREW_GUEST:-../shared/machines/run-numa.sh}
[ -x "$guest" ] || { echo "skip: $guest is not here"; exit 77; }
command -v qemu-system-x86_64 >/dev/null || { echo "skip: no qemu-system-x86_64"; exit 77; }
[ -e /bin/busybox ] || { echo "skip: no /bin/busybox"; exit 77; }
! grep -q '__[at]san_init' "$CREW" || { echo "skip: sanitizers are too much for the guest"; exit 77; }

cat >"$tmp/guest.sh" <<'END'
train() {
    /bin/crew train -q --data synth:512x16x4 --model mlp:32 --rounds 400 --batch-tasks 8 "$@"
}
# seen TEXT: within 60 s the log has it so often
seen() {
    for _ in $(seq 300); do
        [ -e /log ] && [ "$(grep -c "$1" /log)" -ge "$2" ] && return
        sleep 0.2
    done
    echo "never: $1"
}
train | sed -n 's/^weights digest */undisturbed /p'
train --log /log >/out 2>/err &
seen '"event":"round"' 20
echo 0 >/sys/devices/system/cpu/cpu1/online
seen '"lost":\[1\]' 5
echo 1 >/sys/devices/system/cpu/cpu1/online
wait $! || echo "crew train fails: $?"
cat /err
sed -n 's/^weights digest */disturbed /p' /out
tail -n 1 /log
END
"$guest" -n 1 -c 2 -m 1024 -t 170 -e OPENBLAS_NUM_THREADS=1 -f "$CREW:/bin/crew" -f "$tmp/guest.sh:/guest.sh" -- \
    /bin/busybox sh /guest.sh >"$tmp/out" 2>"$tmp/err"
code=$?
[ "$code" -ne 125 ] || { echo "skip: the guest does not run here:"; tail -3 "$tmp/err"; exit 77; }
[ "$code" -eq 0 ] || miss "the guest ends with $code"
tr -d '\r' <"$tmp/out" >"$tmp/clean"
digest=$(sed -n 's/^undisturbed //p' "$tmp/clean")
[ -n "$digest" ] || miss "no digest without a disturbance"
grep -qx "disturbed $digest" "$tmp/clean" || miss "other weights than $digest"
grep -q "note: 1 of 2 workers, the first is 1, has lost their core" "$tmp/clean" || miss "the loss is not told"
grep -q "note: all workers have their cores again" "$tmp/clean" || miss "the return is not told"
[ "$failures" -eq 0 ] || cat "$tmp/clean"
done_testing
