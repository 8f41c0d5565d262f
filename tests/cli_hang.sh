# A task that hangs, in the command: its thread is stopped by a debugger's means in the middle of a product of
# matrices. It is named, the last whole round and the model are saved, exit code 1; going on from there ends with the
# weights of a run that nobody disturbed. A process that is stopped as a whole blames no task.
. tests/cli.sh
! grep -q '__[at]san_init' "$CREW" || { echo "skip: sanitizers, and what they stop at, are not to be stopped"; exit 77; }
${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -o "$tmp/hold" tests/hold.c || { miss "no helper"; done_testing; }
set -- --data synth:2048x256x10 --model mlp:256,128 --task-rows 64 --batch-tasks 8 --policy uniform --test-fraction 0
data=$*

# says TEXT: it stands on the last stderr
says() {
    grep -qF -e "$1" "$tmp/err" || miss "no '$1' on stderr"
}

# hangs WORKER
hangs() {
    worker=$1
    rm -rf "$tmp/ck" "$tmp/log" "$tmp/model"
    timeout -k 1 50 "$tmp/hold" "crew $worker" openblas "$tmp/log" 5 "$CREW" train -q $data --workers 2 --rounds 100000 --time-limit 60 \
        --task-timeout 1.5 --checkpoint "$tmp/ck" --every 1h --save "$tmp/model" --log "$tmp/log" \
        >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
    [ "$code" -ne 77 ] || { echo "skip: $(head -1 "$tmp/err")"; exit 77; }
    [ "$code" -eq 1 ] || miss "worker $worker hangs: exit code $code"
    last=$(sed -n 's/^{"event":"round","round":\([0-9]*\),.*}$/\1/p' "$tmp/log" | tail -1)
    round=$((${last:-0} + 1)) # the one that was given up
    grep -qE "^crew train: task ($tasks) of round $round \(epoch [0-9]+, worker $worker, rows [0-9]+(, [0-9]+){7} and 56 more\) has not returned after 1.5 s\$" \
        "$tmp/err" || miss "worker $worker in round $round is not named"
    [ ! -s "$tmp/out" ] || miss "fails, but prints results"
    tail -1 "$tmp/log" | grep -q '"event":"end".*has not returned after 1.5 s' || miss "the log does not say why it ends"
    newest=$(ls "$tmp/ck" | sed -n 's/^checkpoint-0*\([0-9]*\)\.safetensors$/\1/p' | sort -n | tail -1)
    [ "$newest" = "$last" ] || miss "saved is round $newest, the last whole one is $last"
    run eval "$tmp/model" --data synth:512x256x10
    [ "$code" -eq 0 ] || miss "the model cannot be read"
    run train -q --json $data --workers 1 --rounds $((last + 2)) --checkpoint "$tmp/ck"
    [ "$code" -eq 0 ] && [ "$(value resumed_round)" = "$last" ] || miss "not gone on from round $last"
    went_on=$(value weights_digest)
    run train -q --json $data --workers 1 --rounds $((last + 2))
    [ "$(value weights_digest)" = "$went_on" ] || miss "other weights after worker $worker hung in round $round"
}

# uniform: tasks 0 to 3 are worker 0's, 4 to 7 worker 1's
tasks="[0-3]" hangs 0
tasks="[4-7]" hangs 1

# A stop of the whole process is nobody's fault.
rm -f "$tmp/log"
"$CREW" train -q --json $data --workers 2 --rounds 200 --task-timeout 1.5 --log "$tmp/log" >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for "$tmp/log"
kill -STOP $pid
sleep 3
kill -CONT $pid
wait $pid
code=$?
[ "$code" -eq 0 ] || miss "a process that was stopped blames a task: exit code $code"
stopped=$(value weights_digest)
value real_s | awk '{exit !($1 >= 3)}' || miss "it was over before it was stopped: $(value real_s) s"
run train -q --json $data --workers 1 --rounds 200
[ "$(value weights_digest)" = "$stopped" ] || miss "other weights after a stop"
done_testing
