# Runs: what they print, write, and read back.
. tests/cli.sh

# One JSON object with all that is promised.
run train -q --json --workers 2 --log "$tmp/log" --log-tasks "$tmp/tasks" --save "$tmp/model"
[ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "crew train --json"
for key in policy executor workers rounds epochs samples_per_s wall_s real_s worker_s wasted_s train_loss test_accuracy \
    weights_digest per_worker slot cpu kind tasks busy_s mean_ms sd_ms; do
    holds "\"$key\":"
done
digest=$(value weights_digest)
[ "$(value epochs)" = 30 ] && [ "$(value workers)" = 2 ] || miss "epochs and workers"
awk -v a="$(value test_accuracy)" 'BEGIN {exit !(a > 0.9)}' || miss "test accuracy $(value test_accuracy)"
[ ${#digest} -eq 16 ] || miss "digest '$digest'"

# The logs: one start, every round, one end; 16 tasks a round and what is left of an epoch's 90.
rounds=$(value rounds)
[ "$(grep -c '"event":"start"' "$tmp/log")" -eq 1 ] || miss "not one start in the log"
[ "$(grep -c '"event":"round"' "$tmp/log")" -eq "$rounds" ] || miss "not $rounds rounds in the log"
[ "$(grep -c '"event":"eval"' "$tmp/log")" -eq 30 ] || miss "not 30 epochs in the log"
tail -1 "$tmp/log" | grep -q "\"event\":\"end\".*\"weights_digest\":\"$digest\"" || miss "the log's last line"
[ "$(sed -n 1p "$tmp/tasks")" = "round,worker,task,kept,seconds,cpu_seconds,work,flags,start_s" ] || miss "head of the tasks"
[ "$(sed 1d "$tmp/tasks" | wc -l)" -eq $((30 * 90)) ] || miss "$(wc -l <"$tmp/tasks") lines of tasks"

# same ARGS...: these give the same weights
same() {
    run train -q --json "$@"
    [ "$(value weights_digest)" = "$digest" ] || miss "crew train $*: other weights"
}
same --config "$tmp/log"
same --policy uniform --workers 1
same --workers 3 --policy queue
echo '{"workers": 1, "seed": "1", "smt": false}' >"$tmp/config.json"
same --config "$tmp/config.json"
run train -q --json --config "$tmp/log" --seed 2
other=$(value weights_digest)
[ "$other" != "$digest" ] || miss "--seed after --config has no effect"
digest=$other
same --seed 2

# Limits
run train -q --rounds 7 --json
[ "$(value rounds)" = 7 ] || miss "--rounds 7: $(value rounds)"
run train -q --time-limit 0.2
[ "$code" -eq 0 ] && holds "time limit reached" || miss "--time-limit"

# Trained weights as a start: one round is enough then, and only then.
accuracy() {
    run train -q --json --rounds 1 "$@"
    value test_accuracy
}
awk -v fresh="$(accuracy)" -v after="$(accuracy --init "$tmp/model")" \
    'BEGIN {exit !(fresh < 0.8 && after > 0.9)}' || miss "--init does not start from the weights"
expect 2 "was trained with scale unit" train -q --init "$tmp/model" --scale standard
expect 2 "needs --scale standard" train -q --missing mean --save "$tmp/mean"
expect 0 "only 6 steps in all" train --epochs 1
expect 0 "the model is in $tmp/told" train --epochs 1 --save "$tmp/told"
expect 2 "did you mean '--help'" train --hlep
expect 2 "is named for two outputs" train -q --log "$tmp/both" --save "$tmp/both"
[ ! -e "$tmp/both" ] || miss "a refused run wrote its output"
"$CREW" train -q --epochs 1 --log /dev/stdout 2>"$tmp/err" </dev/null | cat >"$tmp/out"
grep -q '"event":"end"' "$tmp/out" || miss "the log did not go to stdout"
expect 0 "note: " train --epochs 1 --policy ata
grep -q "alpha is .* s, twice the largest mean" "$tmp/err" || miss "ata does not say which alpha it takes"
echo '{"seed": 12345678901234567, "epochs": 1}' >"$tmp/big.json"
run train -q --config "$tmp/big.json" --log "$tmp/big.log"
grep -q '"seed":"12345678901234567"' "$tmp/big.log" || miss "a large seed of --config was rounded"
expect 2 "not mlp:32 of 64" train -q --init "$tmp/model" --model mlp:32
expect 2 "holds a model mlp:64 of 64 features and 10 classes" train -q --init "$tmp/model" --data iris

# Progress goes to stderr, plain where it is no terminal; results to stdout.
run train --epochs 1
grep -q "digits: 1438 rows" "$tmp/err" || miss "no introduction on stderr"
! grep -q "$(printf '\r')" "$tmp/err" || miss "a carriage return where there is no terminal"
for line in "1 epoch in" "train loss" "test accuracy" "weights digest" "worker   cpu" "wall "; do
    holds "$line"
done
done_testing
