#!/bin/sh
# The installed tree: pkg-config finds it, the example builds against it, shared and static, and runs; the
# headers compile as C++; only crew_ symbols are exported.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mode=${BUILD##*/}
mode=${mode##*-}
case $mode in
asan | tsan) echo "skip: the example is built without the sanitizer's runtime"; exit 77 ;;
esac
make --no-print-directory -s install MODE="$mode" O="$BUILD" DESTDIR="$dir" PREFIX=/usr/local
export PKG_CONFIG_PATH="$dir/usr/local/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dir" LD_LIBRARY_PATH="$dir/usr/local/lib"
cc=${CC:-cc}
$cc -std=c11 -Wall -Wextra -Werror tests/example/train.c $(pkg-config --cflags --libs crew) -lm -o "$dir/shared"
"$dir/shared"
unset PKG_CONFIG_SYSROOT_DIR
$cc -std=c11 tests/example/train.c -I"$dir/usr/local/include" "$dir/usr/local/lib/libcrew.a" \
    $(pkg-config --libs openblas hwloc jansson zlib) -lm -pthread -o "$dir/static"
"$dir/static"
for header in "$dir"/usr/local/include/crew/*.h; do
    echo "#include <crew/$(basename "$header")>"
done >"$dir/all.cc"
echo 'int main() { return crew_version()[0] == 0; }' >>"$dir/all.cc"
c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I"$dir/usr/local/include" "$dir/all.cc" -L"$dir/usr/local/lib" -lcrew -o "$dir/cpp"
"$dir/cpp"
foreign=$(nm -D --defined-only "$dir"/usr/local/lib/libcrew.so.* | awk '{print $3}' | grep -v '^crew_' || true)
[ -z "$foreign" ] || { echo "exported besides crew_: $foreign"; exit 1; }
"$dir/usr/local/bin/crew" --version | grep -q '^crew '
test -s "$dir/usr/local/share/man/man1/crew.1"
test -s "$dir/usr/local/share/bash-completion/completions/crew"
