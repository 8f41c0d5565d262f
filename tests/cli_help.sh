# What the command says of itself, word for word.
. tests/cli.sh
export CREW_DATASETS=/nowhere
golden help help
golden help --help
golden help_plan help plan
golden help_plan plan --help
golden help_eval help eval
golden help_predict predict -h
golden help_sim help sim
golden help_resume help resume
golden help_shards help shards
golden help_speeds help speeds
golden help_trouble help trouble
golden help_cnn help cnn
golden help_speeds sim --speeds help
golden help_speeds train --speeds help
golden list list
golden list_policies list policies
golden list_policies train --policy help
golden list_models list models
golden list_optimizers train --optimizer help
golden list_schedules list schedules
golden list_datasets list datasets
golden list_datasets eval --data help FILE
golden list_scenarios list scenarios
golden list_scenarios sim --scenario help

for about in cnn resume shards trouble sim speeds train; do
    run help $about
    [ "$(awk 'length > 80' "$tmp/out")" = "" ] || miss "help $about: lines over 80 columns"
done
for option in --data --policy --batch-tasks --task-rows --log --save --json --time-limit; do
    holds "$option"
done
# What `help trouble` quotes, the program says.
"$CREW" help trouble | tr '\n' ' ' | sed 's/  */ /g' | grep -o '"[^"]*"' | tr -d '"' >"$tmp/quoted"
[ "$(wc -l <"$tmp/quoted")" -ge 10 ] || miss "help trouble: quotes"
tr '\0' '\n' <"$CREW" >"$tmp/texts"
while read -r quoted; do
    grep -aF -e "$quoted" "$tmp/texts" | grep -avF -e "\"$quoted\"" | grep -avq '^  ' ||
        miss "help trouble: nobody says '$quoted'"
done <"$tmp/quoted"
run train --bind help
[ "$code" -eq 0 ] && holds "strict" || miss "train --bind help"

run
[ "$code" -eq 2 ] && grep -q usage "$tmp/err" || miss "crew alone"
run --version
for word in "crew " compiler hwloc OpenBLAS flavour kernel; do
    holds "$word"
done

expect 2 "did you mean 'train'?" tarin
expect 2 "did you mean 'policies'?" list polcies
expect 2 "did you mean 'speeds'?" help sped
expect 2 "did you mean '--workers'?" train --wrokers 2
expect 2 "did you mean '--confusion'?" eval some.safetensors --confuson
expect 2 "unknown option '-x'" train -qx
expect 2 "option '--json' takes no value" train --json=yes
expect 2 "option '--seed' needs a value" train --seed
expect 2 "option '-w' needs a value" train -w
expect 2 "'more' is one argument too many" train more
expect 2 "FILE.safetensors is missing" eval
expect 2 "--data is missing" predict some.safetensors
expect 2 "only for bash" help --completion fish

# Every option of every command stands in the manual page and in the completion script.
"$CREW" help --man >"$tmp/man" || miss "help --man"
"$CREW" help --completion bash >"$tmp/completion" || miss "help --completion bash"
for command in train eval predict list cores bench plan sim compare report help; do
    grep -q "^\.SS crew $command " "$tmp/man" || miss "no crew $command in the manual page"
    for option in $("$CREW" help $command | sed -n 's/^  .\{4\}--\([a-z-]*\).*/\1/p'); do
        grep -qF -e "--$option" "$tmp/completion" || miss "no --$option in the completion script"
        [ "$option" = help ] || sed 's/\\-/-/g' "$tmp/man" | grep -qF "fB--$option" ||
            miss "no --$option in the manual page"
    done
done
if command -v bash >/dev/null; then
    cat >"$tmp/complete.sh" <<'EOF'
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_crew
echo "${COMPREPLY[*]}"
EOF
    [ "$(bash "$tmp/complete.sh" "$tmp/completion" crew pl)" = plan ] || miss "completion of pl"
    [ "$(bash "$tmp/complete.sh" "$tmp/completion" crew train --policy a)" = "ata ata-empirical adaptive" ] ||
        miss "completion of --policy a"
    [ "$(bash "$tmp/complete.sh" "$tmp/completion" crew sim --scenario paper-s)" = paper-sqrt ] ||
        miss "completion of --scenario paper-s"
    [ "$(bash "$tmp/complete.sh" "$tmp/completion" crew help sp)" = speeds ] || miss "completion of help sp"
fi

# Standard output that cannot be written is told, a closed pipe is not.
for command in "list policies" cores "cores --json" "plan --times 1,2" "help --man" --version; do
    "$CREW" $command >/dev/full 2>"$tmp/err"
    [ $? -eq 1 ] && grep -q "cannot be written" "$tmp/err" || miss "crew $command >/dev/full"
done
seq 200000 | {
    "$CREW" plan --times @- --json 2>"$tmp/err"
    echo $? >"$tmp/code"
} | head -c 9 >/dev/null
[ "$(cat "$tmp/code")" -eq 141 ] && [ ! -s "$tmp/err" ] || miss "a closed pipe: $(cat "$tmp/code")"
done_testing
