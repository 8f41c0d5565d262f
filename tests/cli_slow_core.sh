#!/bin/sh
# A core that is really slow: a quota of 25 % on CPU 1. crew bench counts the time that it was not given; the learned
# split gives it few tasks, and the weights stay the same.
set -eu
slow=${CREW_SLOW_CPU:-../shared/machines/slow-cpu.sh}
kinds=${CREW_FAKE_KINDS:-../shared/machines/fake-kinds.sh}
for script in "$slow" "$kinds"; do
    [ -x "$script" ] || { echo "skip: $script is not here"; exit 77; }
done
[ -w /sys/fs/cgroup/cpu/tasks ] || { echo "skip: no writable cgroup v1 cpu controller"; exit 77; }
[ "$(nproc)" -ge 2 ] || { echo "skip: one CPU only"; exit 77; }
command -v python3 >/dev/null || { echo "skip: no python3"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$kinds" 0=1024,1=446 -- "$slow" 1=25 -- "$CREW" bench --data synth:4096x64x10 --seconds 0.5 --triad-mb 8 --size 64 \
    --bind strict --workers 2 --quiet --json >"$dir/bench.json"
python3 - "$dir/bench.json" >"$dir/share" <<'EOF'
import json, sys
b = json.load(open(sys.argv[1]))
assert sorted(k["kind"] for k in b["kinds"]) == ["capacity 1024", "capacity 446"]
assert b["settings"]["passes"] == 2
fast, slow = sorted(b["slots"], key=lambda s: s["cpu"])
share = lambda m: m["cpu_s"] / m["wall_s"]
# Other programs can only take more from it. The quota is paid out by the millisecond: some room.
for measure in "sgemm", "task", "triad":
    for how in "alone", "together":
        m = slow[measure][how]
        assert 0 < share(m) < 0.35, (measure, how, share(m))
        assert abs(m["wall_s"] / m["turns"] / m["mean_s"] - 1) < 1e-5
        assert len(m["samples_s"]) * m["turns_a_sample"] >= m["turns"]
task = slow["task"]["together"]
assert task["mean_s"] > 2 * task["cpu_s"] / task["turns"]
print(share(fast["task"]["together"]))
EOF
echo "CPU 0 was had for $(cat "$dir/share") of the time"

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
awk -v share="$(cat "$dir/share")" 'BEGIN { exit !(share < 0.9) }' && {
    echo "skip: the split: other programs hold CPU 0, so it is no fast core now"
    exit 0
}
awk -v m="$mean" 'BEGIN { exit !(m > 0 && m < 6) }'
