# Data that stays in its file: the same weights as from memory; more of it than there is memory; a file that is cut
# short meanwhile, and files that cannot be mapped.
. tests/cli.sh

# images FOLDER ROWS: IDX of 28 x 28 random bytes, of ten classes
images() {
    mkdir "$tmp/$1"
    rows=$(printf '\\%03o\\%03o\\%03o\\%03o' 0 $(($2 / 65536)) $(($2 / 256 % 256)) $(($2 % 256)))
    {
        printf "\\000\\000\\010\\003$rows\\000\\000\\000\\034\\000\\000\\000\\034"
        head -c $(($2 * 784)) /dev/urandom
    } >"$tmp/$1/train-images-idx3-ubyte"
    {
        printf "\\000\\000\\010\\001$rows"
        tr -dc 0-9 </dev/urandom | head -c "$2"
    } >"$tmp/$1/train-labels-idx1-ubyte"
}


train() {
    run train -q --json --model mlp:16 --workers 2 --batch-tasks 4 --task-rows 32 --val-fraction 0.1 "$@"
}

# ---- The same bits ----

images small 600
for scale in none unit standard; do
    for map in off auto on; do
        train --data "$tmp/small" --epochs 2 --scale $scale --data-map $map
        [ "$code" -eq 0 ] || miss "scale $scale, map $map: exit code $code"
        [ "$map" = off ] && digest=$(value weights_digest) accuracy=$(value test_accuracy)
        [ "$(value weights_digest)" = "$digest" ] && [ "$(value test_accuracy)" = "$accuracy" ] ||
            miss "scale $scale, map $map: other weights than from memory"
    done
done

# ---- What cannot be mapped ----

train --data digits --data-map on
[ "$code" -eq 3 ] && grep -q "digits.csv.gz is text, packed or of no format known here; only plain IDX of bytes" \
    "$tmp/err" || miss "packed text: exit code $code"
gzip -c "$tmp/small/train-images-idx3-ubyte" >"$tmp/rows.gz"
mkfifo "$tmp/pipe"
expect 3 "rows.gz is text, packed or" train --data "$tmp/rows.gz" --data-map on
expect 3 "it is not a regular file" train --data "$tmp/pipe" --data-map on
expect 2 "data-map is perhaps, must be off, auto or on" train --data-map perhaps
expect 2 "is made in memory" train --data synth:64x2x2 --data-map on
expect 3 "max-input-bytes" train --data "$tmp/small" --data-map off --max-input-bytes 400000
train --data "$tmp/small" --epochs 2 --scale standard --max-input-bytes 400000
[ "$code" -eq 0 ] && [ "$(value weights_digest)" = "$digest" ] || miss "more than is allowed: exit code $code"

# ---- A file that is cut short ----

"$CREW" train -q --data "$tmp/small" --data-map on --workers 2 --rounds 1000000000 --time-limit 60 --log "$tmp/log" \
    >"$tmp/out" 2>"$tmp/err" </dev/null &
pid=$!
wait_for "$tmp/log"
: >"$tmp/small/train-images-idx3-ubyte"
wait $pid
code=$?
[ "$code" -eq 3 ] && grep -q "a data file that is mapped (--data-map) was cut short" "$tmp/err" ||
    miss "a file that is cut short: exit code $code"
"$CREW" train -q --data synth:64x2x2 --rounds 1000000000 --time-limit 60 --log "$tmp/log2" >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for "$tmp/log2"
kill -BUS $pid
wait $pid 2>/dev/null
code=$?
[ "$code" -eq 135 ] && [ ! -s "$tmp/err" ] || miss "SIGBUS from somebody: exit code $code"

# ---- More than there is memory ----

larger_than_memory() {
    group=/sys/fs/cgroup/memory/crew-map-$$
    if grep -q '__[at]san_init' "$CREW"; then
        echo "skip: a small control group: sanitizers take memory of their own"
        return
    fi
    if [ ! -e /sys/fs/cgroup/memory/tasks ] || ! mkdir "$group" 2>"$tmp/err"; then
        echo "skip: the memory of a control group: no writable cgroup v1 controller"
        return
    fi
    trap 'rmdir "$group"; rm -rf "$tmp"' EXIT
    limit=64000000 # a third of the file; what is no page of a file takes some 15 MB
    echo $limit >"$group/memory.limit_in_bytes"
    images large 240000
    set -- --data "$tmp/large" --rounds 40
    train "$@" --data-map off
    [ "$code" -eq 0 ] || miss "from memory: exit code $code"
    digest=$(value weights_digest)
    sync "$tmp/large/train-images-idx3-ubyte"
    dd if="$tmp/large/train-images-idx3-ubyte" iflag=nocache count=0 2>/dev/null # it is read in the group
    within() {
        sh -c 'echo $$ >"$0/tasks" && exec "$@"' "$group" "$CREW" train -q --json --model mlp:16 --workers 2 \
            --batch-tasks 4 --task-rows 32 --val-fraction 0.1 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
        code=$?
    }
    within "$@" --data-map off
    [ "$code" -eq 3 ] && grep -q "max-input-bytes" "$tmp/err" || miss "off in a small group: exit code $code"
    within "$@"
    [ "$code" -eq 0 ] && [ "$(value weights_digest)" = "$digest" ] || miss "in a small group: exit code $code"
    echo "188 MB of rows in a group of 64 MB: $(cat "$group/memory.failcnt") times pages of it had to go"
}

larger_than_memory
done_testing
