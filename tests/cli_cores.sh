# The listing of cores, on described machines where every number is known.
. tests/cli.sh
# What follows the blank line holds the BLAS, which differs.
listing() {
    run cores "$@"
    [ "$code" -eq 0 ] || miss "crew cores $*: exit code $code"
    sed -i '/^BLAS/,/^ /d' "$tmp/out"
}
export HWLOC_SYNTHETIC="pack:2 core:4 pu:2"
listing
[ "${GOLDEN:-}" = write ] && cp "$tmp/out" tests/golden/cores
diff -u tests/golden/cores "$tmp/out" || miss "cores of two packages"
grep -q "no worker can be pinned" "$tmp/out" || miss "a described machine is not told"
listing --smt
[ "$(grep -c '^ *[0-9]' "$tmp/out")" -eq 16 ] || miss "--smt: not 16 slots"
listing --workers 3
[ "$(grep -c '^ *[0-9]' "$tmp/out")" -eq 3 ] || miss "--workers 3: not 3 slots"
listing --workers 9
holds "9 workers would share 8 cores"
listing --cores 4-7
[ "$(grep -c '^ *[0-9]' "$tmp/out")" -eq 4 ] || miss "--cores 4-7: not 4 slots"
expect 2 "CPU 99" cores --cores 99
expect 2 "workers is 5000" cores --workers 5000
run cores --json
for key in this_system cores usable_cores quota_cores slots kinds notes blas flavour kernel; do
    holds "\"$key\":"
done
[ "$(value usable_cores)" = 8 ] || miss "cores --json: usable_cores is $(value usable_cores)"
unset HWLOC_SYNTHETIC
run cores
[ "$code" -eq 0 ] && holds "flavour" || miss "cores of this machine"
done_testing
