# Policies in virtual time: figures that are known, their three forms, files, bad input, signals.
. tests/cli.sh

# is KEY VALUE...: the values of a key in the last --json object, in order
is() {
    key=$1
    shift
    [ "$(value "$key" | tr '\n' ' ')" = "$* " ] || miss "$key is $(value "$key" | tr '\n' ' '), not $*"
}

# Seven tasks of 1, 2 and 4 s: all are busy for 4 s with 4, 2 and 1 of them, whoever decides. Of three tasks the
# best split takes 2 s, one each 4 s, so that ten rounds have a regret of 20 s.
run sim --speeds "1 2 4" -B 7 --rounds 10 -p fixed,queue --json -q
[ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "sim: exit code $code"
is policy fixed queue
is round_mean_s 4.0 4.0
is worker_mean_s 12.0 12.0
is proxy_regret_s 0.0 null
is time_ratio null null
is cost_ratio null null
is workers 3
is batch_tasks 7
is rounds 10
is stopped false
is speeds "1 2 4"
run sim --speeds "1 2 4" -B 3 --rounds 10 --policy greedy,uniform --json
is time_ratio 1.0 2.0
is proxy_regret_s null 20.0
is explore_share 0.0 0.0
[ "$(value plan_us | grep -c '^[0-9.e-]*$')" -eq 2 ] || miss "plan_us: $(value plan_us)"

# Without --policy all there are take part.
run sim --speeds "1 2 4" --rounds 2 --json -q
value policy | sort >"$tmp/simulated"
"$CREW" list policies | sed -n 's/^\([a-z][a-z-]*\)  .*/\1/p' | sort | diff - "$tmp/simulated" || miss "not all policies"

# Several seeds: the mean of the single ones, and a standard error.
for seed in 4 5; do
    run sim --scenario paper-sqrt -w 5 --rounds 50 -p uniform --seed $seed --json -q
    value round_mean_s >>"$tmp/single"
done
run sim --scenario paper-sqrt -w 5 --rounds 50 -p uniform --seeds 4,5 --json -q
value round_mean_s | cat "$tmp/single" - | awk '{x[NR] = $1} END {exit !((x[1] + x[2]) / 2 - x[3] < 1e-9 && \
    (x[1] + x[2]) / 2 - x[3] > -1e-9)}' || miss "mean of two seeds"
value round_mean_s_se | cat "$tmp/single" - | awk '{x[NR] = $1} END {d = (x[1] - x[2]) / 2; d = d < 0 ? -d : d; \
    exit !(d > 0 && d - x[3] < 1e-9 && d - x[3] > -1e-9)}' || miss "standard error of two seeds"
is scenario paper-sqrt
run sim --scenario paper-sqrt -w 5 --rounds 50 -p uniform,greedy --seeds 4,5 -q
holds "±"
holds "seeds 4,5"

# The same figures as CSV: one line a policy, a name with a comma in quotes, nothing where nothing is defined.
run sim --speeds "1 2 4" -B 3 --rounds 10 -p ata:width=2,alpha=1,queue --csv -q
[ "$(wc -l <"$tmp/out")" -eq 3 ] || miss "--csv: $(wc -l <"$tmp/out") lines"
columns=policy,round_mean_s,worker_mean_s,time_ratio,cost_ratio,oracle_ratio,loss_ratio
[ "$(head -1 "$tmp/out")" = $columns,proxy_regret_s,explore_share,plan_us ] || miss "header of --csv"
grep -q '^"ata:width=2,alpha=1",[0-9.]*,[0-9.]*,,,' "$tmp/out" || miss "--csv of ata"
grep -q '^queue,4,[0-9.]*,,,,,,0,' "$tmp/out" || miss "--csv of queue"

# The table, and what it says without greedy.
run sim --speeds "1 2 4" -B 3 --rounds 10 -p greedy,uniform
holds "uniform                4          7   2.000   0.857         20     0.00"
holds "speeds 1 2 4"
holds "3 workers, 3 tasks a round, 10 rounds, seed 1"
[ "$(awk 'length > 80' "$tmp/out")" = "" ] || miss "the table has lines over 80 columns"
expect 0 "note: without greedy" sim --speeds 1 --rounds 2 -p fixed

# Beside the oracle: the worker that was fast at first is slow in half of the rounds.
run sim --speeds "1s@0..6,3s@6.. 2s" -B 1 --rounds 10 -p oracle,fixed
holds "policy           round s   worker s  oracle   split   regret s explore%  plan us"
holds "fixed                  2          2   1.333   1.333          5     0.00"
[ ! -s "$tmp/err" ] || miss "a note beside the oracle"
run sim --speeds "1s@0..6,3s@6.. 2s" -B 1 --rounds 10 -p oracle,queue --json -q
is oracle_ratio 1.0 1.3333333333333333
is loss_ratio 1.0 null
is time_ratio null null

# A scenario has its own size, and two runs of it are the same.
run sim --scenario co-runner -p oracle,adaptive --seeds 1,2 --json -q
is workers 16
is batch_tasks 40
is rounds 2500
value oracle_ratio | awk 'NR == 2 {exit !($1 > 1 && $1 < 1.1)}' || miss "oracle_ratio $(value oracle_ratio | tail -1)"
grep -v plan_us "$tmp/out" >"$tmp/once"
run sim --scenario co-runner -p oracle,adaptive --seeds 1,2 --json -q
grep -v plan_us "$tmp/out" | cmp -s - "$tmp/once" || miss "the same scenario twice differs"

# A file of speeds stands on one line, not all of it; one of a thing is not many; huge figures keep their columns.
run sim --speeds " $(printf '12*exp(1ms,2ms)\r\n4*1ms\n')" --rounds 2 -p fixed -q
[ "$(grep '^speeds' "$tmp/out")" = "speeds 12*exp(1ms,2ms) 4*1ms" ] || miss "speeds of several lines"
run sim --speeds "$(seq 500)" --rounds 2 -p fixed -q
[ "$(grep '^speeds' "$tmp/out" | wc -c)" -eq 81 ] && grep -q "^speeds 1 2 3 .*\.\.\.$" "$tmp/out" || miss "500 speeds"
run sim --speeds 1 --rounds 1 -B 1 -p fixed -q
holds "1 worker, 1 task a round, 1 round, seed 1"
run sim --speeds "2*123456789012" --rounds 2 -q
[ "$(awk 'NR <= 7 {print length}' "$tmp/out" | sort -u)" = 80 ] || miss "columns of huge figures"

# Curves; the same command gives the same file.
run sim --speeds "1 2 4" -B 3 --rounds 1000 -p greedy,uniform --seeds 1,2 --curve "$tmp/curve.csv" -q
[ "$(head -1 "$tmp/curve.csv")" = policy,seed,round,time_s,worker_s,best_s,regret_s ] || miss "header of the curve"
[ "$(grep '^uniform,2,' "$tmp/curve.csv" | tail -1)" = uniform,2,1000,4000,7000,2000,2000 ] || miss "end of the curve"
[ "$(grep -c '^greedy,1,.*,$' "$tmp/curve.csv")" -eq "$(grep -c '^uniform,1,' "$tmp/curve.csv")" ] ||
    miss "the curve of greedy has a regret"
expect 1 "$tmp/curve.csv: exists already" sim --speeds 1 --curve "$tmp/curve.csv"
cp "$tmp/curve.csv" "$tmp/before"
run sim --speeds "1 2 4" -B 3 --rounds 1000 -p greedy,uniform --seeds 1,2 --curve "$tmp/curve.csv" -q --force
cmp -s "$tmp/before" "$tmp/curve.csv" || miss "the same curve twice differs"

# A profile saves the exploring that made it, and so do rounds before the first.
scenario="--scenario paper-sqrt -w 17 -p ata-empirical -q --json"
run sim $scenario --rounds 1000 --save-profile "$tmp/profile.json"
[ "$(value explore_share)" != 0.0 ] || miss "nothing to explore"
run sim $scenario --rounds 300 --profile "$tmp/profile.json"
is explore_share 0.0
run sim $scenario --rounds 300 --pretrain 1000
is explore_share 0.0
run sim $scenario --rounds 300
[ "$(value explore_share)" != 0.0 ] || miss "nothing to explore in 300 rounds"
expect 2 "is of 17 workers, not of 3" sim --speeds "3*1" --profile "$tmp/profile.json"

# bad CODE TEXT ARGS...: one line of three with a caret, and no file
mkdir "$tmp/outputs"
bad() {
    want=$1 text=$2
    shift 2
    expect "$want" "$text" sim --curve "$tmp/outputs/curve" "$@"
    [ -z "$(ls -A "$tmp/outputs")" ] || miss "crew sim $*: wrote $(ls -A "$tmp/outputs")"
    lines=$(wc -l <"$tmp/err")
    [ "$lines" -eq 1 ] || { [ "$lines" -eq 3 ] && tail -1 "$tmp/err" | grep -q '^ *^'; } ||
        miss "crew sim $*: neither one line nor a caret"
}
bad 2 "--scenario or --speeds is missing"
bad 2 "exclude each other" --scenario paper-sqrt -w 3 --speeds 1
bad 2 "exclude each other" --scenario paper-sqrt -w 3 --speeds ""
bad 2 "--speeds is empty" --speeds ""
bad 2 "--speeds is empty" --speeds " "
bad 2 "--replay-wrap needs a replay(FILE)" --speeds 1 --replay-wrap
bad 2 "--replay-wrap needs a replay(FILE)" --scenario paper-sqrt -w 3 --replay-wrap
bad 2 "scenario paper-sqrt needs workers" --scenario paper-sqrt
bad 2 "scenario churn needs at least 4" --scenario churn -w 3
bad 2 "did you mean 'paper-sqrt'?" --scenario paper-sqr -w 3
bad 2 "--workers is 0" --scenario paper-sqrt -w 0
bad 2 "--batch-tasks is 0" --speeds 1 -B 0
bad 2 "--curve-every is 0" --speeds 1 --curve-every 0
bad 2 "more than 100000 points" --speeds 1 --rounds 1000000 --curve-every 2
bad 2 "--rounds is 0" --speeds 1 --rounds 0
bad 2 "--rounds is 4294967296" --speeds 1 --rounds 4294967296
bad 2 "workers is 3, but speeds describes 2" --speeds "1 2" -w 3
bad 2 "epx" --speeds "4*1ms 12*epx(1ms,2ms)"
bad 2 "-1ms" --speeds "4*-1ms"
bad 2 "0ms" --speeds "4*0ms"
bad 2 "did you mean 'greedy'?" --speeds 1 -p gredy
bad 2 "did you mean 'oracle'?" --speeds 1 -p orcale
bad 2 "policy oracle has no settings" --speeds 1 -p oracle:width=1
bad 2 "did you mean 'width'?" --speeds 1 -p ata:widht=3
bad 2 "settings follow a colon, as in ata:width=3" --speeds 1 -p ata,width=3
bad 2 "--seed and --seeds exclude" --speeds 1 --seed 1 --seeds 2
bad 2 "--seed is '1,2'" --speeds 1 --seed 1,2
bad 2 "seeds: item 2 is 'x'" --speeds 1 --seeds 1,x
bad 2 "seeds: 1 is given twice" --speeds 1 --seeds 1,1
bad 2 "--pretrain and --profile" --speeds 1 --pretrain 3 --profile some
bad 2 "--json and --csv" --speeds 1 --json --csv
bad 2 "one policy and one seed" --speeds 1 --save-profile "$tmp/outputs/profile"
bad 2 "named for two outputs" --speeds 1 -p queue --save-profile "$tmp/outputs/curve"
bad 3 "$tmp/none: No such file" --speeds 1 --profile "$tmp/none"
bad 3 "$tmp/none" --speeds "replay($tmp/none)"
echo "no profile" >"$tmp/text"
bad 3 "$tmp/text" --speeds 1 --profile "$tmp/text"
bad 7 "MB are free" --scenario paper-sqrt -w 2000000000 -B 2000000000
bad 7 "MB are free" --speeds "2000000000*1ms" -B 2000000000
expect 1 "/none/curve: cannot be written" sim --speeds 1 --curve /none/curve
printf 'round,worker,task,kept,seconds,cpu_seconds,work\n1,0,0,1,0.5,,1\n2,0,0,1,0.5,,1\n' >"$tmp/tasks.csv"
bad 3 "round 3: the recording of worker 0 has run out" --speeds "replay($tmp/tasks.csv)" -B 1 --rounds 3 -p queue
run sim --speeds "replay($tmp/tasks.csv)" -B 1 --rounds 3 -p queue --replay-wrap -q --json
is round_mean_s 0.5
"$CREW" sim --speeds 1 --rounds 2 -q >/dev/full 2>"$tmp/err"
[ $? -eq 1 ] && grep -q "cannot be written" "$tmp/err" || miss "sim >/dev/full"

# The first signal shows what is finished, progress goes to stderr meanwhile; that of nothing is no success.
[ -n "$heed" ] || echo "skip: SIGINT: this env has no --default-signal, and shells let background jobs ignore it"
for signal in ${heed:+INT:130} TERM:143; do
    rm -f "$tmp/err"
    $heed "$CREW" sim --speeds "2*1ms" -B 2 --rounds 4000000000 -p uniform --json >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_for "$tmp/err"
    kill -${signal%:*} $pid
    wait $pid
    code=$?
    [ "$code" -eq ${signal#*:} ] || miss "SIG${signal%:*}: exit code $code"
    grep -q "uniform, seed 1" "$tmp/err" || miss "no progress"
    grep -q "crew sim: stopped; policies that were finished: 0" "$tmp/err" || miss "SIG${signal%:*} is not told"
    is stopped true
done

# While nothing is simulated yet there is nothing to wait for: here the other end of a pipe.
mkfifo "$tmp/pipe"
"$CREW" sim --speeds "replay($tmp/pipe)" >"$tmp/out" 2>"$tmp/err" &
pid=$!
sleep 0.5
kill -TERM $pid
sleep 0.5
kill -0 $pid 2>"$tmp/err" && miss "waits for a pipe after SIGTERM"
kill -KILL $pid 2>"$tmp/err"
wait $pid
done_testing
