# Measured times as a start of the next run, and recorded ones as a simulation.
. tests/cli.sh

# noted TEXT: a note on stderr says so
noted() {
    grep -q "^note: .*$1" "$tmp/err" || miss "no note '$1'"
}

# Saved and taken again. Where nothing can be pinned, nothing can be matched.
run train --epochs 2 --workers 2 --save-profile "$tmp/profile" --json
[ "$code" -eq 0 ] && [ -s "$tmp/profile" ] || miss "--save-profile"
bound=$(grep -c '"bound": true' "$tmp/out")
for key in '"crew_profile": 1' '"model": "mlp:64"' '"rows": 16' '"blas": "' '"machine": "' '"mean_s": ' \
    '"variance_s2": '; do
    grep -qF "$key" "$tmp/profile" || miss "no $key in the profile"
done
expect 1 "$tmp/profile: exists already" train -q --epochs 1 --save-profile "$tmp/profile"
expect 2 "is named for two outputs" train -q --save "$tmp/both" --save-profile "$tmp/both"
taken="times of $bound of 2 workers are taken"
[ "$bound" -gt 0 ] || taken="nothing is taken: its workers were bound to no CPU"
expect 0 "$taken" train --epochs 1 --workers 2 --profile "$tmp/profile"
expect 0 "the profile is in $tmp/profile" train --epochs 1 --workers 2 --force --save-profile "$tmp/profile"
if [ "$bound" -eq 2 ]; then
    run train -q --epochs 1 --workers 2 --policy fixed --profile "$tmp/profile"
    [ "$code" -eq 0 ] || miss "fixed does not take its means from the profile"
    run train -q --epochs 1 --workers 2 --profile "$tmp/profile" --profile-strict
    [ "$code" -eq 0 ] || miss "--profile-strict refuses a profile that fits"
fi

# What does not fit is left, and that is no error.
for other in "--model mlp:8|its model is mlp:64, this one mlp:8" \
    "--task-rows 8|its task has 16 rows, this one 8" \
    "--emulate 1:2x|its machine is '.*', this one '.* emulates 1:2x'"; do
    run train --epochs 1 --workers 2 --profile "$tmp/profile" ${other%%|*}
    [ "$code" -eq 0 ] || miss "--profile with ${other%%|*}: exit code $code"
    noted "nothing is taken: ${other#*|}"
    expect 2 "nothing is taken: " train --epochs 1 --workers 2 --profile "$tmp/profile" --profile-strict ${other%%|*}
done
if [ "$bound" -eq 2 ]; then
    run train --epochs 1 --workers 2 --profile "$tmp/profile" --bind none
    noted "nothing is taken: these workers are bound to no CPU"
    run train --epochs 1 --workers 1 --profile "$tmp/profile"
    noted "times of 1 of 1 worker are taken"
fi
run train -q --epochs 1 --executor sim --speeds "2*1s" --profile "$tmp/profile" --json
holds "nothing is taken: its machine is real, this one is simulated"

# What a note quotes is shown and logged without what a terminal obeys, and whatever bytes a file name has.
odd="$tmp/$(printf 'a\377b')"
sed 's/"model": "mlp:64"/"model": "\\u001b[31mred\\nline\\u009b"/' "$tmp/profile" >"$odd"
run train --epochs 1 --profile "$odd" --log "$tmp/odd.log"
noted "a?b: nothing is taken: its model is ?\[31mred?line??, this one mlp:64"
grep -q 'a?b: nothing is taken: its model is ?\[31mred?line??, this one mlp:64"\]' "$tmp/odd.log" ||
    miss "the note is not in the log"
printf '\033[31m' >"$tmp/bad"
expect 3 "near '?'" train -q --profile "$tmp/bad"
echo '{"crew_profile": 1}' >"$tmp/bad"
expect 3 "$tmp/bad: not a profile: " train -q --profile "$tmp/bad"
expect 3 "$tmp/none: No such file" train -q --profile "$tmp/none"

# A simulation: its weights are those of the threads, its seconds those of the speeds. 60 epochs of 6 rounds,
# five of 16 tasks and one of 10, on four workers of 1 s: 4 s a round, and 3 s the last one (with a short task).
run train -q --json --epochs 60
digest=$(value weights_digest)
run train -q --json --epochs 60 --executor sim --speeds "4*1s" --policy uniform
[ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "--executor sim"
[ "$(value weights_digest)" = "$digest" ] || miss "other weights in virtual time"
[ "$(value workers)" = 4 ] && [ "$(value executor)" = sim ] && [ "$(value cpu)" = "$(printf 'null\n%.0s' 1 2 3 4)" ] ||
    miss "the summary of a simulation"
awk -v wall="$(value wall_s)" -v real="$(value real_s)" 'BEGIN {exit !(wall > 60 * 22 && wall <= 60 * 23 && real < 60)}' ||
    miss "$(value wall_s) s of virtual time, $(value real_s) s real"
run train -q --time-limit 100 --executor sim --speeds "4*1s 96*10s" --policy greedy
holds " s of virtual time ("
holds "time limit reached"
holds "worker      tasks"
! grep -q "cpu" "$tmp/out" || miss "virtual workers have CPUs"
run train -q --epochs 1 --executor sim --speeds "1s 100000s 1ns" --policy uniform
[ "$(awk '/^ +[0-9]/ {print length}' "$tmp/out" | sort -u | wc -l)" -eq 1 ] || miss "columns of seconds of any size"
holds "virtual time "
run train --rounds 1 --executor sim --speeds "1s 2s" --batch-tasks 3 --json
grep -q "; mlp:64: 4810 parameters; 2 virtual workers," "$tmp/err" || miss "the workers are not called virtual"
[ "$(value sd_ms)" = "$(printf '0.0\nnull')" ] || miss "the deviation of one task is $(value sd_ms)"
run train -q --epochs 1 --executor sim --speeds "2*1s 98*1000s" --policy fixed
holds "... 98 workers had no task"
run train --epochs 1 --executor sim --speeds "2*1s 1*2s" --save-profile "$tmp/simulated"
grep -q '"machine": null' "$tmp/simulated" || miss "a simulation has a machine"
expect 0 "times of 3 of 3 workers are taken" train --epochs 1 --executor sim --speeds "3*1s" \
    --profile "$tmp/simulated"
expect 0 "nothing is taken: its times are simulated" train --epochs 1 --profile "$tmp/simulated"

expect 2 "executor sim needs speeds" train -q --executor sim
expect 2 "speeds is of the executor sim" train -q --speeds "2*1ms"
expect 2 "executor is 'simm', must be threads or sim" train -q --executor simm
expect 2 "workers is 3, but speeds describes 2" train -q --executor sim --speeds "2*1ms" --workers 3
expect 2 "emulate slows real threads down" train -q --executor sim --speeds "2*1ms" --emulate 0:2x
expect 2 "^" train -q --executor sim --speeds "2*1sm"
expect 2 "executor sim needs speeds" train -q --executor sim --speeds ""
expect 2 "replay-wrap needs a replay(FILE) in speeds" train -q --executor sim --speeds "2*1ms" --replay-wrap

# A recording fed back gives the recorded plans, the short last round of an epoch included.
quotas() {
    sed -n 's/.*"event":"round".*"quota":\(\[[0-9,]*\]\).*/\1/p' "$1"
}
common="-q --epochs 5 --task-rows 7 --batch-tasks 11 --policy ata-empirical:eta=0.25"
run train $common --workers 3 --emulate "0:1x 1:3x 2:1x" --log "$tmp/threads" --log-tasks "$tmp/tasks"
[ "$(sed -n 1p "$tmp/tasks")" = "round,worker,task,kept,seconds,cpu_seconds,work,flags,start_s" ] || miss "head of the tasks"
run train $common --executor sim --speeds "replay($tmp/tasks)" --log "$tmp/sim"
[ "$code" -eq 0 ] || miss "the recording cannot be replayed"
quotas "$tmp/threads" >"$tmp/threads.quota"
quotas "$tmp/sim" >"$tmp/sim.quota"
[ "$(sort -u "$tmp/threads.quota" | wc -l)" -gt 2 ] || miss "the recorded plans hardly change"
cmp "$tmp/threads.quota" "$tmp/sim.quota" || miss "the replay plans otherwise"
grep -q '"executor":"sim","speeds":"replay(' "$tmp/sim" || miss "the log does not say what was simulated"
[ "$(sed -n 's/.*"weights_digest":"\([^"]*\)".*/\1/p' "$tmp/threads")" = \
    "$(sed -n 's/.*"weights_digest":"\([^"]*\)".*/\1/p' "$tmp/sim")" ] || miss "the replay trains otherwise"
# ata, too, whose alpha is what it has seen: the recorded means are known only to a policy that needs them.
run train $common --policy ata --workers 2 --emulate "1:3x" --force --log "$tmp/ata" --log-tasks "$tmp/ata.csv"
run train $common --policy ata --executor sim --speeds "replay($tmp/ata.csv)" --log "$tmp/ata.sim"
quotas "$tmp/ata" >"$tmp/ata.quota"
quotas "$tmp/ata.sim" | cmp - "$tmp/ata.quota" || miss "the replay of ata plans otherwise"
run train -q --rounds 3 --policy fixed --executor sim --speeds "replay($tmp/ata.csv)"
[ "$code" -eq 0 ] || miss "fixed does not take its means from the recording"
expect 3 "has run out after" train $common --epochs 6 --executor sim --speeds "replay($tmp/tasks)"
run train $common --epochs 6 --executor sim --speeds "replay($tmp/tasks)" --replay-wrap
[ "$code" -eq 0 ] || miss "--replay-wrap"

# From the log of the run itself, whose slow core is not simulated; and back to threads.
run train -q --config "$tmp/threads" --executor sim --speeds "replay($tmp/tasks)" --emulate "" --workers 0 \
    --log "$tmp/again"
quotas "$tmp/again" | cmp - "$tmp/threads.quota" || miss "the log does not bring back the run"
run train -q --config "$tmp/sim" --executor threads --speeds ""
[ "$code" -eq 0 ] || miss "a setting of a log cannot be taken back"
done_testing
