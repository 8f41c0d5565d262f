# Bad input: one sentence that names the place, the exit code of its class, nothing written.
. tests/cli.sh
mkdir "$tmp/outputs"
# bad CODE TEXT ARGS...: also no output is left behind
bad() {
    want=$1 text=$2
    shift 2
    expect "$want" "$text" train -q --save "$tmp/outputs/model" --log "$tmp/outputs/log" \
        --log-tasks "$tmp/outputs/tasks" "$@"
    [ "$(wc -l <"$tmp/err")" -eq 1 ] || miss "crew train $*: not one line"
    [ -z "$(ls -A "$tmp/outputs")" ] || miss "crew train $*: wrote $(ls -A "$tmp/outputs")"
}
# file NAME TEXT: a file with this printf text
file() {
    printf "$2" >"$tmp/$1"
}

# Values and names
bad 2 "batch-tasks is 0, must be 1..65536" --batch-tasks 0
bad 2 "lr is 0" --lr 0
bad 2 "lr is -0.1" --lr -0.1
bad 2 "lr is 'nan', must be a number" --lr nan
bad 2 "seed is -1" --seed -1
bad 2 "workers is 5000" --workers 5000
bad 2 "width '0'" --model mlp:0
bad 2 "width '99999999999999999999'" --model mlp:99999999999999999999
bad 2 "did you mean 'mlp'" --model mpl:3
bad 2 "did you mean 'ata-empirical'" --policy ata-emprical
bad 2 "did you mean 'eta'" --policy ata-empirical:etta=1
bad 2 "did you mean 'adam'" --optimizer adma
bad 2 "unknown schedule 'cosin'" --schedule cosin
bad 2 "must be prefer, strict or none" --bind tight
bad 2 "best needs validation rows" --best
bad 2 "patience needs validation rows" --patience 3
bad 2 "keep is 'best', must be" --keep best
bad 2 "every needs a folder: see checkpoint" --every 5s
bad 2 "epochs is 0, must be" --epochs 0
bad 2 "there is no worker 7" --workers 2 --emulate 7:2x
bad 2 "times has 3 numbers for 2 workers" --workers 2 --policy fixed --times 1,2,3
bad 2 "scale is " --scale wide
bad 2 "val-fraction is 2" --val-fraction 2

# Data
bad 3 "did you mean digits?" --data digit
bad 3 "$tmp/none.csv" --data "$tmp/none.csv"
file ragged.csv '1,2,a\n3,4,b\n5,c\n'
bad 3 "ragged.csv, line 3" --data "$tmp/ragged.csv"
file text.csv 'u,v,label\n1,2,a\n3,four,b\n'
bad 3 "text.csv, line 3" --data "$tmp/text.csv"
file nan.csv 'u,v,label\n1,2,a\n3,nan,b\n'
bad 3 "nan.csv, line 3" --data "$tmp/nan.csv"
file gap.csv 'u,v,label\n1,2,a\n,4,b\n'
bad 3 "gap.csv, line 3" --data "$tmp/gap.csv"
file empty.csv ''
bad 3 "empty.csv" --data "$tmp/empty.csv"
file alone.csv '1,2,a\n3,4,a\n5,6,a\n'
bad 3 "alone.csv" --data "$tmp/alone.csv"
bad 3 "no-such" --data datasets/digits.csv.gz --label no-such
# IDX: 2 images of 1 x 2 are announced, 3 of the 4 bytes are there; then one too many
file short-images-idx3-ubyte '\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\2\1\2\3'
bad 3 "short-images-idx3-ubyte" --data "$tmp/short-images-idx3-ubyte"
file long-images-idx3-ubyte '\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\2\1\2\3\4\5'
bad 3 "long-images-idx3-ubyte" --data "$tmp/long-images-idx3-ubyte"
file digits.csv.gz '\37\213\10\0truncated'
bad 3 "digits.csv.gz" --data "$tmp/digits.csv.gz"
file big.csv '1e39,2,a\n3,4,b\n'
bad 3 "big.csv" --data "$tmp/big.csv"

# Models and configurations
file text.safetensors 'this is no model'
bad 3 "text.safetensors" --init "$tmp/text.safetensors"
expect 3 "text.safetensors" eval "$tmp/text.safetensors" --data digits
expect 3 "$tmp/none: No such file" predict "$tmp/none" --data digits
file bad.json '{"seed": 1,'
bad 3 "bad.json: line 1" --config "$tmp/bad.json"
file unknown.json '{"sede": 1}'
bad 2 "there is no option 'sede'" --config "$tmp/unknown.json"
file range.json '{"batch-tasks": 0}'
bad 2 "range.json: batch-tasks is 0" --config "$tmp/range.json"
bad 3 "$tmp/none: No such file" --config "$tmp/none"

# Outputs, found out before training
expect 1 "/none/model: cannot be written" train -q --save /none/model
expect 1 "/none/log: cannot be written" train -q --log /none/log
expect 1 "$tmp: cannot be written: not the name of" train -q --save "$tmp"
: >"$tmp/there"
for output in --save --log --log-tasks; do
    expect 1 "$tmp/there: exists already" train -q $output "$tmp/there"
done
[ ! -s "$tmp/there" ] || miss "an existing file is written without --force"
run train -q --epochs 1 --log "$tmp/there" --force
[ "$code" -eq 0 ] && [ -s "$tmp/there" ] || miss "--force does not replace"
"$CREW" train -q --epochs 1 >/dev/full 2>"$tmp/err"
[ $? -eq 1 ] || miss "train >/dev/full"

# A folder that is gone when the model is saved, of a name that no JSON text holds: the log still says how it ended.
odd="$tmp/$(printf 'gone\377')"
mkdir "$odd"
"$CREW" train -q --time-limit 1 --save "$odd/model" --log "$tmp/gone.log" >"$tmp/out" 2>"$tmp/err" &
wait_for "$tmp/gone.log"
rmdir "$odd"
wait $!
[ $? -eq 1 ] && grep -q "cannot be written" "$tmp/err" || miss "a model is saved in a folder that is gone"
tail -1 "$tmp/gone.log" | grep -q '"event":"end".*"error":"(not UTF-8)"' || miss "the log has no end"

# The machine and the run
bad 2 "CPU 99999" --cores 99999
export HWLOC_SYNTHETIC="core:2 pu:1"
bad 4 "no thread can be bound" --bind strict
unset HWLOC_SYNTHETIC
bad 7 "MB are free" --model mlp:1000000,1000000
awk 'BEGIN {for (i = 0; i < 200; i++) print (i % 2 ? "3e38,-3e38,a" : "-3e38,3e38,b")}' >"$tmp/huge.csv"
expect 6 "" train -q --data "$tmp/huge.csv" --scale none --model softmax
serial=/usr/lib/$(uname -m)-linux-gnu/openblas-serial
if [ -e "$serial/libopenblas.so.0" ]; then
    export LD_LIBRARY_PATH="$serial"
    bad 5 "libopenblas0-pthread" --workers 2
    unset LD_LIBRARY_PATH
else
    echo "skip: exit code 5: the serial OpenBLAS is not installed"
fi
done_testing
