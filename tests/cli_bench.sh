# What crew bench prints and writes; none of its figures is judged.
. tests/cli.sh
export CREW_DATASETS="$PWD/datasets"
short="--quick --seconds 0.005 --triad-mb 1 --size 32 --workers 2"

# The tables.
run bench $short --latency --numa --watch 0.1 -q
[ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "bench: exit code $code"
for text in "machine   " "BLAS      " "sgemm of 32 x 32 matrices, GF/s" \
    "gradient task: mlp:64 on 16 rows of 64 features, ms" "triad a = b + 3 c over 1 MiB a core, GB/s" \
    "gradient tasks a second from a cold start" "verdict for rounds of 16 tasks" \
    "mean   median  slow 25%  slow 5% CPU/wall" "one pass: the errors are not known" \
    "speed-up over" "fixed" "the planned split" "energy    "; do
    holds "$text"
done
[ "$(sed 's/±/+/g' "$tmp/out" | awk 'length > 80' | wc -l)" -eq 0 ] || miss "lines over 80 columns"
slots=$(grep -c ' alone  ' "$tmp/out")
[ "$slots" -ge 3 ] && [ $((slots % 3)) -eq 0 ] || miss "$slots lines of single slots"
slots=$((slots / 3))
[ "$(grep -c ' together  ' "$tmp/out")" -ge $((3 * slots)) ] || miss "too few lines of all together"
[ "$slots" -eq 1 ] || holds "round trip of a cache line"
grep -q "^energy    .*mJ a task\|^energy    unknown: .*" "$tmp/out" || miss "energy: neither a figure nor a reason"

# The same as CSV, a line a slot, as many fields as the head has; and as JSON.
run bench $short --csv -q
[ "$(wc -l <"$tmp/out")" -eq $((slots + 1)) ] || miss "--csv: $(wc -l <"$tmp/out") lines"
[ "$(awk -F, '{print NF}' "$tmp/out" | sort -u | wc -l)" -eq 1 ] || miss "--csv: lines differ in their fields"
for key in cpu kind relative_speed relative_speed_se together_speed planned_tasks parked shared within_noise energy_per_task_j sgemm_alone_gflops task_together_mean_s triad_together_gb_per_s \
    task_together_cpu_s; do
    head -1 "$tmp/out" | grep -q "\(^\|,\)$key\(,\|\$\)" || miss "--csv: no $key"
done
run bench $short --json -q --latency --batch-tasks 7
[ "$code" -eq 0 ] || miss "--json: exit code $code"
if command -v python3 >/dev/null; then
    python3 - "$tmp/out" "$slots" 2>"$tmp/err" <<'EOF' || miss "--json"
import json, sys
b = json.load(open(sys.argv[1]))
n = int(sys.argv[2])
assert set(b) == {"machine", "settings", "slots", "kinds", "rounds", "latency_ns", "numa", "watch", "energy", "notes"}
assert len(b["slots"]) == n and b["machine"]["blas"]["kernel"] and b["machine"]["compiler"]
assert sum(s["planned_tasks"] for s in b["slots"]) == 7
assert max(s["relative_speed"] for s in b["slots"]) == 1 == max(s["together_speed"] for s in b["slots"])
assert (b["energy"]["per_task_j"] is None) == (b["energy"]["reason"] is not None)
if n > 1:
    assert [len(row) for row in b["latency_ns"]] == [n] * n
    assert all(b["latency_ns"][i][i] is None for i in range(n))
assert [r["policy"] for r in b["rounds"]] == ["one core", "uniform", "queue", "fixed"]
assert b["rounds"][3]["round_s"] <= b["rounds"][2]["round_s"] * 1.000001
assert b["settings"]["passes"] == 1 and all(s["relative_speed_se"] is s["together_speed_se"] is None for s in b["slots"])
assert b["watch"] is None and (b["numa"] is None or len(b["numa"]["nodes_of_memory"]) > 1)
for slot in b["slots"]:
    for measure in "sgemm", "task", "triad":
        assert isinstance(slot["shared"], bool) and slot["within_noise"] is None and slot["parked"] == (not slot["planned_tasks"])
        for how in "alone", "together":
            m = slot[measure][how]
            assert len(m["samples_s"]) >= 3 and m["turns"] >= len(m["samples_s"])
            assert m["median_s"] <= m["p75_s"] <= m["p95_s"]
            assert abs(m["wall_s"] / m["turns"] / m["mean_s"] - 1) < 1e-5
EOF
fi

# The split is the one that crew plan makes of the same times; rounds of queue and fixed are as long as in crew sim.
if command -v python3 >/dev/null; then
    python3 - "$tmp/out" "$CREW" 2>"$tmp/err" <<'EOF' || miss "the verdict is not that of crew plan and crew sim"
import json, subprocess, sys
b = json.load(open(sys.argv[1]))
times = [s["task"]["together"]["mean_s"] for s in b["slots"]]
def crew(*args):
    return json.loads(subprocess.run([sys.argv[2], *args, "--json"], capture_output=True, check=True).stdout)
plan = crew("plan", "--batch-tasks", "7", "--times", ",".join("%.9g" % t for t in times))
assert plan["quota"] == [s["planned_tasks"] for s in b["slots"]], plan
sim = crew("sim", "--rounds", "20", "--batch-tasks", "7", "--policy", "queue,fixed",
           "--speeds", " ".join("1*%.9gs" % t for t in times))
for policy, planned in zip(sim["policies"], b["rounds"][2:]):
    assert policy["policy"] == planned["policy"], policy
    assert abs(policy["round_mean_s"] / planned["round_s"] - 1) < 1e-5, policy
EOF
fi

# Without samples it is all of it but them.
run bench $short --json --no-samples -q
[ "$code" -eq 0 ] && ! grep -q samples_s "$tmp/out" || miss "--no-samples: exit code $code"
[ "$(wc -c <"$tmp/out")" -lt 20000 ] || miss "--no-samples: $(wc -c <"$tmp/out") bytes"
holds '"turns_a_sample": '
# What is measured is shown, or refused before.
for option in --latency --numa "--watch 1"; do
    expect 2 "--csv has one line a slot: ${option% 1} is shown in tables and --json" bench --csv $option
done
expect 2 "--no-samples needs --json" bench --no-samples

# Progress comes to its end, and what takes far longer than was asked for is told before.
run bench $short --seconds 0.3 --csv # long enough for some to be told
[ "$(grep "^ *[0-9]*%" "$tmp/err" | tail -1)" = "100%  all is measured" ] || miss "progress does not end"
! grep -q "note: warning" "$tmp/err" || miss "a warning is called a note"
run bench $short --seconds 0.001 --size 600 --json --no-samples # 8 600^3 operations take 9 ms at 200 GF/s
grep -q "^note: four products of size 600 take 0.0086 s and more" "$tmp/err" || miss "a long product is not told"

# One core: what needs two is not measured, and that is said. NUMA on request.
run bench $short --workers 1 --latency --numa --json -q
[ "$code" -eq 0 ] || miss "--workers 1: exit code $code"
holds '"latency_ns": null'
holds "one slot: there is no latency from core to core"
grep -q '"numa": {"nodes_of_cores"' "$tmp/out" || holds "this machine names no NUMA node that can be measured"

# The profile is taken by training of the same task, and no file is replaced unasked.
run bench $short --save-profile "$tmp/profile" --task-rows 8 --model softmax
grep -qF "the profile is in $tmp/profile" "$tmp/err" || miss "--save-profile is not told"
bound=$(grep -c '"cpu": [0-9]' "$tmp/profile")
expect 0 "times of $bound of $(grep -c '"cpu"' "$tmp/profile") workers are taken" train --cores auto --epochs 1 \
    --workers "$slots" --task-rows 8 --model softmax --profile "$tmp/profile"
[ "$bound" -ne "$slots" ] || {
    run train -q --epochs 1 --workers "$slots" --task-rows 8 --model softmax --policy fixed --profile "$tmp/profile"
    [ "$code" -eq 0 ] || miss "fixed does not take its means from the profile"
}
expect 0 "nothing is taken: its task has 8 rows, this one 16" train --epochs 1 --model softmax --profile "$tmp/profile"
expect 1 "$tmp/profile: exists already" bench $short --save-profile "$tmp/profile"
run bench $short -q --save-profile "$tmp/profile" --force
[ "$code" -eq 0 ] && grep -q '"model": "mlp:64"' "$tmp/profile" || miss "--force"

# A forced kernel is warned of.
OPENBLAS_CORETYPE=Haswell "$CREW" bench $short -q >"$tmp/out" 2>"$tmp/err"
holds "OPENBLAS_CORETYPE is set"

expect 2 "--json and --csv exclude each other" bench --json --csv
expect 2 "--watch is 0.01, must be 0.02..86400" bench --watch 0.01
expect 2 "--size is 0, must be 1..8192" bench --size 0
expect 2 "--seconds is 0, must be" bench --seconds 0
expect 2 "did you mean 'mlp'?" bench $short --model mpl
expect 2 "must be prefer, strict or none" bench $short --bind tape
HWLOC_SYNTHETIC="core:4 pu:1" "$CREW" bench $short >"$tmp/out" 2>"$tmp/err"
[ $? -eq 2 ] && grep -q "only the real one can be measured" "$tmp/err" || miss "a described machine is measured"
expect 3 "/none/rows.csv" bench $short --data /none/rows.csv
expect 1 "cannot be written" bench $short --save-profile /none/profile
[ "$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)" -ge 60 ] ||
    expect 7 "MB are free" bench $short --triad-mb 65536
"$CREW" bench $short -q >/dev/full 2>"$tmp/err"
[ $? -eq 1 ] && grep -q "cannot be written" "$tmp/err" || miss "bench >/dev/full"

# A signal ends it without results, which is no success; a second one at once.
[ -n "$heed" ] || echo "skip: SIGINT: this env has no --default-signal, and shells let background jobs ignore it"
stop_in() {
    phase=$1 signal=$2 want=$3
    shift 3
    : >"$tmp/err"
    $heed "$CREW" bench --triad-mb 1 --save-profile "$tmp/none" "$@" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    wait_for "$tmp/err"
    grep -q "$phase" "$tmp/err" || miss "does not begin with $phase"
    kill -$signal $pid
    wait $pid
    code=$?
    [ "$code" -eq "$want" ] && [ ! -s "$tmp/out" ] && [ ! -e "$tmp/none" ] || miss "SIG$signal: exit code $code"
    grep -q "crew bench: stopped; nothing is printed, and no profile is written" "$tmp/err" ||
        miss "SIG$signal is not told"
}
[ -z "$heed" ] || stop_in "sgemm, each alone" INT 130 --seconds 3000
stop_in "gradient task over time" TERM 143 --watch 3000
: >"$tmp/err"
"$CREW" bench --size 4096 --triad-mb 1 --workers 1 >"$tmp/out" 2>"$tmp/err" & # one product takes seconds
pid=$!
wait_for "$tmp/err"
sleep 0.2
kill -HUP $pid
sleep 0.3
kill -TERM $pid
wait $pid
code=$?
[ "$code" -eq 143 ] || miss "a second signal: exit code $code"
done_testing
