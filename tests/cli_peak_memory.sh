# The most memory that training a large mlp has at any time is within 1.3 times: parameters x (3 + n (log2 B + 2)), data,
# the workspaces that the run states, and 64 MB for BLAS, the C library and what is known of the machine.
. tests/cli.sh
if grep -q '__[at]san_init' "$CREW"; then
    echo "skip: sanitizers take memory of their own"
    exit 77
fi

# peak ARGS...: crew ARGS; the most that was resident, in kB, to $peak. It never falls, so the last look counts; the last
# thing that takes memory, to evaluate, is done after each epoch, too.
peak() {
    "$CREW" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$!
    peak=0
    while kill -0 $pid 2>/dev/null; do
        now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$pid/status" 2>/dev/null)
        peak=${now:-$peak}
        [ -n "$now" ] || break
        sleep 0.02
    done
    wait $pid
    code=$?
}

# 3.44 million parameters; B = 16, log2 B + 2 = 6; rows and test rows are 2000 x 784 floats
for workers in 1 2; do
    for optimizer in adam sgd; do
        peak train -q --json --data synth:2000x784x10 --val-fraction 0.1 --model mlp:1500,1500 --batch-tasks 16 \
            --task-rows 16 --epochs 2 --workers $workers --optimizer $optimizer
        [ "$code" -eq 0 ] || miss "$workers workers, $optimizer: exit code $code"
        parameters=$(value parameters) workspaces=$(value workspace_bytes) said=$(value memory_bytes)
        allowed=$((4 * parameters * (3 + workers * 6) + 4 * 2000 * 784 + workspaces + 64000000))
        percent=$((100 * 1024 * peak / allowed))
        echo "$optimizer, $workers workers: peak $((1024 * peak / 1000000)) MB is $percent % of" \
            "$((allowed / 1000000)) MB, $((workspaces / 1000000)) of them workspaces; estimated $((said / 1000000)) MB"
        [ "$parameters" -gt 3000000 ] && [ "$workspaces" -gt 0 ] && [ "$percent" -gt 20 ] && [ "$percent" -le 130 ] ||
            miss "$workers workers, $optimizer: $percent %"
    done
done
done_testing
