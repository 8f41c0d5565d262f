# crew train --timeline, and crew report: the page, its numbers, bad input, no gnuplot, and how it looks.
. tests/cli.sh
command -v python3 >/dev/null || { echo "skip: python3 is not installed, nothing could be checked"; exit 77; }
train="train --data digits --model softmax -q"

# spans FILE KEY=VALUE...: what a timeline must hold
spans() {
    python3 - "$@" 2>"$tmp/err" <<'PY' || miss "timeline $*"
import json, sys
t = json.load(open(sys.argv[1]))
e = t["traceEvents"]
tasks = [x for x in e if x["ph"] == "X" and x["cat"] == "task"]
rounds = [x for x in e if x["ph"] == "X" and x["name"] == "plan and wait"]
last = {}
for x in sorted(tasks, key=lambda x: x["ts"]):  # a worker does one task at a time
    assert x["ts"] >= last.get(x["tid"], 0) - 0.0001, x  # what sums of such numbers are off
    last[x["tid"]] = x["ts"] + x["dur"]
inside = {x["args"]["round"]: x for x in rounds}
for x in tasks:  # within its round, and never on the coordinator's row
    r = inside[x["args"]["round"]]
    assert x["tid"] > 0 and x["dur"] > 0 and x["ts"] >= r["ts"], x
have = {"tasks": len(tasks), "rounds": len(rounds), "first": rounds[0]["args"]["round"] if rounds else 0,
        "dropped": sum(x["name"] == "dropped task" for x in tasks),
        "quotas": sum(x["name"] == "quota" for x in e),
        "rows": sum(x["name"] == "thread_name" for x in e), "end": max([x["ts"] + x["dur"] for x in tasks] or [0])}
for want in sys.argv[2:]:
    key, value = want.split("=")
    assert (have[key] > 0 if value == "some" else have[key] == float(value)), (want, have)
PY
}

# 90 tasks an epoch in rounds of 16; the timeline has each of them, as has the file of tasks.
run $train --epochs 4 -p ata-empirical --val-fraction 0.2 --log "$tmp/ata.jsonl" --log-tasks "$tmp/ata.tasks.csv" \
    --timeline "$tmp/ata.timeline.json"
[ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "--timeline: exit code $code"
rounds=$(grep -c '"event":"round"' "$tmp/ata.jsonl")
tasks=$(($(wc -l <"$tmp/ata.tasks.csv") - 1))
spans "$tmp/ata.timeline.json" tasks=$tasks rounds=$rounds first=1 quotas=some dropped=0
spans "$tmp/ata.timeline.json" rows=$(($(tail -1 "$tmp/ata.jsonl" >/dev/null; sed -n 2p "$tmp/ata.jsonl" |
    sed 's/.*"done":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | wc -l) + 1))

# In virtual time: two workers, four tasks of 1 and 2 s; nobody waits, the last task ends when the run does.
run $train --executor sim --speeds "1 2" -B 3 --rounds 50 -p fixed --times 1,2 --timeline "$tmp/sim.json" \
    --timeline-rounds 10 --log "$tmp/sim.jsonl"
spans "$tmp/sim.json" tasks=30 rounds=10 first=41 rows=3 quotas=1 end=100e6
run $train --executor sim --speeds "1 2.5" -B 3 --rounds 5 -p greedy --timeline "$tmp/greedy.json" \
    --log "$tmp/greedy.jsonl"
spans "$tmp/greedy.json" dropped=some rounds=5

# A run that fails has one; one that is interrupted, too.
awk 'BEGIN {for (i = 0; i < 200; i++) print (i % 2 ? "3e38,-3e38,a" : "-3e38,3e38,b")}' >"$tmp/huge.csv"
run train -q --data "$tmp/huge.csv" --scale none --model softmax --timeline "$tmp/bad.json"
[ "$code" -eq 6 ] || miss "a loss that is not finite: exit code $code"
spans "$tmp/bad.json" rows=some
if [ "${MODE:-}" = tsan ]; then
    echo "skip: signals: the thread sanitizer holds them back while the command sleeps"
else
    "$CREW" $train --time-limit 60 --log "$tmp/long.jsonl" --timeline "$tmp/long.json" >"$tmp/out" \
        2>"$tmp/err" &
    pid=$!
    wait_for "$tmp/long.jsonl"
    sleep 0.3
    kill -TERM $pid
    wait $pid
    spans "$tmp/long.json" rounds=some tasks=some
fi
expect 1 "$tmp/sim.json: exists already" $train --rounds 1 --timeline "$tmp/sim.json"
expect 1 "cannot be written" $train --rounds 1 --timeline /none/timeline.json
expect 2 "named for two outputs" $train --rounds 1 --timeline "$tmp/x" --log "$tmp/x"
expect 2 "--timeline-rounds needs --timeline" $train --rounds 1 --timeline-rounds 5
expect 2 "--timeline-rounds is 0" $train --rounds 1 --timeline "$tmp/x" --timeline-rounds 0

# ---- The report ----

# A log that is cut, with foreign lines; file names and texts that are markup; a benchmark.
hostile="$tmp/<b>&\"'\`id\`.jsonl"
{
    echo "numactl: <script>alert(1)</script>"
    head -12 "$tmp/ata.jsonl" | sed 's/"notes":\[/"notes":["<img src=http:\/\/example.org onerror=x>",/'
    sed -n 13p "$tmp/ata.jsonl" | cut -c1-40
} | sed 's/,\]/]/' >"$hostile"
cat >"$tmp/bench.json" <<'JSON'
{
  "machine": {"cpu_model": "<b>Model</b>", "blas": {"flavour": "pthread"}},
  "slots": [{"slot": 0, "kind": "big", "relative_speed": 1}, {"slot": 1, "kind": null, "relative_speed": 0.45}],
  "latency_ns": [[null, 51.5], [49, null]], "notes": ["<i>a note</i>", "warning: <i>"],
  "watch": {"bucket_s": 0.5, "tasks": [[1, 2], [3, null], ["x", -1], [1e300, 4]]},
  "numa": {"nodes_of_cores": [0], "nodes_of_memory": [0, 7], "triad_gb_per_s": [[31.25, 12.5]], "load_ns": [[90, null]]}
}
JSON
cat >"$tmp/comparison.json" <<'JSON'
{"against": "uniform", "same_weights": true, "policies": [
  {"policy": "uniform", "train_s": [4, 2, 3], "worker_s": [6, 6, 7], "curve": [[0, 0, 2.5], [3, 6, 0.25]]},
  {"policy": "greedy", "train_s": [1], "drops": true, "reached": [false], "ratio_train": {"median": null}},
  {"policy": "queue", "train_s": [1, null, 3], "ratio_train": {"median": 0.7, "low": 0.6, "high": 1.1,
   "within_noise": true}, "curve": {"seconds": [0, 2], "worker_seconds": [0, 4], "loss": [2.5, 0.25]}}, 7]}
JSON
mkdir "$tmp/out.d"
page="$tmp/out.d/report.html"

# Without gnuplot: one sentence, and the numbers all the same.
env PATH="$tmp/none" "$CREW" report "$tmp/ata.jsonl" "$tmp/bench.json" -o "$page" >"$tmp/out" 2>"$tmp/err"
code=$?
[ "$code" -eq 1 ] && grep -q "gnuplot-nox" "$tmp/err" || miss "without gnuplot: exit code $code"
[ "$(wc -l <"$tmp/err")" -eq 1 ] || miss "without gnuplot: more than a sentence"
[ ! -e "$page" ] || miss "without gnuplot: a page"
for name in loss quota times last latency watch; do
    [ "$(wc -l <"$tmp/out.d/report-$name.csv")" -gt 1 ] || miss "report-$name.csv"
done

# The sums of the CSV files are those of the log.
python3 - "$tmp/ata.jsonl" "$tmp/out.d/report" 2>"$tmp/err" <<'PY' || miss "the CSV files are not the log"
import csv, json, sys
rounds = [e for e in map(json.loads, open(sys.argv[1])) if e["event"] == "round"]
table = lambda name: list(csv.DictReader(open(f"{sys.argv[2]}-{name}.csv")))
for w in range(len(rounds[0]["done"])):
    rows = [r for r in table("quota") if int(r["worker"]) == w]
    for key in "done", "quota":
        want, have = sum(e[key][w] for e in rounds), sum(float(r[key]) * int(r["rounds"]) for r in rows)
        assert abs(want - have) < 1e-6, (w, key, want, have)
loss = table("loss")
assert len(loss) == len(rounds)
assert abs(float(loss[-1]["worker_s"]) - sum(e["worker_s"] for e in rounds)) < 1e-6
assert abs(float(loss[-1]["seconds"]) - rounds[-1]["elapsed_s"]) < 1e-6
PY

expect 1 "exists already" report "$tmp/ata.jsonl" -o "$page"
expect 2 "FILE... is missing" report
expect 3 "$tmp/absent: No such file" report "$tmp/absent" -o "$tmp/x.html"
echo "no log" >"$tmp/text"
expect 3 "none of the 3 files is usable" report "$tmp/absent" "$tmp/text" "$tmp/text" -o "$tmp/x.html"
grep -qF "$tmp/text: nothing usable in its 1 line:" "$tmp/err" || miss "why a file is skipped"
expect 1 "cannot be written" report "$tmp/ata.jsonl" -o /none/report.html
expect 2 "--output is a file" report "$tmp/ata.jsonl" -o -
[ ! -e ./- ] && [ ! -e ./--loss.csv ] || miss "files called -"
# 2 tasks in half a second; what is no number of tasks is left out
[ "$(sed -n '3p;$p' "$tmp/out.d/report-watch.csv" | cut -d, -f2- | tr '\n' ' ')" = "1,0,0.5,4 1,1.5,0.5,8 " ] &&
    [ "$(wc -l <"$tmp/out.d/report-watch.csv")" -eq 5 ] || miss "report-watch.csv"
run train -q --epochs 1 --save-profile "$tmp/profile.json"
expect 3 "$tmp/profile.json: a profile of task times, for crew train --profile" report "$tmp/profile.json" -o "$tmp/x.html"
[ "$(echo "$tmp"/x*)" = "$tmp/x*" ] || miss "a report that fails left $(echo "$tmp"/x*)"

if ! command -v gnuplot >/dev/null; then
    echo "skip: the page: gnuplot is not installed (Debian package gnuplot-nox)"
    done_testing
fi
run report "$tmp/ata.jsonl" "$tmp/ata.timeline.json" "$tmp/absent" "$tmp/sim.jsonl" "$hostile" "$tmp/bench.json" \
    "$tmp/text" "$tmp/comparison.json" "$tmp/ata.jsonl" -o "$page" --force
[ "$code" -eq 0 ] && [ ! -s "$tmp/out" ] || miss "report: exit code $code"
grep -qF "2 of 14 lines skipped" "$tmp/err" || miss "skipped lines are not told"
[ "$(grep -c '^crew report: .*; skipped$' "$tmp/err")" -eq 2 ] || miss "skipped files are not told"
# Loss twice; quotas and times of three runs, tasks of one; latency, watch.
python3 tests/report_page.py "$page" 11 19 2>"$tmp/err" || miss "the page"
for words in "Quotas over the rounds" "The last 10 rounds" "the log has no end" "0.700 (0.600–1.100), noise" \
    "&lt;b&gt;Model&lt;/b&gt;" "onerror=x&gt;" "dropped nothing are the same, bit for bit" "comparison: queue" \
    "greedy dropped late results" "greedy *" "absent: No such file" "The least is 49, from 1 to 0" "All together 6 in the first stretch, 8 in the last" "memory of node 7" "31.2" \
    "Warning: &lt;i&gt;" "<b>not reached</b>"; do
    grep -qF -e "$words" "$page" || miss "no '$words' in the page"
done
[ "$(grep -c '<td class="text">ata</td>' "$page")" -eq 1 ] || miss "a file named twice"
# What an earlier report left is replaced, also by nothing.
[ "$(wc -l <"$tmp/out.d/report-latency.csv")" -eq 3 ] || miss "report-latency.csv"
run report "$tmp/sim.jsonl" -o "$tmp/out.d/report.html" -q -f
[ "$(cat "$tmp/out.d/report-latency.csv")" = "file,from,to,ns" ] || miss "the latencies of an earlier report"

# All that is not a log in one page: no script, no tag of theirs, no plot without marks.
python3 - "$tmp" 2>"$tmp/err" <<'PY' || miss "hostile files"
import json, os, sys
os.makedirs(sys.argv[1] + "/h")
os.chdir(sys.argv[1] + "/h")
def r(i, **k):
    e = {"event": "round", "round": i, "loss": 2 / i, "seconds": 1, "wait_s": .9, "elapsed_s": i, "worker_s": 1.5,
         "quota": [3, 1], "done": [3, 1], "mean_ms": [100, 200]}
    return json.dumps({**e, **k}) + "\n"
files = {
    "huge": r(1, seconds=1e308) + r(2, loss=1e308) + r(3, quota=[1e300, 1], mean_ms=[1e300, 1e-300]),
    "tiny": r(1, seconds=1e-300, elapsed_s=1e-300, worker_s=1e-300, loss=1e-300) + r(2, elapsed_s=2e-300),
    "back": r(2) + r(1, elapsed_s=-5) + r(1, elapsed_s=1),
    "nan": r(1).replace("2.0", "NaN") + r(2).replace("0.9", "Infinity") + r(3),
    "one round": r(1),
    "one worker": r(1, quota=[4], done=[4], mean_ms=[1]) + r(2, quota=[4], done=[4], mean_ms=[1]),
    "500 workers": "".join(r(i, quota=[1] * 500, done=[2] * 500, mean_ms=list(range(1, 501))) for i in range(1, 9)),
    "types": r(1, quota={"a": 1}, done="x", mean_ms=[None, "x", {}]) + '{"event": 5}\n{"event": "end", "error": 5}\n'
             '{"event": "start", "config": 5, "machine": [1], "notes": {"a": 1}}\n' + r(2, round=[3]),
    "deep": r(1) + "[" * 100000 + "\n" + '{"a":' * 100000 + "\n",
    "<script>alert(1)<": '{"event": "start", "config": {"policy": "<script>%s%n", "model": "&amp;\\"\'"}, "machine": '
                         '{"<b>": "<i>"}, "notes": ["</p><script>x"]}\n' + r(1) + r(2),
    "new\nline": r(1), "a&b%c\"d'e`f": r(1), "\x1b[31m": r(1), "\udcff\udcfe": r(1),
}
for name, text in files.items():
    open(name + ".jsonl", "w", errors="surrogateescape").write(text)
open("binary.jsonl", "wb").write(r(1).encode() + bytes(range(256)) * 400 + b"\n" + r(2).encode())
json.dump({"slots": 5, "latency_ns": ["x", {"a": [1]}, [1, 2, 3, 4, 5], [1e308, -1]], "machine": [1]}, open("b.json", "w"))
json.dump({"policies": [1, None, [], {"policy": 5}, {"policy": "<script>", "train_s": [1e308, 1e308], "ratio_train": 7,
           "curve": {"seconds": [1e300, 1, -1, 2], "worker_seconds": [1, 2, 3, 4], "loss": [1, 1e308, 3, 4]}}]},
          open("c.json", "w"))
open("t.csv", "w").write("round,worker,kept,seconds,start_s\n1,0,1,1e308,1e308\n1,4294967290,1,1,1\n2,0,1,1e-300,0\n"
                         "18446744073709551615,1,1,0.5,1\n")
PY
run report "$tmp"/h/* -o "$tmp/hostile.html"
[ "$code" -eq 0 ] || miss "hostile files: exit code $code"
plots=$(grep -c '<svg ' "$tmp/hostile.html")
[ "$plots" -gt 30 ] || miss "hostile files: $plots plots"
python3 tests/report_page.py "$tmp/hostile.html" "$plots" "$(grep -c '<table' "$tmp/hostile.html")" 2>"$tmp/err" ||
    miss "the page of hostile files"

run report "$tmp/h/one round.jsonl" -o "$tmp/one.html" -q
python3 tests/report_page.py "$tmp/one.html" 4 2 2>"$tmp/err" || miss "the page of one round"
run report "$tmp/greedy.json" -o "$tmp/alone.html" -q
[ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "a timeline alone: exit code $code"
python3 tests/report_page.py "$tmp/alone.html" 2 2 2>"$tmp/err" || miss "the page of a timeline alone"

# Looked at: a picture with colours in it, and nothing the browser complains about.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || browser=
if [ -z "$browser" ]; then
    echo "skip: looking at the page: chromium is not installed"
    done_testing
fi
for scheme in light dark; do
    [ $scheme = light ] && width=390 prefer=1 || width=1100 prefer=0
    HOME=$tmp timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --user-data-dir="$tmp/browser" --hide-scrollbars --enable-logging=stderr --window-size=$width,3000 \
        --blink-settings=preferredColorScheme=$prefer --screenshot="$tmp/$width.png" "file://$page" >"$tmp/console" 2>&1
    python3 - "$tmp/$width.png" $width $scheme 2>"$tmp/err" <<'PY' || miss "the $scheme picture of $width pixels"
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
width, height = struct.unpack(">II", data[16:24])
assert data[:4] == b"\x89PNG" and width == int(sys.argv[2]) and height == 3000, (width, height)
at, pixels = 8, b""
while at < len(data):
    n, = struct.unpack(">I", data[at:at + 4])
    pixels += data[at + 8:at + 8 + n] if data[at + 4:at + 8] == b"IDAT" else b""
    at += n + 12
pixels = zlib.decompress(pixels)
assert len(set(pixels)) > 100  # not one colour
assert (pixels[1] > 127) == (sys.argv[3] == "light"), pixels[:4]  # of the first pixel, whatever the filter
PY
    ! grep CONSOLE "$tmp/console" || miss "the browser complains"
done

# On a small screen no table needs scrolling sideways, the ratios are at its left, and what was measured is all there.
export CREW_DATASETS="$PWD/datasets"
run compare -q -e 3 -n 2 --executor sim --speeds "2*1ms 2*exp(1ms,2ms)" --target-loss 1.2 --save "$tmp/four.json"
run bench --quick --seconds 0.005 --triad-mb 1 --size 32 --json -q --watch 0.1 --numa --no-samples
cp "$tmp/out" "$tmp/bench.json"
run report "$tmp/four.json" "$tmp/bench.json" -o "$tmp/small.html" -q
[ "$code" -eq 0 ] || miss "report of a comparison and a bench: exit code $code"
for words in '<th scope="col">policy</th><th scope="col">time ratio</th>' "Tasks over time" "verdict</th>" \
    "Triad of all cores of a NUMA node"; do
    grep -qF -e "$words" "$tmp/small.html" || miss "no '$words' in the page"
done
sed 's|</body>|<script>document.title = "wide: " + [...document.querySelectorAll(".scroll")].filter(e => \
e.scrollWidth > e.clientWidth + 1).length</script></body>|' "$tmp/small.html" >"$tmp/measured.html"
HOME=$tmp timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --dump-dom \
    --user-data-dir="$tmp/browser" --window-size=1100,3000 "file://$tmp/measured.html" >"$tmp/dom" 2>"$tmp/console"
grep -q "<title>wide: 0</title>" "$tmp/dom" || miss "at 1100 pixels: $(grep -o '<title>[^<]*' "$tmp/dom")"
done_testing
