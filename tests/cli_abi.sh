#!/bin/sh
# What a program that was built with the headers relies on: every struct with its size, fields and offsets, every
# value, every function. golden/abi.txt has it; GOLDEN=write make cli_abi writes that again. Also: each header
# compiles by itself, as C and as C++, and the shared library exports what they declare and no more.
set -eu
golden=tests/golden/abi.txt
cc=${CC:-cc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    exit 1
}

for header in include/crew/*.h; do
    line="#include <crew/${header##*/}>"
    flags="-Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only"
    echo "$line" | $cc -std=c11 $flags -x c - || fail "$header is no C11"
    echo "$line" | ${CXX:-c++} -std=c++11 $flags -x c++ - || fail "$header is no C++11"
    echo "$line" >>"$dir/all.h"
done
[ "$(getconf LONG_BIT)" = 64 ] || { echo "skip: the numbers are those of 64-bit machines"; exit 77; }

# One declaration a line, without attributes and what is not ours.
$cc -std=c11 -E -Iinclude -x c "$dir/all.h" | awk '
    /^# [0-9]+ "/ { ours = $3 ~ /include\/crew\//; next }
    ours { text = text " " $0 }
    END {
        gsub(/__attribute__ *\(\([a-z_]+(\([^()]*\))?\)\)/, "", text)
        gsub(/[ \t]+/, " ", text)
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            line = line c
            depth += (c == "{") - (c == "}")
            if (depth == 0 && (c == ";" || (c == "}" && line ~ /^ *static /))) {
                sub(/^ +/, "", line)
                if (line !~ /^static /)
                    print substr(line, 1, length(line) - 1)
                line = ""
            }
        }
    }' >"$dir/declared"

# A program that prints them with what only the compiler knows.
awk '
    function say(format, arguments) { printf "    printf(\"%s\\n\"%s);\n", format, arguments }
    function field(owner, name, text) {
        say(owner " +%zu " name ": " text, ", offsetof(" owner ", " name ")")
    }
    function fields(owner, text,    n, i, name, part) {
        if (match(text, /\(\*[a-z_]+\)/)) {
            field(owner, substr(text, RSTART + 2, RLENGTH - 3), text)
            return
        }
        n = split(text, part, ",")
        for (i = 1; i <= n; i++) {
            name = part[i]
            gsub(/\[[^]]*\]/, "", name)
            sub(/ +$/, "", name)
            sub(/.*[ *]/, "", name)
            field(owner, name, text)
        }
    }
    function values(text,    n, i, name, part) {
        n = split(text, part, ",")
        for (i = 1; i <= n; i++) {
            name = part[i]
            sub(/=.*/, "", name)
            gsub(/ /, "", name)
            if (name != "")
                say(name " %lld", ", (long long)" name)
        }
    }
    BEGIN { print "#include \"all.h\"\n#include <stdio.h>\nint main(void)\n{" }
    {
        body = $0
        sub(/^[^{]*\{ */, "", body)
        sub(/ *\}.*/, "", body)
        head = $0
        sub(/ *\{.*/, "", head)
    }
    /^(typedef )?enum [^{]*\{/ || /^enum \{/ { values(body); next }
    /^struct [a-z_]+ \{/ {
        say(head ": %zu bytes", ", sizeof(" head ")")
        n = split(body, member, ";")
        for (m = 1; m <= n; m++) {
            sub(/^ +/, "", member[m])
            if (member[m] != "")
                fields(head, member[m])
        }
        next
    }
    { say($0, "") }
    END {
        say("CREW_ABI_VERSION %u", ", CREW_ABI_VERSION")
        say("CREW_POLICY_ABI %u", ", CREW_POLICY_ABI")
        say("CREW_EXECUTOR_ABI %u", ", CREW_EXECUTOR_ABI")
        say("CREW_MODEL_ABI %u", ", CREW_MODEL_ABI")
        print "    return 0;\n}"
    }' "$dir/declared" >"$dir/print.c"
$cc -std=c11 -Iinclude -I"$dir" "$dir/print.c" -o "$dir/print"
"$dir/print" >"$dir/abi"

sed -n 's/^[^{]*[ *]\(crew_[a-z_]*\)(.*)$/\1/p' "$dir/declared" | sort >"$dir/functions"
version=$(sed -n 's/^CREW_ABI_VERSION //p' "$dir/abi")
library=$BUILD/libcrew.so.$version
[ -e "$library" ] || fail "the shared library's name does not end in CREW_ABI_VERSION, which is $version"
nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' | sort >"$dir/exported"
cmp -s "$dir/functions" "$dir/exported" || {
    diff "$dir/functions" "$dir/exported" || true
    fail "the shared library does not export (>) what the headers declare (<)"
}

[ "${GOLDEN:-}" != write ] || cp "$dir/abi" "$golden"
cmp -s "$golden" "$dir/abi" && exit 0
diff "$golden" "$dir/abi" || true
# What is gone or has changed; but a struct that says its size may grow.
growing=$(sed -n 's/^\(struct [a-z_]*\) +0 struct_size: .*/^\1: /p' "$golden")
grep -vxF -f "$dir/abi" "$golden" | grep -v "$growing" >"$dir/gone" || true
[ -s "$dir/gone" ] || fail "the interface has only grown: write it down by GOLDEN=write make cli_abi"
fail "the interface has changed so that programs must be built again: if a release has CREW_ABI_VERSION $version, raise" \
    "it in include/crew/crew.h; then write it down by GOLDEN=write make cli_abi"
