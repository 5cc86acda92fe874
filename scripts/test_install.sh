#!/usr/bin/env bash
# Installs into a temporary directory, moves it, and builds programs against it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    printf 'test_install: %s\n' "$*" >&2
    exit 1
}

scripts/install.sh /opt/bigseg "$work/stage"
mv "$work/stage/opt/bigseg" "$work/moved"
lib=$work/moved/lib

# What was installed.
[ "$(readlink "$lib/libbigseg.so")" = libbigseg.so.0 ] || fail "libbigseg.so leads to $(readlink "$lib/libbigseg.so")"
[ -e "$lib/libbigseg.so.0" ] || fail "libbigseg.so.0 leads nowhere"
readelf -d "$lib/libbigseg.so" | grep -q 'soname: \[libbigseg.so.0\]' || fail "the soname is wrong"
! readelf -S "$lib/libbigseg.so" | grep -q '\.debug_' || fail "libbigseg.so is not stripped"
nm -D --defined-only --format=just-symbols "$lib/libbigseg.so" | diff - include/bigseg.symbols || fail "the exports differ"
! grep -rqI "$work" "$work/moved" || fail "the directory it was staged in got into a file"

# With pkg-config: the shared library, and the static one where there is no other.
export PKG_CONFIG_PATH=$lib/pkgconfig
source=ffi/tests/install/program.c
cc -Wall -Wextra -Werror "$source" $(pkg-config --cflags --libs bigseg) -o "$work/shared"
LD_LIBRARY_PATH=$lib "$work/shared"
readelf -d "$work/shared" | grep -q 'NEEDED.*libbigseg.so.0' || fail "the program does not use the shared library"
mkdir "$work/static_only"
cp -r "$work/moved/include" "$work/static_only"
mkdir "$work/static_only/lib"
cp -r "$lib/libbigseg.a" "$lib/pkgconfig" "$work/static_only/lib"
PKG_CONFIG_PATH=$work/static_only/lib/pkgconfig
cc -Wall -Wextra -Werror "$source" $(pkg-config --static --cflags --libs bigseg) -o "$work/static"
"$work/static"

# With CMake: a C and a C++ program, with either library.
cmake -S ffi/tests/install -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/moved" >/dev/null
cmake --build "$work/cmake" >/dev/null
for program in c_shared c_static cpp_shared cpp_static; do
    "$work/cmake/$program"
done
echo "test_install: ok"
