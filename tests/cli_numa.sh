# Parameters on several NUMA nodes. The machine is a described one, so that the system cannot place anything on its
# second node: the results do not depend on it, and it is told.
. tests/cli.sh

# numa THISSYSTEM MODE
numa() {
    HWLOC_SYNTHETIC="node:2 core:1 pu:1" HWLOC_THISSYSTEM=$1 "$CREW" train -d iris -e 3 --numa "$2" >"$tmp/out" 2>"$tmp/err" ||
        miss "--numa $2 fails"
    sed -n 's/^weights digest *//p' "$tmp/out" >>"$tmp/digests"
}
note() {
    grep -q "$1" "$tmp/err" || miss "no note '$1'"
}
numa 0 off
! grep -q "NUMA" "$tmp/err" || miss "a note with --numa off"
numa 1 replicate
note "parameters are copied for each of 2 NUMA nodes, but . of these copies lie elsewhere"
numa 0 auto
note "parameters are copied for each of 2 NUMA nodes"
numa 0 interleave
note "parameters are not spread over 2 NUMA nodes: the system refuses"
! grep -q "training rows" "$tmp/err" || miss "the few rows of iris are to be spread"
[ "$(wc -l <"$tmp/digests") $(sort -u "$tmp/digests" | wc -l)" = "4 1" ] || miss "digests: $(cat "$tmp/digests")"
HWLOC_SYNTHETIC="node:2 core:1 pu:1" HWLOC_THISSYSTEM=0 "$CREW" train -d synth:4096x784x10 -e 1 -m softmax \
    2>"$tmp/err" >/dev/null
note "training rows are not spread over 2 NUMA nodes: the system refuses"
expect 2 "unknown numa 'replica'; did you mean 'replicate'?" train -d iris --numa replica
done_testing
