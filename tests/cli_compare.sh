# Policies side by side: figures that are known, their three forms, the file, targets, bad input, signals.
. tests/cli.sh

# 672 rows: 14 rounds of 6 tasks. uniform: two each, 8 s a round, busy for 2 + 4 + 8 s; fixed: 4 s with 4 and 2 tasks,
# or 3, 2 and 1, and 8 or 11 s of work.
set -- compare --data synth:672x8x3 --test-fraction 0 -B 6 -e 2 --executor sim --speeds "1s 2s 4s"
run "$@" -p uniform,fixed,queue -n 2 --csv -q
[ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "compare: exit code $code"
[ "$(head -1 "$tmp/out")" = "policy,repeat,train_s,worker_s,joules,round_mean_s,round_p95_s,idle_s,wasted_s,rounds,\
train_loss,test_accuracy,reached,timed_out,weights_digest,ratio_train,ratio_worker" ] || miss "header of --csv"
[ "$(wc -l <"$tmp/out")" -eq 7 ] || miss "--csv: $(wc -l <"$tmp/out") lines"
grep -q '^uniform,1,112,196,,8,8,140,0,14,[0-9.]*,,,0,[0-9a-f]*,1,1$' "$tmp/out" || miss "uniform"
grep -q '^fixed,2,56,112,,4,4,56,0,14,[0-9.]*,,,0,[0-9a-f]*,0.5,0.571428571428571' "$tmp/out" || miss "fixed"
grep -q '^queue,1,56,.*,0.5,' "$tmp/out" || miss "queue"
[ "$(awk -F, 'NR > 1 {print $2, $15}' "$tmp/out" | sort -u | wc -l)" -eq 2 ] || miss "digests"
cp "$tmp/out" "$tmp/before"
run "$@" -p uniform,fixed,queue -n 2 --csv -q
cmp -s "$tmp/before" "$tmp/out" || miss "the same comparison twice differs"

# What `crew train` says of the same runs.
for policy in uniform fixed; do
    run train --data synth:672x8x3 --test-fraction 0 -B 6 -e 2 --executor sim --speeds "1s 2s 4s" -p $policy --json -q
    grep -q "^$policy,1,$(value wall_s | sed 's/\.0$//'),.*,$(value weights_digest)," "$tmp/before" ||
        miss "crew train $policy: $(value wall_s) s, $(value weights_digest)"
done

# The default policies, the table, the words.
run "$@"
[ "$code" -eq 0 ] || miss "compare: exit code $code"
for word in uniform queue greedy adaptive fixed "0.500  0.500..0.500" "ratios to uniform; 3 workers" \
    "the same weights, bit for bit, in all runs of uniform, queue, adaptive and fixed" "3 repeats"; do
    holds "$word"
done
holds "verdict   fixed is fastest, with 0.5 of the seconds of uniform and 0.571 of its"
[ "$(grep -c '^machine   .*cores usable\|; BLAS kernel\|; 20[0-9-]*T[0-9:]*Z; crew ' "$tmp/out")" -ge 1 ] || miss "no machine, no date"
[ "$(awk 'length > 100' "$tmp/out" | grep -v 'bit for bit')" = "" ] || miss "the table has lines over 100 columns"
grep -q "run 15 of 15, repeat 3: queue: " "$tmp/err" || miss "no progress"
run "$@" -p uniform,fixed -n 1 --against best -q
holds "ratios to fixed"
holds "one repeat: nothing is known of noise"
[ ! -s "$tmp/err" ] || miss "--quiet"

# Targets end runs.
run "$@" -p uniform,fixed -n 1 -q --target-loss 1000 --csv
grep -q '^uniform,1,56,98,,8,8,70,0,7,.*,1,0,' "$tmp/out" || miss "a target that is reached at once"
run "$@" -p uniform,fixed -n 1 -q --target-loss 1e-9
holds "mean loss of the last 7 rounds"
holds "* ended before the target in one run at least; ratios are of the repeats in which both reached it"
[ "$(grep -c '^fixed  *-  -  *-  -' "$tmp/out")" -eq 1 ] || miss "a ratio of seconds to a target that was not reached"
run "$@" -p uniform -n 1 -q --val-fraction 0.5 --target-accuracy 0.01 --json
holds '"target_accuracy": 0.01'
value executor | grep -qx sim || miss "executor in --json"
run "$@" -p uniform -n 1 -q --time-limit 20
holds "* ended by the time limit"
holds "weights are not compared"
run "$@" -p uniform,queue -n 2 -q --time-limit 20 --csv # both take 20 s; that is no ratio of 1
[ "$(grep -c ',1,[0-9a-f]*,,$' "$tmp/out")" -eq 4 ] || miss "ratios of runs that were cut off"
run compare --rounds 5 -n 1 -q --time-limit 1e-9 --warm-up 0 --csv
! grep -i nan "$tmp/out" || miss "a figure that is not a number in CSV"

# Every figure again, from what `crew train` logs of the same runs.
figures="--data digits --model softmax -B 12 -e 3 --val-fraction 0.2 --executor sim --times 1,1,3,3 -q"
speeds="2*1s 2*exp(1s,2s)"
policies="uniform queue greedy adaptive fixed"
run compare $figures --speeds "$speeds" -p "$(echo $policies | tr ' ' ',')" -n 3 --save "$tmp/c.json" --json
for policy in $policies; do
    for seed in 1 2 3; do
        "$CREW" train $figures --speeds "$speeds" -p $policy -s $seed --log "$tmp/$policy.$seed.jsonl" \
            --log-tasks "$tmp/$policy.$seed.csv" >/dev/null 2>"$tmp/err" || miss "crew train $policy"
    done
done
if ! command -v python3 >/dev/null; then
    echo "skip: the figures from logs: python3 is not installed"
else
    python3 - "$tmp" 2>"$tmp/err" <<'PY' || miss "the figures are not those of the logs"
import csv, json, statistics, sys
folder = sys.argv[1]
short, whole = json.load(open(f"{folder}/out")), json.load(open(f"{folder}/c.json"))
near = lambda a, b: abs(a - b) <= 1e-9 * max(1, abs(a), abs(b))
seconds = {}
for p, q in zip(short["policies"], whole["policies"]):
    assert all(p[k] == q[k] for k in p), p["policy"]
    seconds[p["policy"]] = []
    for i, seed in enumerate(short["seeds"]):
        name = f"{folder}/{p['policy']}.{seed}"
        events = [json.loads(line) for line in open(name + ".jsonl")]
        rounds, end = [e for e in events if e["event"] == "round"], events[-1]
        tasks = list(csv.DictReader(open(name + ".csv")))
        length = sorted(e["seconds"] for e in rounds)
        at = 0.95 * (len(length) - 1)
        p95 = length[int(at)] + (at - int(at)) * (length[min(int(at) + 1, len(length) - 1)] - length[int(at)])
        train_s, worker_s = sum(length), sum(float(t["seconds"]) for t in tasks)
        want = {"train_s": train_s, "worker_s": worker_s, "round_mean_s": train_s / len(rounds), "round_p95_s": p95,
                "idle_s": 4 * train_s - worker_s, "rounds": len(rounds), "train_loss": end["train_loss"],
                "wasted_s": sum(float(t["seconds"]) for t in tasks if t["kept"] == "0"),
                "test_accuracy": end["test_accuracy"]}
        if i:  # the rows were split once, by the first seed
            del want["train_loss"], want["test_accuracy"]
        else:
            assert p["weights_digest"][i] == end["weights_digest"]
        for key, value in want.items():
            assert near(p[key][i], value), (name, key, p[key][i], value)
        assert p["joules"][i] is None
        seconds[p["policy"]].append((train_s, worker_s))
        if i == 0:
            for key, mean in (("quota", "quota_mean"), ("done", "tasks_mean")):
                for w in range(4):
                    assert near(q[mean][w], sum(e[key][w] for e in rounds) / len(rounds)), (name, mean, w)
            assert len(q["curve"]["loss"]) == len(rounds)
            assert near(q["curve"]["seconds"][-1], train_s) and near(q["curve"]["worker_seconds"][-1], worker_s)
            assert all(near(a, e["loss"]) for a, e in zip(q["curve"]["loss"], rounds))
    for k, key in enumerate(("ratio_train", "ratio_worker")):
        ratio = [a[k] / b[k] for a, b in zip(seconds[p["policy"]], seconds["uniform"])]
        have = p[key]
        assert have["repeats"] == 3 and near(have["median"], statistics.median(ratio)), (p["policy"], have, ratio)
        assert near(have["low"], min(ratio)) and near(have["high"], max(ratio))
        assert have["within_noise"] or min(ratio) > 1 or max(ratio) < 1
digests = {tuple(p["weights_digest"]) for p in short["policies"] if p["policy"] != "greedy"}
greedy = [p for p in short["policies"] if p["policy"] == "greedy"][0]
assert len(digests) == 1 and short["same_weights"] is True and short["error"] is None
assert greedy["drops"] and not greedy["other_weights"] and tuple(greedy["weights_digest"]) not in digests
PY
fi

# A run that fails, here for want of times, takes nothing from those before it.
awk 'BEGIN {print "round,worker,task,kept,seconds,work"; for (i = 1; i <= 9; i++) print i ",0,0,1,1,1\n" i ",1,0,1,2,1"}' \
    >"$tmp/tasks.csv"
run compare --data synth:672x8x3 -B 6 --rounds 3 --executor sim --speeds "replay($tmp/tasks.csv)" -p uniform,greedy -n 1 \
    --save "$tmp/failed.json"
[ "$code" -eq 3 ] || miss "a recording that runs out: exit code $code"
grep -q "greedy, repeat 1: the recording" "$tmp/err" || miss "which run failed is not told"
holds "uniform"
grep -q '"error": "greedy, repeat 1: ' "$tmp/failed.json" || miss "the file of a comparison that failed"

# The file, which is a configuration, too.
run "$@" -p fixed,uniform -n 2 -q --save "$tmp/saved.json"
[ "$code" -eq 0 ] || miss "--save: exit code $code"
for key in curve worker_seconds quota_mean tasks_mean machine config same_weights; do
    grep -q "\"$key\":" "$tmp/saved.json" || miss "no $key in the file"
done
expect 1 "$tmp/saved.json: exists already" "$@" --save "$tmp/saved.json"
expect 2 "$tmp/saved.json: the configuration of a comparison, of several policies: crew compare --config takes it" \
    train -q --config "$tmp/saved.json"
run compare --config "$tmp/saved.json" -q --csv
[ "$code" -eq 0 ] || miss "--config: exit code $code"
grep -q '^uniform,2,112,196,.*,2,1.75$' "$tmp/out" || miss "the same from --config"

# Real threads: times differ, weights do not.
run compare -e 3 -n 2 -q --times 1,1 -w 2 --cores all --bind none
[ "$code" -eq 0 ] || miss "threads: exit code $code"
holds "adaptive and fixed" # greedy may have dropped nothing
run compare -e 1 -n 2 -q -p uniform,queue --fuse-quota
[ "$code" -eq 0 ] || miss "fuse-quota: exit code $code"
holds "weights are not compared: with fuse-quota they depend on who computed what"
run compare -e 1 -n 1 -p all,uniform,ata:width=4,alpha=2 -q --json --warm-up 0
for policy in ata uniform adaptive ata-empirical cohort ata:width=4,alpha=2; do
    [ "$(grep -c "\"policy\": \"$policy\"" "$tmp/out")" -eq 1 ] || miss "$policy in --policy all,..."
done
holds '"same_weights": true'
[ "$(grep -c '"policy": "fixed"' "$tmp/out")" -eq 0 ] || miss "fixed without times"
expect 0 "note: without fixed" compare -e 1 -n 1 -p all --warm-up 0
expect 2 "against is 'fixed', which is not among the policies compared: the times" compare -e 1 --against fixed
expect 2 "against is 'ata', which is not among the policies compared" compare -e 1 -p uniform,queue --against ata
run compare -e 1 -n 1 -p uniform,queue -w 1 -q --warm-up 0
holds "one worker: there is nothing to allocate"
holds " are short: more epochs tell more"

# bad CODE TEXT ARGS...: one line, and no file
bad() {
    want=$1 text=$2
    shift 2
    expect "$want" "$text" compare --save "$tmp/never" "$@"
    [ ! -e "$tmp/never" ] || miss "crew compare $*: wrote a file"
    [ "$(wc -l <"$tmp/err")" -eq 1 ] || miss "crew compare $*: not one line"
}
bad 2 "did you mean 'queue'?" -p uniform,queu
bad 2 "did you mean 'width'?" -p uniform,ata:widht=2
bad 2 "needs the mean seconds" -p uniform,fixed
bad 2 "unknown policy to compare against 'fast'" --against fast
bad 2 "--repeats is 0" -n 0
bad 2 "--target-accuracy is 2" --target-accuracy 2
bad 2 "see val-fraction" --target-accuracy 0.9
bad 2 "--target-loss and --target-accuracy exclude" --target-loss 1 --target-accuracy 0.5
bad 2 "--json and --csv" --json --csv
bad 2 "executor sim needs speeds" --executor sim
bad 2 "times has 1 number for 2 workers" --times 1 -w 2 --cores all
bad 3 "$tmp/none: No such file" --data "$tmp/none"
bad 3 "$tmp/none: No such file" --config "$tmp/none"
bad 3 "$tmp/none" --profile "$tmp/none"
expect 1 "/none/x: cannot be written" compare --save /none/x
"$CREW" compare -e 1 -n 1 -q --warm-up 0 >/dev/full 2>"$tmp/err"
[ $? -eq 1 ] && grep -q "cannot be written" "$tmp/err" || miss "compare >/dev/full"

# The first signal shows what is finished.
if grep -q __tsan_init "$CREW"; then
    echo "skip: signals: the thread sanitizer holds them back while the command sleeps"
    done_testing
fi
[ -n "$heed" ] || echo "skip: SIGINT: this env has no --default-signal, and shells let background jobs ignore it"
for signal in ${heed:+INT} TERM; do
    rm -f "$tmp/err"
    $heed "$CREW" compare -e 2 -n 1000 -p uniform,queue --json >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    for _ in $(seq 100); do
        grep -q "^run 3" "$tmp/err" 2>/dev/null && break
        sleep 0.1
    done
    kill -$signal $pid
    wait $pid
    code=$?
    [ "$code" -eq 0 ] || miss "SIG$signal: exit code $code"
    grep -q "crew compare: stopped; [0-9]* of 2000 runs" "$tmp/err" || miss "SIG$signal is not told"
    holds '"stopped": true'
done

# Of nothing, that is no success.
rm -f "$tmp/err" "$tmp/out"
"$CREW" compare --rounds 1000000000 -n 1 -p uniform,queue >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for "$tmp/err"
kill -TERM $pid
wait $pid
code=$?
[ "$code" -eq 143 ] && [ ! -s "$tmp/out" ] || miss "stopped before anything is finished: exit code $code"
grep -q "crew compare: stopped; 0 of 2 runs were finished" "$tmp/err" || miss "that nothing is finished is not told"

# The second one, here at once after the first, leaves.
rm -f "$tmp/err" "$tmp/out"
$heed "$CREW" compare -e 2 -n 1000 -p uniform,queue >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for "$tmp/err"
kill -STOP $pid
kill -INT $pid
kill -TERM $pid
kill -CONT $pid
wait $pid
code=$?
[ "$code" -eq 130 ] || [ "$code" -eq 143 ] || miss "two signals: exit code $code"
[ ! -s "$tmp/out" ] || miss "two signals: results"
done_testing
