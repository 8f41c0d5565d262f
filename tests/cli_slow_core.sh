#!/bin/sh
# A core that is really slow: a quota of 25 % on CPU 1. The learned split gives it few tasks, the weights stay the same.
set -eu
slow=${CREW_SLOW_CPU:-../shared/machines/slow-cpu.sh}
[ -x "$slow" ] || { echo "skip: $slow is not here"; exit 77; }
[ -w /sys/fs/cgroup/cpu/tasks ] || { echo "skip: no writable cgroup v1 cpu controller"; exit 77; }
[ "$(nproc)" -ge 2 ] || { echo "skip: one CPU only"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
run() {
    "$@" "$CREW" train --data synth:4096x256x10 --model mlp:256,128 --workers 2 --batch-tasks 16 --task-rows 64 \
        --rounds 400 --seed 3 --bind strict --quiet --json --force --log "$dir/log.jsonl" >"$dir/out.json"
}
digest() { sed -n 's/.*"weights_digest": "\(.*\)".*/\1/p' "$dir/out.json"; }
run env
free=$(digest)
run "$slow" 1=25 --
[ "$(digest)" = "$free" ] || { echo "the weights differ: $(digest), free $free"; exit 1; }
# Mean quota of worker 1 over the last 200 rounds: 16 x 0.25 / 1.25 = 3.2 when it was learned, 8 when it was not.
mean=$(sed -n 's/.*"event":"round".*"quota":\[[0-9]*,\([0-9]*\)\].*/\1/p' "$dir/log.jsonl" | tail -n 200 |
    awk '{ sum += $1 } END { print sum / NR }')
echo "mean quota of the slow core: $mean of 16"
awk -v m="$mean" 'BEGIN { exit !(m > 0 && m < 6) }'
