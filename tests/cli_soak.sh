# A few seconds of tests/soak.py: quota changes, co-runners, re-pins. make soak SOAK_S=1800 is the long form.
. tests/cli.sh
command -v python3 >/dev/null || { echo "skip: no python3"; exit 77; }
python3 tests/soak.py "$CREW" "${SOAK_S:-4}" 2>"$tmp/err" || miss "the soak has failed"
done_testing
