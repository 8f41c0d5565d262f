# --task-rows auto: the size that is found is that of the run, of its log and of its checkpoints.
. tests/cli.sh

train="-d iris -e 4 -m mlp:8 -q"
run train $train --task-rows auto --log "$tmp/a.jsonl" --checkpoint "$tmp/a" --json
rows=$(sed -n 's/.*"task-rows": *"\{0,1\}\([0-9]*\).*/\1/p' "$tmp/a.jsonl")
[ "$code" -eq 0 ] && [ "${rows:-0}" -ge 8 ] || miss "auto: exit code $code, task-rows '$rows' in the log"
found=$(value weights_digest)
run train $train --task-rows "$rows" --json
[ "$(value weights_digest)" = "$found" ] || miss "task-rows $rows gives other weights than auto, which found it"
run train --config "$tmp/a.jsonl" --checkpoint "$tmp/b" --json
[ "$(value weights_digest)" = "$found" ] || miss "the log does not repeat the run"

# A run that was made with a size which measurement would not find goes on with it.
run train $train -e 2 --task-rows 3 --checkpoint "$tmp/c" --json
run train $train --task-rows auto --checkpoint "$tmp/c" --json
[ "$code" -eq 0 ] || miss "going on with auto: exit code $code"
went_on=$(value weights_digest)
run train $train --task-rows 3 --json
[ "$(value weights_digest)" = "$went_on" ] || miss "with auto a run goes on with another size"

# Fewer rows than the tasks that are tried have.
for i in 1 2 3 4 5 6 7 8 9 10; do echo "$i,$((i * i)),$((i % 2))"; done >"$tmp/ten.csv"
run train -d "$tmp/ten.csv" --test-fraction 0.2 -e 2 -m mlp:8 --task-rows auto --json
[ "$code" -eq 0 ] || miss "auto, 8 rows: exit code $code"
found=$(value weights_digest)
run train -d "$tmp/ten.csv" --test-fraction 0.2 -e 2 -m mlp:8 --task-rows 8 --json
[ "$(value weights_digest)" = "$found" ] || miss "auto, 8 rows: not tasks of all rows"

expect 2 "task-rows is 0, must be 1..1048576" train -d iris --task-rows 0
expect 2 "must be a whole number or auto" train -d iris --task-rows many
expect 2 "task-rows auto is measured on real threads" train -d iris --task-rows auto --executor sim --speeds 1ms
expect 2 "task-rows auto is for one run" compare -d iris --task-rows auto
expect 2 "task-rows auto is for training" bench -d iris --task-rows auto
done_testing
