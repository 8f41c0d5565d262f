# Checkpoints from outside: files, notes and exit codes, going on, signals, logs that are written on, a full disk.
. tests/cli.sh
ck="$tmp/ck"

# file ROUND: its checkpoint
file() {
    printf '%s/checkpoint-%012d.safetensors' "$ck" "$1"
}

# newest: round of the newest checkpoint
newest() {
    ls "$ck" | sed -n 's/^checkpoint-0*\([0-9][0-9]*\)\.safetensors$/\1/p' | sort -n | tail -1
}

# says TEXT: it stands on the last stderr
says() {
    grep -qF -e "$1" "$tmp/err" || miss "no '$1' on stderr"
}

# digest_of ROUNDS: of a run that nothing disturbs
digest_of() {
    "$CREW" train -q --json --rounds "$1" --workers 2 >"$tmp/plain" 2>/dev/null
    sed -n 's/^ *"weights_digest": "\(.*\)",$/\1/p' "$tmp/plain"
}

# wait_round FILE ROUND: up to 20 s until a log has that round
wait_round() {
    for _ in $(seq 400); do
        grep -q "\"event\":\"round\",\"round\":$2," "$1" 2>/dev/null && return 0
        sleep 0.05
    done
    miss "$1 has no round $2"
}

# wait_still FILE: until it grows no more
wait_still() {
    before=-1
    for _ in $(seq 40); do
        now=$(stat -c %s "$1")
        [ "$now" != "$before" ] || return 0
        before=$now
        sleep 0.5
    done
    miss "$1 goes on growing"
}

# ---- Files, going on, exit codes ----

files_and_going_on() {
    run train --rounds 20 --checkpoint "$ck" --every 5rounds --keep 2
    [ "$code" -eq 0 ] && says "written to $ck" || miss "crew train --checkpoint"
    [ "$(newest)" = 20 ] && [ "$(ls "$ck" | wc -l)" -le 2 ] || miss "files: $(ls "$ck")"
    run train --rounds 45 --checkpoint "$ck" --json --policy queue --workers 2
    says "goes on from $(file 20)"
    [ "$(value resumed)" = true ] && [ "$(value resumed_round)" = 20 ] && [ "$(value rounds)" = 45 ] ||
        miss "not gone on from round 20"
    [ "$(value checkpoint_failed)" = false ] && [ "$(value checkpoints)" -ge 1 ] || miss "checkpoints in --json"
    [ "$(value weights_digest)" = "$(digest_of 45)" ] || miss "other weights after going on"
    run train --rounds 45 --checkpoint "$ck"
    [ "$code" -eq 0 ] && says "NOTHING IS LEFT TO TRAIN" && holds "round 45: NO ROUND WAS LEFT TO TRAIN" ||
        miss "a finished run is not told"
    run train -q --rounds 45 --checkpoint "$ck"
    holds "NO ROUND WAS LEFT TO TRAIN"
    run train --rounds 50 --resume "$(file 45)" --json
    [ "$(value resumed_round)" = 45 ] && [ "$(newest)" = 45 ] || miss "--resume FILE"

    # It is a model, too.
    run eval "$(file 45)" --data digits
    [ "$code" -eq 0 ] && holds "accuracy" || miss "crew eval CHECKPOINT"
    run predict "$(file 45)" --data digits
    [ "$code" -eq 0 ] && [ "$(wc -l <"$tmp/out")" -ge 359 ] || miss "crew predict CHECKPOINT"
    "$CREW" train -q --rounds 3 --save "$tmp/model" >/dev/null
    run train --rounds 46 --checkpoint "$ck" --init "$tmp/model"
    [ "$code" -eq 0 ] && says "is not read: a checkpoint is gone on from" || miss "--init with a checkpoint"
    run train -q --rounds 47 --checkpoint "$ck" --init "$tmp/model"
    [ ! -s "$tmp/err" ] || miss "--quiet says something"

    expect 2 "was made with seed 1, now it is 2" train -q --checkpoint "$ck" --seed 2
    expect 2 "was made with other training data" train -q --checkpoint "$ck" --scale standard
    expect 2 "--every" train --every
    expect 2 "every is '5x', must be a number above 0 and s, m, h, rounds or epochs" \
        train --checkpoint "$tmp/new" --every 5x
    expect 2 "keep is 0, must be 1..1000000" train --checkpoint "$tmp/new" --keep 0
    [ ! -e "$tmp/new" ] || miss "a refused run made its folder"
    expect 1 "resume auto goes on from them" train -q --checkpoint "$ck" --resume none
    expect 1 "the folder cannot be made" train -q --checkpoint "$tmp/no/ck"
    expect 1 "cannot be written" train -q --checkpoint /proc
    expect 3 "$tmp/none: No such file" train -q --resume "$tmp/none"
    expect 3 "not a checkpoint, but a model: see init" train -q --resume "$tmp/model"
    printf x >"$(file 47)"
    run train --rounds 46 --checkpoint "$ck"
    [ "$code" -eq 0 ] && says "$(file 47): not a safetensors file" && says "goes on from $(file 46)" ||
        miss "a damaged one is not passed over"
    for each in "$ck"/*; do
        printf x >"$each"
    done
    expect 3 "checkpoints is valid" train -q --checkpoint "$ck"

    # Of a comparison's many runs none can be gone on with.
    expect 2 "unknown option '--checkpoint'" compare --data digits --checkpoint "$ck"
    expect 2 "unknown option '--patience'" compare --data digits --patience 3
    "$CREW" train -q --rounds 20 --checkpoint "$tmp/c" --log "$tmp/c.jsonl" >/dev/null
    run compare --config "$tmp/c.jsonl" --policy uniform,queue --repeats 1 --warm-up 0
    [ "$code" -eq 0 ] && says "start afresh, without checkpoints" || miss "crew compare --config LOG of such a run"
}

# ---- Logs ----

# whole_log LOG TASKS ROUNDS: as of one run: each round once and in order, all its tasks, one start, one end
whole_log() {
    [ "$(sed -n 's/^{"event":"round","round":\([0-9]*\),.*}$/\1/p' "$1")" = "$(seq "$3")" ] ||
        miss "$1: not rounds 1 to $3"
    [ "$(grep -c '"event":"start"' "$1")" = 1 ] && [ "$(grep -c '"event":"end"' "$1")" = 1 ] &&
        tail -1 "$1" | grep -q '"event":"end"' || miss "$1: not one start and one end"
    [ "$(grep -c '^round,' "$2")" = 1 ] || miss "$2: not one header"
    # 90 tasks an epoch, 16 a round, 10 the last one
    sed 1d "$2" | awk -F, -v n="$3" '{t[$1]++} $1 < last {bad = 1} {last = $1}
        END {for (r = 1; r <= n; r++) bad += t[r] != (r % 6 ? 16 : 10); exit bad || last != n}' ||
        miss "$2: not all tasks of each round"
}

logs() {
    rm -rf "$ck"
    set -- train -q --checkpoint "$ck" --every 10rounds --log "$tmp/run.jsonl" --log-tasks "$tmp/tasks.csv"
    "$CREW" "$@" --rounds 25 >/dev/null
    run "$@" --rounds 40
    whole_log "$tmp/run.jsonl" "$tmp/tasks.csv" 40
    [ "$(grep -c '"event":"resume","round":25,"date":' "$tmp/run.jsonl")" = 1 ] || miss "no event of going on"
    # A half line, and rounds that the checkpoint does not have.
    rm "$(file 40)"
    at=$(newest)
    truncate -s -30 "$tmp/run.jsonl"
    truncate -s -5 "$tmp/tasks.csv"
    run "$@" --rounds 60
    whole_log "$tmp/run.jsonl" "$tmp/tasks.csv" 60
    grep -q "\"event\":\"resume\",\"round\":$at," "$tmp/run.jsonl" || miss "not gone on from $at"
    # Without checkpoints a log is never written on, and another run's is not touched.
    expect 1 "exists already" train -q --rounds 3 --log "$tmp/run.jsonl"
    "$CREW" train -q --seed 9 --rounds 3 --log "$tmp/other.jsonl" >/dev/null
    cp "$tmp/other.jsonl" "$tmp/before"
    expect 1 "$tmp/other.jsonl: exists already, and is no log of this run" \
        train -q --rounds 61 --checkpoint "$ck" --log "$tmp/other.jsonl"
    expect 1 "exists already, and is no log of this run" \
        train -q --rounds 61 --checkpoint "$ck" --log-tasks "$tmp/other.jsonl"
    cmp -s "$tmp/other.jsonl" "$tmp/before" || miss "another run's log was changed"
    run train -q --rounds 61 --checkpoint "$ck" --log "$tmp/other.jsonl" --force
    [ "$(sed -n 's/^{"event":"round","round":\([0-9]*\),.*/\1/p' "$tmp/other.jsonl")" = 61 ] || miss "--force"
    run train -q --rounds 62 --checkpoint "$ck" --log "$tmp/new.jsonl"
    [ "$(sed 's/^{"event":"\([a-z]*\)".*/\1/; /^policy$/d' "$tmp/new.jsonl" | tr '\n' ' ')" = "start resume round checkpoint end " ] ||
        miss "a new log of a run that goes on"
    # All its lines are understood.
    if command -v gnuplot >/dev/null; then
        run report "$tmp/run.jsonl" "$tmp/tasks.csv" -o "$tmp/report.html"
        [ "$code" -eq 0 ] && ! grep -q "understood" "$tmp/err" || miss "crew report of such a log"
    else
        echo "skip: crew report of such a log: gnuplot is not installed"
    fi
}

# ---- Signals ----

# long ARGS...: a run of a minute in the background; returns when it trains
long() {
    rm -f "$tmp/log"
    $heed "$CREW" train -q --json --workers 2 --time-limit 300 --log "$tmp/log" "$@" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_round "$tmp/log" 3
}

# ended CODE WHAT: the run in the background did
ended() {
    wait $pid
    code=$?
    [ "$code" -eq "$1" ] || miss "$2: exit code $code, not $1"
}

signals() {
    [ -n "$heed" ] || echo "skip: SIGINT: this env has no --default-signal, and shells let background jobs ignore it"
    for signal in ${heed:+INT} TERM HUP; do
        rm -rf "$ck"
        long --checkpoint "$ck" --every 1h
        kill -$signal $pid
        ended 0 "SIG$signal"
        holds '"stopped": true'
        at=$(value rounds)
        [ "$(newest)" = "$at" ] || miss "SIG$signal: the newest is of $(newest), not of round $at"
    done
    run train -q --json --checkpoint "$ck" --rounds $((at + 9))
    [ "$(value resumed_round)" = "$at" ] && [ "$(value weights_digest)" = "$(digest_of $((at + 9)))" ] ||
        miss "other weights after SIGHUP"

    # USR1: saves and goes on.
    rm -rf "$ck"
    long --checkpoint "$ck" --every 1h --save "$tmp/asked"
    kill -USR1 $pid
    wait_for "$tmp/asked"
    for _ in $(seq 400); do
        [ "$(newest)" = 0 ] || break
        sleep 0.05
    done
    [ "$(newest)" -gt 0 ] && kill -0 $pid || miss "SIGUSR1: no checkpoint, or it does not go on"
    kill -TERM $pid
    ended 0 "SIGTERM after SIGUSR1"
    run eval "$tmp/asked" --data digits
    [ "$code" -eq 0 ] || miss "SIGUSR1: the model cannot be read"
    long
    kill -USR1 $pid
    wait_for "$tmp/err"
    kill -TERM $pid
    ended 0 "SIGTERM after SIGUSR1 without anything to save"
    says "SIGUSR1: there is nothing to write: no checkpoint, no save"

    # A signal that is ignored stays so: nohup.
    rm -rf "$ck" "$tmp/log"
    (trap '' HUP && exec "$CREW" train -q --json --time-limit 300 --log "$tmp/log" --checkpoint "$ck") \
        >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_round "$tmp/log" 3
    kill -HUP $pid
    sleep 0.3
    kill -0 $pid || miss "an ignored SIGHUP ends the run"
    kill -TERM $pid
    ended 0 "SIGTERM after an ignored SIGHUP"

    # The second one leaves at once. A log that nobody reads holds the run up between the two.
    mkfifo "$tmp/fifo"
    for second in TERM:143 HUP:129 ${heed:+INT:130}; do
        sleep 300 <"$tmp/fifo" &
        reader=$!
        rm -f "$tmp/tasks"
        $heed "$CREW" train -q --time-limit 300 --log "$tmp/fifo" --log-tasks "$tmp/tasks" --force \
            >"$tmp/out" 2>"$tmp/err" &
        pid=$!
        wait_for "$tmp/tasks"
        wait_still "$tmp/tasks"
        kill -TERM $pid
        sleep 0.3
        kill -0 $pid || miss "the first signal was not held up"
        kill -"${second%:*}" $pid
        ended "${second#*:}" "a second signal, SIG${second%:*}"
        kill $reader
        wait $reader 2>/dev/null
    done

    # While it validates: an epoch is one short round, its validation takes a second. Nothing is lost.
    rm -rf "$ck"
    set -- --data synth:12000x256x10 --model mlp:1024,1024 --val-fraction 0.9 --test-fraction 0 --batch-tasks 128
    long "$@" --checkpoint "$ck" --every 1h
    kill -TERM $pid
    ended 0 "SIGTERM in the validation"
    at=$(value rounds) done=$(value epochs)
    [ "$at" -eq "$done" ] || [ "$at" -eq $((done + 1)) ] || miss "$at rounds, $done epochs"
    run train -q --json "$@" --checkpoint "$ck" --rounds "$at"
    [ "$(value rounds)" = "$at" ] && [ "$(value epochs)" = "$at" ] || miss "the epoch was not measured afterwards"

    # While it tests at the end: what was trained is saved.
    set -- --data synth:12000x256x10 --model mlp:1024,1024 --test-fraction 0.9 --batch-tasks 64 --rounds 1
    "$CREW" train -q --json "$@" --save "$tmp/tested" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_for "$tmp/tested"
    kill -TERM $pid
    ended 0 "SIGTERM in the last evaluation"
    [ "$(value rounds)" = 1 ] && [ "$(value test_accuracy)" = null ] ||
        miss "SIGTERM in the last evaluation: $(value test_accuracy)"

    # One run at a time in a folder.
    rm -rf "$ck"
    long --checkpoint "$ck"
    expect 1 "another run keeps its checkpoints there" train -q --checkpoint "$ck"
    kill -KILL $pid
    wait $pid 2>/dev/null
    run train -q --json --rounds 5 --checkpoint "$ck"
    [ "$code" -eq 0 ] && [ "$(value resumed)" = true ] || miss "the folder of a killed run is not given back"
}

# ---- A full disk ----

# fill: what is free of the small disk; a save that fails frees what it had taken, so more than once
fill() {
    dd if=/dev/zero bs=1k >>"$tmp/small/fill" 2>/dev/null
}

full_disk() {
    mkdir "$tmp/small"
    if ! mount -t tmpfs -o size=400k crew-test "$tmp/small" 2>"$tmp/err"; then
        echo "skip: a full disk: no tmpfs can be mounted: $(head -1 "$tmp/err")"
        return
    fi
    trap 'umount "$tmp/small"; rm -rf "$tmp"' EXIT
    ck="$tmp/small/ck"
    # Full from round 3 on: one warning, the same weights, 1; what is there is whole.
    long --checkpoint "$ck" --every 5rounds --rounds 3000 --keep 2
    while kill -0 $pid 2>/dev/null; do
        fill
        sleep 0.02
    done
    ended 1 "a full disk"
    says "the last checkpoint could not be written to $ck: what is there is older"
    [ "$(grep -c '^warning: no checkpoint of round .*No space left on device; training goes on$' "$tmp/err")" = 1 ] ||
        miss "not one warning"
    [ "$(value checkpoint_failed)" = true ] && [ "$(value rounds)" = 3000 ] || miss "--json of a full disk"
    [ "$(value weights_digest)" = "$(digest_of 3000)" ] || miss "a full disk changes the weights"
    [ -z "$(ls -A "$ck" | grep tmp)" ] || miss "a full disk: $(ls -A "$ck")"
    grep -q '"event":"checkpoint".*No space left' "$tmp/log" || miss "the log does not tell of it"
    at=$(newest)
    fill
    expect 1 "No space left on device" train -q --checkpoint "$ck" --rounds 3000 # told before training
    rm "$tmp/small/fill"
    run train -q --json --checkpoint "$ck" --rounds 3000
    [ "$code" -eq 0 ] && [ "$(value resumed_round)" = "$at" ] && [ "$(value weights_digest)" = "$(digest_of 3000)" ] ||
        miss "not gone on from $at after a full disk"
    # Full for a while: told, and told that it is over.
    rm -rf "$ck"
    long --checkpoint "$ck" --every 0.02s --keep 2
    for _ in $(seq 400); do
        fill
        [ ! -s "$tmp/err" ] || break
        sleep 0.02
    done
    rm "$tmp/small/fill"
    for _ in $(seq 400); do
        grep -q "checkpoints are written again" "$tmp/err" && break
        sleep 0.05
    done
    kill -TERM $pid
    ended 0 "a disk that was full for a while"
    says "note: checkpoints are written again: $ck/checkpoint-"
}

files_and_going_on
logs
if grep -q __tsan_init "$CREW"; then
    echo "skip: signals, a full disk: the thread sanitizer holds signals back while the command sleeps"
else
    signals
    full_disk
fi
done_testing
