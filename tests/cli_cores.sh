# The listing of cores, on described machines where every number is known.
. tests/cli.sh
# Without the BLAS, which differs.
listing() {
    run cores "$@"
    [ "$code" -eq 0 ] || miss "crew cores $*: exit code $code"
    sed -i '/^BLAS/,/^ /d; /forces the BLAS/d' "$tmp/out"
}
as_in() {
    [ "${GOLDEN:-}" = write ] && cp "$tmp/out" "tests/golden/$1"
    diff -u "tests/golden/$1" "$tmp/out" || miss "not as in tests/golden/$1"
}
# slots N: so many lines in the table of slots
slots() {
    [ "$(sed '1,/^slot/d' "$tmp/out" | grep -c '^ *[0-9]')" -eq "$1" ] || miss "not $1 lines of slots"
}
# json EXPRESSION: of the object `o` on stdout
json() {
    python3 -c "import json, sys; o = json.load(sys.stdin); m = o['machine']
assert $1" <"$tmp/out" || miss "not so: $1"
}
export HWLOC_SYNTHETIC="pack:2 l3:1(size=8388608) core:4 l1d:1(size=32768) pu:2"
listing
as_in cores
grep -q "no worker can be pinned" "$tmp/out" || miss "a described machine is not told"
listing --smt
slots 16
listing --workers 3
slots 3
holds "not-asked         10" # second threads of cores without a slot too
listing --workers 9
holds "9 workers would share 8 cores"
listing --cores 4-7
slots 4
expect 2 "CPU 99" cores --cores 99
expect 2 "workers is 5000" cores --workers 5000
run cores --json
for key in machine this_system cores usable_cores quota_cores packages nodes kinds caches slots notes blas flavour kernel; do
    holds "\"$key\":"
done
[ "$(value usable_cores | head -n 1)" = 8 ] || miss "cores --json: usable_cores is $(value usable_cores)"
json 'm["cores"] == 8 and len(o["cores"]) == 8 and m["threads"] == 16 and m["kernel"] is None'
json '[c["threads"][0]["slot"] for c in o["cores"]] == list(range(8))'
json '{c["threads"][1]["state"] for c in o["cores"]} == {"smt-sibling"}'
json '[(c["level"], c["bytes"], c["shared_by_threads"], c["count"]) for c in o["caches"]] == [(1, 32768, 2, 8), (3, 8388608, 8, 2)]'

# Many slots: one line for a run of equals; lists of CPUs are cut where they do not fit
export HWLOC_SYNTHETIC="pack:2 core:100 pu:2"
listing
slots 2
holds "100-199          1     0  200-398:2"

# Pages are 100 columns wide, a terminal as wide as it says; a list does not fill the screen
export HWLOC_SYNTHETIC="pack:2 core:100 pu:4"
longest() {
    [ "$(tr -d '\r' <"$tmp/out" | sed -n '/^use/,/^slots/p' | wc -L)" -$1 "$2" ] || miss "no line -$1 $2 columns"
}
listing
longest le 100
longest gt 90
[ "$(grep -c '^  *[0-9,-]*,$' "$tmp/out")" -eq 7 ] || miss "not seven more lines of siblings"
holds "... and "
json_cpus=$("$CREW" cores --json 2>"$tmp/err" | grep -c '"state": "smt-sibling"')
[ "$json_cpus" -eq 600 ] || miss "$json_cpus siblings in --json"
if command -v script >"$tmp/null" && script -qec true "$tmp/null" >"$tmp/null" 2>&1; then
    for width in 60 150; do
        script -qec "stty cols $width; '$CREW' cores" "$tmp/null" >"$tmp/out" </dev/null
        longest le $width
        longest gt $((width - 12))
    done
else
    echo "skip: no script(1), the width of a terminal is not looked at"
fi
unset HWLOC_SYNTHETIC
export HWLOC_XMLFILE=tests/topologies/strange.xml
listing
holds "machine  Xeon(R) CPU é E5345"
holds "4294967295 MHz          1         -         - 4294967295      1/1" # too wide, but apart
run cores --json
json '[k["name"] for k in o["kinds"]][0] == "gr????er" and [k["core_type"] for k in o["kinds"]][0] == "größer"'
json 'all(s["package"] is None for s in o["slots"]) and all(c["package"] is None for c in o["cores"])'
export HWLOC_XMLFILE=tests/topologies/odd.xml
listing
as_in cores_odd
run cores --json
json '[k["name"] for k in o["kinds"]] == ["E #0", "E #1", "P", "1500 MHz"]'
json 'o["kinds"][3]["usable_threads"] == 0 and o["kinds"][0]["info"]["FrequencyMaxMHz"] == "1000"'
json 'm["packages"] == 1 and len(o["packages"]) == 2 and [n["node"] for n in o["nodes"]] == [9, 0, 4]'
json 'o["cores"][-1]["core"] is None and o["cores"][-1]["threads"][0]["state"] == "offline"'
unset HWLOC_XMLFILE

# This machine: its kernel, and what its mask and quota leave
run cores
[ "$code" -eq 0 ] && holds "flavour" || miss "cores of this machine"
holds "$(uname -r)"
env OPENBLAS_CORETYPE=Haswell "$CREW" cores >"$tmp/out" 2>"$tmp/err" || miss "with a forced kernel"
holds "warning: OPENBLAS_CORETYPE in the environment forces the BLAS kernel"
run cores --json --cores all
cpus=$(python3 -c 'import json, sys; print(*(s["cpu"] for s in json.load(sys.stdin)["slots"]))' <"$tmp/out")
first=${cpus%% *}
if [ "$first" = "$cpus" ]; then
    echo "skip: one core only, masks and quotas are not looked at"
    done_testing
fi
taskset -c "$first" "$CREW" cores --json >"$tmp/out" 2>"$tmp/err"
json "{t['state'] for c in o['cores'] for t in c['threads'] if t['cpu'] != $first} <= {'affinity', 'cpuset', 'offline'}"
group=/sys/fs/cgroup/cpu/crew-cores-$$
if [ -w /sys/fs/cgroup/cpu/tasks ] && mkdir "$group"; then
    echo 100000 >"$group/cpu.cfs_period_us" && echo 100000 >"$group/cpu.cfs_quota_us"
    sh -c 'echo $$ >"$0/tasks" && exec "$1" cores --json' "$group" "$CREW" >"$tmp/out" 2>"$tmp/err"
    json 'm["quota_cores"] == 1.0 and len(o["slots"]) == 1'
    json '{t["state"] for c in o["cores"][:m["cores"]] for t in c["threads"] if t["usable"] and t["slot"] is None} <= {"quota", "smt-sibling"}'
    json 'any(t["state"] == "quota" for c in o["cores"] for t in c["threads"])'
    # Half a CPU: one worker, and even that one is throttled
    echo 50000 >"$group/cpu.cfs_quota_us"
    for named in "" "--cores=$first"; do
        sh -c 'echo $$ >"$0/tasks" && exec "$@"' "$group" "$CREW" cores $named >"$tmp/out" 2>"$tmp/err"
        holds ", CPU quota 0.5 cores"
        holds "pays for 0.5 cores, so 1 worker will be throttled"
        slots 1
    done
    rmdir "$group"
else
    echo "skip: no writable cgroup v1 cpu controller, the quota is not looked at"
fi
group=/sys/fs/cgroup/cpuset/crew-cores-$$
if [ -w /sys/fs/cgroup/cpuset/tasks ] && mkdir "$group"; then
    echo "$first" >"$group/cpuset.cpus" && cat /sys/fs/cgroup/cpuset/cpuset.mems >"$group/cpuset.mems"
    inside() {
        sh -c 'echo $$ >"$0/tasks" && exec "$@"' "$group" "$CREW" cores "$@" >"$tmp/out" 2>"$tmp/err"
        code=$?
    }
    inside --json
    json "{t['state'] for c in o['cores'] for t in c['threads'] if t['cpu'] != $first} <= {'cpuset', 'offline'}"
    inside
    holds "the control group allows CPU $first"
    grep -q "launcher" "$tmp/out" && miss "a control group is no launcher"
    inside --cores "${cpus##* }"
    [ "$code" -eq 2 ] && grep -q "is not allowed by the control group" "$tmp/err" || miss "a CPU outside of the control group"
    rmdir "$group"
else
    echo "skip: no writable cgroup v1 cpuset controller, the control group's CPUs are not looked at"
fi
done_testing
