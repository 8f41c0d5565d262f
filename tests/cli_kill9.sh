# A checkpointing run is killed at random moments, KILLS of them (10), and gone on with each time: its weights and its
# logs are those of a run that nobody disturbed, and no save that was told is lost. Then the same with storms of
# SIGTERM, and on a disk that is full now and then, a third of KILLS each. make kill9 KILLS=200 shows the figures.
. tests/cli.sh
: "${KILLS:=10}" "${SEED:=1}"
rounds=6000 every=250 number=0

# between LOW HIGH: a random number, another one at every call
between() {
    number=$((number + 1))
    drawn=$(awk -v s="$SEED" -v n="$number" -v a="$1" -v b="$2" \
        'BEGIN {srand(s * 65537 + n); rand(); printf "%.4f", a + rand() * (b - a)}')
}

# The run in the background: $pid
begin() {
    "$CREW" train -q --json --workers 2 --rounds $rounds --checkpoint "$ck" --every ${every}rounds --keep 2 \
        --log "$tmp/log" --log-tasks "$tmp/tasks" >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$!
}

afresh() {
    rm -rf "$ck" "$tmp/log" "$tmp/tasks"
    told=0 last=0 parts=0
}

# A part is over, and its log tells: where it went on from, which is not before what the one before had told; whether
# each save began as soon as it was due and the one before it was written, so that no more than an interval is
# repeated, and what was trained while the disk took its time; the `last` round, and the last one `told`.
read_log() {
    eval "$(awk -v every=$every '
        function of_line() {match($0, /"round":[0-9]+/); return substr($0, RSTART + 8, RLENGTH - 8) + 0}
        /^\{"event":"resume"/ {tried = saved = at = round = of_line(); parts++}
        /^\{"event":"round".*\}$/ {round = of_line()}
        /^\{"event":"checkpoint".*\}$/ {
            due = tried + every > at ? tried + every : at + 1 # of one that failed, too
            late += of_line() > due
            tried = of_line()
            if (/"error":null\}$/) saved = of_line()
            at = round
        }
        /^\{"event":"resume"/ {resumed = round}
        END {print "now=" round + 0, "saved=" saved + 0, "late=" late + 0, "n=" parts + 0, "resumed=" resumed + 0}
    ' "$tmp/log")"
    [ "$late" -eq 0 ] || miss "$late saves began later than they were due"
    if [ "$n" -gt "$parts" ]; then
        repeated=$((last - resumed))
        [ "$resumed" -ge "$told" ] || miss "gone on from $resumed, though $told was saved"
        [ "$repeated" -le "$most" ] || most=$repeated
        sum=$((sum + repeated))
    fi
    parts=$n last=$now told=$saved
}

# The run has come to its end: as if nothing had happened.
check_end() {
    [ "$code" -eq 0 ] || miss "exit code $code"
    [ "$(value weights_digest)" = "$digest" ] || miss "other weights: $(value weights_digest)"
    [ "$(value rounds)" = $rounds ] && [ "$(value checkpoint_failed)" = false ] || miss "$(value rounds) rounds"
    [ "$(sed -n 's/^{"event":"round","round":\([0-9]*\),.*}$/\1/p' "$tmp/log")" = "$(seq $rounds)" ] ||
        miss "the log has not each round once"
    [ "$(grep -c '"event":"start"' "$tmp/log")" = 1 ] && [ "$(grep -c '"event":"end"' "$tmp/log")" = 1 ] ||
        miss "the log has not one start and one end"
    sed 1d "$tmp/tasks" | cut -d, -f1 | uniq -c | awk -v n=$rounds '
        $2 != NR || $1 != (NR % 6 ? 16 : 10) {bad = 1} END {exit bad || NR != n}' ||
        miss "the tasks are not those of each round once"
    [ -z "$(ls -A "$ck" | grep tmp)" ] || miss "left behind: $(ls -A "$ck")"
    runs=$((runs + 1))
}

# campaign NAME STRIKE COUNT: until so many have hit, and then to the end of the run. STRIKE ends the part that runs,
# or waits for it: its `code`, and whether it has `hit`.
campaign() {
    name=$1 strike=$2 left=$3 hits=0 runs=0 most=0 sum=0
    afresh
    while [ "$failures" -lt 3 ]; do
        begin
        if [ "$left" -gt 0 ]; then
            $strike
        else
            wait $pid
            code=$? hit=no
        fi
        [ ! -s "$tmp/log" ] || read_log
        [ $hit = yes ] && left=$((left - 1)) hits=$((hits + 1)) && continue
        check_end
        [ "$left" -gt 0 ] || break
        afresh
    done
    echo "$name: $hits in $runs runs of $rounds rounds, a save every $every:" \
        "$((hits ? sum / hits : 0)) rounds were repeated on average, $most at most"
}

ended() {
    wait $pid 2>/dev/null
    code=$?
}

kill_it() {
    between 0.005 0.4
    sleep "$drawn"
    kill -KILL $pid 2>/dev/null
    ended
    [ $code -eq 137 ] && hit=yes || hit=no
}

# One to three; the last whole round is saved where there was time for it.
storm() {
    between 0.005 0.4
    sleep "$drawn"
    kill -TERM $pid 2>/dev/null
    for _ in $(seq $((number % 3))); do
        between 0 0.01
        sleep "$drawn"
        kill -TERM $pid 2>/dev/null
    done
    ended
    hit=no
    if [ $code -eq 143 ]; then
        hit=yes
    elif grep -q '"stopped": true' "$tmp/out"; then
        hit=yes
        [ $code -eq 0 ] && [ -e "$ck/$(printf 'checkpoint-%012d.safetensors' "$(value rounds)")" ] ||
            miss "stopped at $(value rounds), exit code $code, but $(ls "$ck")"
    fi
}

# Killed while the disk is full, or just was; or refused, because it is; or without room for the last save.
full() {
    between 0.005 0.3
    sleep "$drawn"
    dd if=/dev/zero of="$tmp/small/fill" bs=1k 2>/dev/null
    between 0 0.1
    sleep "$drawn"
    [ $((number % 4)) -ne 0 ] || rm -f "$tmp/small/fill"
    kill -KILL $pid 2>/dev/null
    ended
    case $code in
    137) hit=yes ;;
    1) hit=yes && grep -q "No space left\|last checkpoint could not be written" "$tmp/err" || miss "exit code 1" ;;
    *) hit=no ;;
    esac
    [ $((number % 4)) -eq 3 ] || rm -f "$tmp/small/fill"
    [ "$left" -gt 1 ] || rm -f "$tmp/small/fill"
}

ck="$tmp/ck"
"$CREW" train -q --json --rounds $rounds --workers 1 >"$tmp/out" 2>"$tmp/err"
digest=$(value weights_digest)
campaign "kill -9" kill_it "$KILLS"
if grep -q __tsan_init "$CREW"; then
    echo "skip: storms of SIGTERM: the thread sanitizer holds signals back while the command sleeps"
else
    campaign "storms of SIGTERM" storm $(((KILLS + 2) / 3))
fi
mkdir "$tmp/small"
if mount -t tmpfs -o size=500k crew-test "$tmp/small" 2>"$tmp/err"; then
    trap 'umount "$tmp/small"; rm -rf "$tmp"' EXIT
    ck="$tmp/small/ck"
    campaign "kill -9 on a full disk" full $(((KILLS + 2) / 3))
else
    echo "skip: a disk that is full now and then: no tmpfs can be mounted: $(head -1 "$tmp/err")"
fi
done_testing
