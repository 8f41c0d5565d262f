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
expect 0 "times of $bound of 2 workers are taken" train --epochs 1 --workers 2 --profile "$tmp/profile"
expect 0 "the profile is in $tmp/profile" train --epochs 1 --workers 2 --force --save-profile "$tmp/profile"
if [ "$bound" -eq 2 ]; then
    run train -q --epochs 1 --workers 2 --policy fixed --profile "$tmp/profile"
    [ "$code" -eq 0 ] || miss "fixed does not take its means from the profile"
fi

# What does not fit is left, and that is no error.
for other in "--model mlp:8|its model is mlp:64, this one mlp:8" \
    "--task-rows 8|its task has 16 rows, this one 8" \
    "--emulate 1:2x|its machine is .*, this one .* emulates 1:2x"; do
    run train --epochs 1 --workers 2 --profile "$tmp/profile" ${other%%|*}
    [ "$code" -eq 0 ] || miss "--profile with ${other%%|*}: exit code $code"
    noted "nothing is taken: ${other#*|}"
done
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

# A recording fed back gives the recorded plans, the short last round of an epoch included.
quotas() {
    sed -n 's/.*"event":"round".*"quota":\(\[[0-9,]*\]\).*/\1/p' "$1"
}
common="-q --epochs 5 --task-rows 7 --batch-tasks 11 --policy ata-empirical:eta=0.25"
run train $common --workers 3 --emulate "0:1x 1:3x 2:1x" --log "$tmp/threads" --log-tasks "$tmp/tasks"
[ "$(sed -n 1p "$tmp/tasks")" = "round,worker,task,kept,seconds,cpu_seconds,work,flags" ] || miss "head of the tasks"
run train $common --executor sim --speeds "replay($tmp/tasks)" --log "$tmp/sim"
[ "$code" -eq 0 ] || miss "the recording cannot be replayed"
quotas "$tmp/threads" >"$tmp/threads.quota"
quotas "$tmp/sim" >"$tmp/sim.quota"
[ "$(sort -u "$tmp/threads.quota" | wc -l)" -gt 2 ] || miss "the recorded plans hardly change"
cmp "$tmp/threads.quota" "$tmp/sim.quota" || miss "the replay plans otherwise"
grep -q '"executor":"sim","speeds":"replay(' "$tmp/sim" || miss "the log does not say what was simulated"
[ "$(sed -n 's/.*"weights_digest":"\([^"]*\)".*/\1/p' "$tmp/threads")" = \
    "$(sed -n 's/.*"weights_digest":"\([^"]*\)".*/\1/p' "$tmp/sim")" ] || miss "the replay trains otherwise"
expect 3 "has run out after" train $common --epochs 6 --executor sim --speeds "replay($tmp/tasks)"
run train $common --epochs 6 --executor sim --speeds "replay($tmp/tasks)" --replay-wrap
[ "$code" -eq 0 ] || miss "--replay-wrap"
done_testing
