# The policy cohort in training: it drops tasks, says who is in, and a run that was interrupted goes on the same way.
. tests/cli.sh

speeds="exp(1ms,1ms) exp(2ms,2ms) exp(3ms,3ms) exp(4ms,4ms) exp(5ms,5ms) exp(6ms,6ms) exp(7ms,7ms) exp(8ms,8ms)"
train() {
    run train --data synth:2000x6x3 --model softmax --task-rows 8 --executor sim --speeds "$speeds" -B 16 -q "$@"
    [ "$code" -eq 0 ] || miss "train $*: exit code $code"
}
# figure NAME RUN: of its last line
figure() {
    sed -n "s/^{\"event\":\"end\".*\"$1\":\([0-9.e+-]*\).*/\1/p" "$tmp/$2.jsonl"
}

train -p cohort --rounds 300 --log "$tmp/whole.jsonl"
train -p adaptive --rounds 300 --log "$tmp/planned.jsonl"
grep -q '"worker":0,"reason":"in the cohort"' "$tmp/whole.jsonl" || miss "worker 0 is not in the cohort"
[ "$(figure wasted_s planned)" = 0.0 ] || miss "adaptive drops $(figure wasted_s planned) s of work"
awk "BEGIN {exit !($(figure wasted_s whole) > 0.05 && $(figure wall_s whole) < 0.95 * $(figure wall_s planned))}" ||
    miss "wasted $(figure wasted_s whole), $(figure wall_s whole) s, planned $(figure wall_s planned) s"

# The same, interrupted.
train -p cohort --rounds 113 --checkpoint "$tmp/run" --log "$tmp/parts.jsonl"
train -p cohort --rounds 300 --checkpoint "$tmp/run" --log "$tmp/parts.jsonl"
for event in policy round; do
    grep "^{\"event\":\"$event\"" "$tmp/whole.jsonl" | sed 's/"\(wait_s\|elapsed_s\|seconds\)":[^,]*,//g' >"$tmp/a"
    grep "^{\"event\":\"$event\"" "$tmp/parts.jsonl" | sed 's/"\(wait_s\|elapsed_s\|seconds\)":[^,]*,//g' >"$tmp/b"
    cmp -s "$tmp/a" "$tmp/b" || miss "interrupted, $event differs: $(diff "$tmp/a" "$tmp/b" | head -4)"
done

# On threads too.
run train --data digits --model softmax -p cohort:cost-budget=2 -w 2 --rounds 400 -q
[ "$code" -eq 0 ] || miss "on threads: exit code $code"
run train --data digits --model softmax -p cohort:cost-budget=no --rounds 1
[ "$code" -eq 2 ] && grep -q "policy cohort: cost-budget is 'no', must be a number" "$tmp/err" || miss "$(cat "$tmp/err")"
done_testing
