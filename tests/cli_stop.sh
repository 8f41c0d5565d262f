# Signals, pipes, and two runs on the same cores. The long runs end by themselves, should a test fail to end them.
. tests/cli.sh

# long ARGS...: a run of a minute in the background; returns when it trains
long() {
    rm -f "$tmp/log"
    $heed "$CREW" train -q --time-limit 300 --log "$tmp/log" "$@" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_for "$tmp/log"
    sleep 0.3 # the log begins just before the signals are watched
}

first_and_second_signal() {
    # The first signal ends the round in flight: saved, reported, 0.
    for signal in INT TERM; do
        long --save "$tmp/model.$signal" --json
        kill -$signal $pid
        wait $pid
        code=$?
        [ "$code" -eq 0 ] || miss "SIG$signal: exit code $code"
        holds '"stopped": true'
        tail -1 "$tmp/log" | grep -q '"stopped":true' || miss "SIG$signal: the log has no end"
        run eval "$tmp/model.$signal" --data digits
        [ "$code" -eq 0 ] || miss "SIG$signal: the model cannot be read"
    done

    # The second one leaves at once. A log that nobody reads holds the run up between the two.
    mkfifo "$tmp/fifo"
    sleep 300 <"$tmp/fifo" &
    reader=$!
    $heed "$CREW" train -q --time-limit 300 --log "$tmp/fifo" --log-tasks "$tmp/tasks" --force \
        >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_for "$tmp/tasks"
    sleep 1
    kill -INT $pid
    sleep 0.5
    kill -0 $pid || miss "the first signal was not held up"
    kill -INT $pid
    wait $pid
    code=$?
    [ "$code" -eq 130 ] || miss "second SIGINT: exit code $code"
    kill $reader
    wait $reader 2>/dev/null
}
if grep -q __tsan_init "$CREW"; then
    echo "skip: signals: the thread sanitizer holds them back while the command sleeps"
elif [ -z "$heed" ]; then
    echo "skip: signals: this env has no --default-signal, and the shell lets background jobs ignore SIGINT"
else
    first_and_second_signal
fi

# A second crew on the same cores notices.
long
run train --epochs 1
grep -q "another crew" "$tmp/err" || miss "another crew is not noticed"
kill -KILL $pid
wait $pid 2>/dev/null

# A closed pipe is silent, and what was to be saved is saved.
"$CREW" train -q --save "$tmp/piped" 2>"$tmp/err" | true
[ ! -s "$tmp/err" ] || miss "a closed pipe is told"
[ -s "$tmp/piped" ] || miss "a closed pipe costs the model"
# A closed standard output does not become the log.
HWLOC_SYNTHETIC="core:2 pu:1" "$CREW" train -q --epochs 1 --log "$tmp/log" --force >&- 2>"$tmp/err"
[ $? -eq 1 ] || miss "closed standard output: not told"
! grep -q "weights digest" "$tmp/log" || miss "the summary stands in the log"
done_testing
