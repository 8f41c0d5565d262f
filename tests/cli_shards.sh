# Training rows in shards, by the command: what is refused, told and logged.
. tests/cli.sh
train="train -d digits -e 3 --executor sim --shards worker --batch-tasks 8"

# digest ARGS...: weights of a run, its notes to $tmp/err
digest() {
    run "$@"
    [ "$code" -eq 0 ] || miss "crew $*: exit code $code"
    sed -n 's/^weights digest *//p' "$tmp/out"
}
note() {
    grep -qF -e "$1" "$tmp/err" || miss "no note '$1'"
}

for policy in uniform fixed ata ata-empirical adaptive; do
    a=$(digest $train --speeds "1ms exp(1ms,2ms) 4ms" --policy $policy --log "$tmp/$policy.jsonl")
    run train --config "$tmp/$policy.jsonl"
    [ "$(sed -n 's/^weights digest *//p' "$tmp/out")" = "$a" ] || miss "$policy: the log's configuration is another run"
done
grep -q '"shards": *"worker"' "$tmp/adaptive.jsonl" || miss "no shards in the log's configuration"
grep -q '"shard": *\[0, *1, *2\]' "$tmp/adaptive.jsonl" || miss "no shards of workers in the log"
note "the training rows are in 3 shards, one a worker"
for policy in queue greedy cohort; do
    expect 2 "policy $policy lets workers draw tasks from a queue" $train --speeds "3*1ms" --policy $policy
done
expect 2 "batch-tasks is 8, but there are 9 shards" $train --speeds "9*1ms"
expect 2 "unknown shards 'nodes'; did you mean 'node'?" train -d digits --shards nodes

# Interrupted after 20 rounds, and gone on with: one run.
a=$(digest $train --speeds "1ms exp(1ms,2ms) 4ms" --rounds 33)
digest $train --speeds "1ms exp(1ms,2ms) 4ms" --rounds 20 --checkpoint "$tmp/ck" >"$tmp/first"
b=$(digest $train --speeds "1ms exp(1ms,2ms) 4ms" --rounds 33 --checkpoint "$tmp/ck")
[ -n "$a" ] && [ "$a" = "$b" ] && [ "$a" != "$(cat "$tmp/first")" ] || miss "digests $a and $b"
expect 2 "was made with shards worker, now it is off" train -d digits -e 3 --executor sim --batch-tasks 8 --checkpoint "$tmp/ck" \
    --speeds "1ms exp(1ms,2ms) 4ms"
expect 2 "other shards of the rows" $train --speeds "4*1ms" --checkpoint "$tmp/ck"

# A described machine with two nodes: nothing can be moved there, and it is told.
two() {
    HWLOC_SYNTHETIC="node:2 core:2 pu:1" HWLOC_THISSYSTEM=$1 "$CREW" train -d digits -e 3 --policy uniform --batch-tasks 8 \
        --shards $2 >"$tmp/out" 2>"$tmp/err" || miss "--shards $2 fails"
    sed -n 's/^weights digest *//p' "$tmp/out"
}
a=$(two 0 node)
note "the training rows are in 2 shards, one a NUMA node"
note "the rows of 2 of 2 shards lie elsewhere than on their NUMA nodes: the system did not move them"
b=$(two 0 node)
[ -n "$a" ] && [ "$a" = "$b" ] || miss "two runs with the same split: $a and $b"
c=$(two 0 worker)
[ "$a" != "$c" ] || miss "shards of nodes are those of workers"
! grep -q "lie elsewhere than" "$tmp/err" || miss "shards of workers are moved"
HWLOC_SYNTHETIC="node:1 core:2 pu:1" HWLOC_THISSYSTEM=0 "$CREW" train -d digits -e 1 --shards node >"$tmp/out" 2>"$tmp/err"
note "all workers are on one NUMA node, so there is one shard and nothing changes"
run compare -d digits -e 1 -n 1 -q --shards worker --executor sim --speeds "1ms 3ms"
[ "$code" -eq 0 ] || miss "compare by default: exit code $code"
holds "adaptive"
! grep -q "^queue" "$tmp/out" || miss "compare puts a queue beside shards"
run compare -d digits -e 1 -n 2 -q -p uniform,fixed --shards worker --executor sim --speeds "1ms 3ms"
[ "$code" -eq 0 ] || miss "compare: exit code $code"
holds "weights are not compared: with shards they depend on who computed what"
done_testing
