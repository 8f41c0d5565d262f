# A row whose loss is not finite, from a file: its task, worker and row are named; the run stops with 6, leaves such
# rounds out, or goes back, and its weights are the same whoever computed what.
. tests/cli.sh

# Row 123, counted from 0, overflows. 300 rows, 240 to train on: 30 tasks, 8 rounds an epoch.
awk 'BEGIN {
    srand(5)
    for (r = 0; r < 300; r++) {
        for (i = 0; i < 5; i++)
            printf "%s,", r == 123 ? (i % 2 ? "-3e38" : "3e38") : sprintf("%.3f", (i == r % 3) * 1.5 + rand() - 0.5)
        print "c" r % 3
    }
}' >"$tmp/bad.csv"
data="--data $tmp/bad.csv --scale none --model mlp:16 --task-rows 8 --batch-tasks 4 --epochs 4"

# where: of each one that was told, "ROUND TASK WORKER": all but the worker to $told, the workers to $who
where() {
    sed -n 's/^.*the loss of task \([0-9]*\) of round \([0-9]*\) (epoch [0-9]*, worker \([0-9]*\), rows 123 of its 8) is not finite.*$/\2 \1 \3/p' \
        "$tmp/err" >"$tmp/where"
    told=$(awk '{printf "%s/%s ", $1, $2}' "$tmp/where") who=$(awk '{printf "%s ", $3}' "$tmp/where")
}

# Stop: what was told of the first round, the log, and the last whole round in the checkpoint.
run train -q $data --policy uniform --workers 2 --checkpoint "$tmp/ck" --log "$tmp/log"
[ "$code" -eq 6 ] && [ ! -s "$tmp/out" ] || miss "--on-nan stop: exit code $code"
where
first=${told% }
round=${first%/*} task=${first#*/}
[ "$(wc -l <"$tmp/where")" -eq 1 ] || miss "not one task named"
# uniform: tasks 0 and 1 are worker 0's; the last round of an epoch has but 2, one each
[ "$who" = "$((round % 8 ? task / 2 : task)) " ] || miss "task $first of worker $who"
tail -1 "$tmp/log" | grep -q '"event":"end".*"error":"the loss of task '"$task of round $round "'(epoch 1, worker .*, rows 123 of its 8) is not finite' ||
    miss "the log does not say why it ends"
[ "$(ls "$tmp/ck" | sed -n 's/^checkpoint-0*\([0-9]*\)\.safetensors$/\1/p' | sort -n | tail -1)" -eq $((round - 1)) ] ||
    miss "not round $((round - 1)) is saved, but $(ls "$tmp/ck")"

for answer in skip rollback; do
    digest= rounds=
    for how in "--workers 1" "--workers 2" "--workers 3" "--workers 2 --policy queue" "--workers 3 --policy uniform" \
        "--executor sim --speeds 5*1ms"; do
        run train --json $data --on-nan $answer $how
        [ "$code" -eq 0 ] && [ "$(value rounds)" = 32 ] && [ "$(value skipped_rounds)" = 4 ] ||
            miss "$answer, $how: exit code $code, $(value skipped_rounds) rounds without a step"
        where
        digest=${digest:-$(value weights_digest)} rounds=${rounds:-$told}
        [ "$(value weights_digest)" = "$digest" ] || miss "$answer, $how: weights $(value weights_digest), not $digest"
        [ "$told" = "$rounds" ] && [ "$(wc -l <"$tmp/where")" -eq 4 ] || miss "$answer, $how: $told, not $rounds"
        [ "${told%% *}" = "$first" ] || miss "$answer, $how: first $told, not $first"
    done
    run train -q --json $data --on-nan $answer --workers 2 --log "$tmp/$answer.log"
    [ "$(grep -c '"nonfinite":"the loss of task [0-9]* of round [0-9]* (epoch .*, rows 123 of its 8) is not finite"' "$tmp/$answer.log")" = 4 ] ||
        miss "$answer: not four rounds in the log"
    eval "$answer=$digest"
done
[ "$skip" != "$rollback" ] || miss "skip and rollback give the same weights"

# A run that was stopped goes on with another answer, as if it had been given from the start.
run train -q --json $data --policy queue --workers 3 --checkpoint "$tmp/ck" --on-nan skip
[ "$code" -eq 0 ] && [ "$(value resumed_round)" = $((round - 1)) ] && [ "$(value weights_digest)" = "$skip" ] ||
    miss "gone on with skip: exit code $code"

# Where nothing is finite any more it ends, whatever the answer.
sed 's/^[^,]*,[^,]*/3e38,-3e38/' "$tmp/bad.csv" >"$tmp/all.csv"
run train -q --data "$tmp/all.csv" --scale none --model mlp:16 --epochs 1000 --on-nan skip
[ "$code" -eq 6 ] && grep -q "99 rounds without a step, and now the " "$tmp/err" || miss "nothing is finite: exit code $code"
expect 2 "on-nan is 'ignore', must be stop, skip or rollback" train -q $data --on-nan ignore
done_testing
