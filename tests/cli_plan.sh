# The exact split: worked out by hand, from files, from standard input, at the ends of the ranges.
. tests/cli.sh
# 23 tasks of 1, 2 and 3.5 s: 14, 6, 3 are done at 14, 12, 10.5 s; 13 s allow only 13 + 6 + 3 = 22.
golden plan plan --times 1,2,3.5 --batch-tasks 23
golden plan_json plan --times 1,2,3.5 -B 23 --json
printf '1\n2\t3.5\r\n' >"$tmp/times"
golden plan_json plan --times "@$tmp/times" -B 23 --json
"$CREW" plan --times @- -B 23 --json <"$tmp/times" | diff - tests/golden/plan_json || miss "--times @-"

# 2^63 tasks on 1 s and 3 s: three quarters and one quarter, up to a double's rounding, and every task is given.
run plan --times 1,3 -B 9223372036854775808 --json
first=$(sed 's/.*\[\([0-9]*\),.*/\1/' "$tmp/out") second=$(sed 's/.*,\([0-9]*\)\].*/\1/' "$tmp/out")
over=$((first - 6917529027641081856)) under=$((2305843009213693952 - second))
[ $over -eq $under ] && [ $over -gt -2048 ] && [ $over -lt 2048 ] || miss "2^63 tasks: $(cat "$tmp/out")"
run plan --times 4.5 -B 1 --json
[ "$(cat "$tmp/out")" = '{"quota":[1],"round_s":4.5}' ] || miss "one worker"

expect 2 "--times is missing" plan
expect 2 "item 2 is 'x'" plan --times 1,x
expect 2 "item 1 is '0'" plan --times 0,1
expect 2 "item 1 is '-1'" plan --times -1,1
expect 2 "item 2 is 'nan'" plan --times 1,nan
expect 2 "no numbers" plan --times ,
expect 2 "batch-tasks is 0" plan --times 1 -B 0
expect 2 "batch-tasks is 9223372036854775809" plan --times 1 -B 9223372036854775809
expect 2 "batch-tasks is '1.5'" plan --times 1 -B 1.5
expect 2 "than a number holds" plan --times 1e308 -B 1000000
expect 3 "$tmp/none: No such file" plan --times "@$tmp/none"
: >"$tmp/empty"
expect 2 "$tmp/empty: no numbers" plan --times "@$tmp/empty"

# A hundred thousand workers: every task is given.
seq 1 100000 | "$CREW" plan --times @- -B 1000003 --json >"$tmp/out" || miss "many workers"
sum=$(sed 's/.*\[//; s/\].*//' "$tmp/out" | tr , '\n' | awk '{s += $1} END {print s}')
[ "$sum" -eq 1000003 ] || miss "quotas of many workers sum to $sum"
seq 1 1001 | "$CREW" plan --times @- >"$tmp/out" || miss "a long table"
[ "$(grep -c '^ ' "$tmp/out")" -eq 1000 ] && holds "... 1 more workers; --json prints all" || miss "a long table"
done_testing
