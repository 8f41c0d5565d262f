# A model that was saved: measured, asked, and read by somebody else.
. tests/cli.sh
model=$tmp/digits.safetensors
run train -q --json --save "$model"
[ "$code" -eq 0 ] || miss "crew train --save"

# eval and predict agree: accuracy = share of rows whose predicted name is the label, the last column.
gzip -dc datasets/digits.csv.gz >"$tmp/digits.csv"
run predict "$model" --data digits
[ "$(wc -l <"$tmp/out")" -eq 1797 ] || miss "predict: $(wc -l <"$tmp/out") lines"
cp "$tmp/out" "$tmp/predicted"
correct=$(sed 's/.*,//' "$tmp/digits.csv" | paste -d' ' - "$tmp/predicted" | awk '$1 == $2' | wc -l)
run eval "$model" --data digits --json --confusion --per-class
[ "$(value correct)" = "$correct" ] || miss "eval: $(value correct) correct, by predict $correct"
for key in accuracy loss rows model per_class precision recall f1 support confusion; do
    holds "\"$key\":"
done
run eval "$model" --data digits --confusion --per-class
holds "($correct of 1797 rows)"
[ "$(sed -n '/predicted:/,$p' "$tmp/out" | sed 1d | awk '{n += $($1 + 2)} END {print n}')" = "$correct" ] ||
    miss "the diagonal of the table is not $correct"

# precision = hits / predicted, recall = hits / support, F1 = 2 hits / (predicted + support)
sed 's/.*,//' "$tmp/digits.csv" | paste -d' ' - "$tmp/predicted" | awk '
    {support[$1]++; predicted[$2]++; hits[$1] += $1 == $2}
    END {for (c = 0; c < 10; c++) printf "%d %.4f %.4f %.4f %d\n", c, hits[c] / predicted[c],
        hits[c] / support[c], 2 * hits[c] / (predicted[c] + support[c]), support[c]}' >"$tmp/figures"
sed -n '/^class/,/^mean/p' "$tmp/out" | sed '1d;$d' | tr -s ' ' | diff - "$tmp/figures" ||
    miss "precision, recall, F1 or support"

# the same FILE-OR-NAME: the same predictions
same() {
    "$CREW" predict "$model" --data "$@" >"$tmp/out" 2>"$tmp/err" || miss "predict --data $*"
    diff "$tmp/out" "$tmp/predicted" >/dev/null || miss "predict --data $*: other predictions"
}
same - <"$tmp/digits.csv"
same datasets/digits.csv.gz
cut -d, -f1-64 "$tmp/digits.csv" >"$tmp/unlabelled.csv"
same "$tmp/unlabelled.csv"
same - <"$tmp/unlabelled.csv"
sed 's/,[0-9]*$/,eleven/' "$tmp/digits.csv" >"$tmp/other.csv"
same "$tmp/other.csv" # labels are ignored, also those that are no class
expect 3 "has no labels" eval "$model" --data "$tmp/unlabelled.csv"
expect 3 "eleven" eval "$model" --data "$tmp/other.csv"
expect 3 "must be 64" predict "$model" --data iris

# Probabilities: a head, then rows that sum to 1, the largest where the prediction is.
run predict "$model" --data digits --proba
[ "$(sed -n 1p "$tmp/out")" = "0,1,2,3,4,5,6,7,8,9" ] || miss "the head of --proba"
sed 1d "$tmp/out" | awk -F, '{
    best = 1; sum = 0
    for (i = 1; i <= NF; i++) { sum += $i; if ($i > $best) best = i }
    if (NF != 10 || sum < 0.99999 || sum > 1.00001) exit 1
    print best - 1
}' | diff - "$tmp/predicted" >/dev/null || miss "--proba and predictions differ"
run predict "$model" --data digits --json
[ "$(grep -c '^"[0-9]",\{0,1\}$' "$tmp/out")" -eq 1797 ] || miss "predict --json"

# Names of classes, also awkward ones.
awk 'BEGIN {for (i = 0; i < 60; i++)
    print (i % 3) "," (i % 5) "," (i % 3 == 0 ? "plain" : i % 3 == 1 ? "\"one, two\"" : "\"say \"\"\303\244\"\"\"")}' >"$tmp/names.csv"
run train -q --data "$tmp/names.csv" --save "$tmp/names" --epochs 100 --lr 0.05
[ "$code" -eq 0 ] || miss "train on names"
run predict "$tmp/names" --data "$tmp/names.csv"
printf 'plain\none, two\nsay "\303\244"\n' >"$tmp/first"
sed -n 1,3p "$tmp/out" | diff - "$tmp/first" || miss "names of classes"
run predict "$tmp/names" --data "$tmp/names.csv" --proba
[ "$(sed -n 1p "$tmp/out")" = "$(printf '"one, two",plain,"say ""\303\244"""')" ] || miss "quotes of --proba"
run predict "$tmp/names" --data "$tmp/names.csv" --json
holds '"one, two","plain","say \"'

# Weights that are not numbers, of either sign: no number comes out, and JSON stays JSON.
head='{"__metadata__":{"format":"crew 1","model":"softmax","shape":"1,1,1","classes":"2","class_names":"[]","scale":"none"},'
head=$head'"layers.0.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
head=$head'"layers.0.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}'
printf '\000\001\000\000\000\000\000\000%-256s\000\000\000\000\000\000\000\000\000\000\300\177\000\000\300\377' "$head" >"$tmp/nan"
printf '1\n2\n' >"$tmp/two.csv"
run predict "$tmp/nan" --data "$tmp/two.csv" --label none --proba
[ "$(tr '\n' ' ' <"$tmp/out")" = "0,1 nan,nan nan,nan " ] || miss "--proba of no numbers: $(cat "$tmp/out")"
run predict "$tmp/nan" --data "$tmp/two.csv" --label none --proba --json
[ "$(grep -c '^\[null,null\],\{0,1\}$' "$tmp/out")" = 2 ] || miss "JSON of no numbers: $(cat "$tmp/out")"

# Many classes: the largest confusions instead of a table.
awk 'BEGIN {for (i = 0; i < 400; i++) print (i % 40) "," (i % 7) ",c" (i % 40)}' >"$tmp/many.csv"
run train -q --data "$tmp/many.csv" --save "$tmp/many" --epochs 1
run eval "$tmp/many" --data "$tmp/many.csv" --confusion
holds "largest confusions"
[ "$(wc -l <"$tmp/out")" -le 30 ] || miss "confusions of 40 classes: $(wc -l <"$tmp/out") lines"

# Python reads the tensors with json and numpy alone, and computes the same.
for python in python3 /usr/bin/python3; do
    $python -c 'import numpy' 2>/dev/null && break
    python=
done
if [ -z "$python" ]; then
    echo "skip: reading a model in Python: numpy is not installed"
    done_testing
fi
cat >"$tmp/read.py" <<'EOF'
import json, struct, sys
import numpy as np

raw = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", raw[:8])
head = json.loads(raw[8:8 + size])
meta = head.pop("__metadata__")
tensors = {}
for name, t in head.items():
    assert t["dtype"] == "F32"
    begin, end = t["data_offsets"]
    tensors[name] = np.frombuffer(raw[8 + size + begin:8 + size + end], "<f4").reshape(t["shape"])
assert meta["model"] == "mlp:64" and meta["classes"] == "10"
x = np.loadtxt(sys.argv[2], delimiter=",", dtype=np.float32)[:, :64]
x = (x - tensors["input.offset"]) * tensors["input.factor"]
x = np.maximum(x @ tensors["layers.0.weight"] + tensors["layers.0.bias"], 0)
x = x @ tensors["layers.1.weight"] + tensors["layers.1.bias"]
p = np.exp(x - x.max(1, keepdims=True))
p /= p.sum(1, keepdims=True)
theirs = np.loadtxt(sys.argv[3], delimiter=",", skiprows=1)
assert p.shape == theirs.shape, (p.shape, theirs.shape)
assert np.abs(p - theirs).max() < 1e-4, np.abs(p - theirs).max()
EOF
"$CREW" predict "$model" --data digits --proba >"$tmp/proba"
$python "$tmp/read.py" "$model" "$tmp/digits.csv" "$tmp/proba" 2>"$tmp/err" || miss "Python computes something else"
done_testing
