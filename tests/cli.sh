# Read by tests/cli_*.sh: the command is $CREW, files go to $tmp, a failed expectation is told and counted, and
# `done_testing` ends with 1 if there was one. GOLDEN=write rewrites tests/golden/.
set -u
: "${CREW:?is not set: run make cli_NAME}"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0
export LC_ALL=C
# Put before a command in the background, which shells let ignore SIGINT, and nohup SIGHUP: it does not, where that can
# be undone.
heed='env --default-signal=INT,HUP'
$heed true 2>/dev/null || heed=

miss() {
    echo "MISS: $*"
    sed 's/^/  stderr: /' "$tmp/err"
    failures=$((failures + 1))
}

# run ARGS...: stdout, stderr and exit code to $tmp/out, $tmp/err, $code
run() {
    "$CREW" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
}

# expect CODE TEXT ARGS...: exit code, and TEXT somewhere on stderr; a failure prints nothing on stdout
expect() {
    want=$1 text=$2
    shift 2
    run "$@"
    [ "$code" -eq "$want" ] || miss "crew $*: exit code $code, not $want"
    grep -qF -e "$text" "$tmp/err" || miss "crew $*: no '$text'"
    [ "$want" -eq 0 ] || [ ! -s "$tmp/out" ] || miss "crew $*: fails, but prints results"
}

# golden NAME ARGS...: exactly the text of tests/golden/NAME on stdout, nothing on stderr, exit code 0
golden() {
    name=$1
    shift
    run "$@"
    [ "$code" -eq 0 ] && [ ! -s "$tmp/err" ] || miss "crew $*: exit code $code"
    [ "${GOLDEN:-}" = write ] && cp "$tmp/out" "tests/golden/$name"
    diff -u "tests/golden/$name" "$tmp/out" || miss "crew $*: not as in tests/golden/$name"
}

# holds TEXT: it stands in the last stdout
holds() {
    grep -qF -e "$1" "$tmp/out" || miss "no '$1' on stdout"
}

# value KEY: of the last --json object
value() {
    sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$tmp/out"
}

# wait_for FILE: up to 20 s until it holds something
wait_for() {
    for _ in $(seq 200); do
        [ -s "$1" ] && return 0
        sleep 0.1
    done
    miss "$1 stays empty"
    return 1
}

done_testing() {
    [ "$failures" -eq 0 ]
    exit
}
