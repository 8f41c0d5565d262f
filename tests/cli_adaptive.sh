# The policy adaptive in training: its decisions are in the log, and a run that was interrupted makes the same ones.
. tests/cli.sh

# Worker 0 is three times slower in rounds 40 to 79; worker 3 is too slow to be of use.
speeds="exp(0.95ms,0.05ms)@0..40,exp(2.9ms,0.1ms)@40..80,exp(0.95ms,0.05ms)@80.. 2*exp(0.95ms,0.05ms) exp(9ms,0.5ms)"
train() {
    run train --data synth:2000x6x3 --model softmax --task-rows 8 --executor sim --speeds "$speeds" -B 12 -p adaptive \
        -q "$@"
    [ "$code" -eq 0 ] || miss "train $*: exit code $code"
}
# decisions WORKER: its reasons in their order
decisions() {
    grep "^{\"event\":\"policy\",\"round\":[0-9]*,\"worker\":$1," "$tmp/whole.jsonl" |
        sed 's/.*"reason":"\([^"]*\)".*/\1/' | tr '\n' ','
}

train --rounds 200 --log "$tmp/whole.jsonl"
for worker in 0 1 2 3; do
    first="\"worker\":$worker,\"reason\":\"first task\",\"before_s\":null,\"after_s\":0.0"
    grep -q "^{\"event\":\"policy\",\"round\":1,$first" "$tmp/whole.jsonl" || miss "no first task of worker $worker"
done
[ "$(decisions 0)" = "first task,slower,faster," ] || miss "worker 0: $(decisions 0)"
[ "$(decisions 1)" = "first task," ] || miss "worker 1: $(decisions 1)"
case $(decisions 3) in
"first task,retried,"*) ;;
*) miss "worker 3: $(decisions 3)" ;;
esac
grep '"slower"' "$tmp/whole.jsonl" | sed 's/[^0-9.,-]//g' | awk -F, '{exit !($2 >= 40 && $2 <= 44 && $5 > 0.0008 && \
    $5 < 0.0012 && $6 > 0.0025 && $6 < 0.0035)}' || miss "slower: $(grep slower "$tmp/whole.jsonl")"
run report "$tmp/whole.jsonl" -o "$tmp/report.html"
[ "$code" -eq 0 ] || miss "report: exit code $code"
grep -qi "skipped" "$tmp/err" "$tmp/out" && miss "report skips lines of the log"

# The same, interrupted in the middle of the slow rounds.
train --rounds 60 --checkpoint "$tmp/run" --log "$tmp/parts.jsonl"
train --rounds 200 --checkpoint "$tmp/run" --log "$tmp/parts.jsonl"
for event in policy round; do
    grep "^{\"event\":\"$event\"" "$tmp/whole.jsonl" | sed 's/"\(wait_s\|elapsed_s\|seconds\)":[^,]*,//g' >"$tmp/a"
    grep "^{\"event\":\"$event\"" "$tmp/parts.jsonl" | sed 's/"\(wait_s\|elapsed_s\|seconds\)":[^,]*,//g' >"$tmp/b"
    cmp -s "$tmp/a" "$tmp/b" || miss "interrupted, $event differs: $(diff "$tmp/a" "$tmp/b" | head -4)"
done

# Nobody else has decisions to tell.
run train --data synth:2000x6x3 --model softmax --task-rows 8 --executor sim --speeds "$speeds" -B 12 --rounds 10 -q \
    -p ata-empirical --log "$tmp/other.jsonl"
grep -q '^{"event":"policy"' "$tmp/other.jsonl" && miss "ata-empirical decides"
done_testing
