#!/usr/bin/env bash
# Builds the library and installs it: install.sh PREFIX [DESTDIR]. A package builder gives DESTDIR, which is put in
# front of every path but does not end up in any file.
set -euo pipefail
prefix=${1:?usage: install.sh PREFIX [DESTDIR]}
root=${2:-}$prefix
[ "${root#/}" != "$root" ] || root=$PWD/$root
cd "$(dirname "$0")/.."

cargo build --quiet --release -p bigseg-ffi
built=${CARGO_TARGET_DIR:-target}/release
version=$(cargo pkgid -p bigseg-ffi | sed 's/.*[@#]//')
abi=$(sed -n 's/^#define BIGSEG_ABI_VERSION //p' include/bigseg.h)
# What the standard library of Rust needs beside libbigseg.a.
static_libraries="-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc"

fill_in() { # FILE.in SEPARATOR: writes it with the values in place; CMake separates libraries by semicolons.
    sed -e "s/@VERSION@/$version/g" -e "s/@ABI@/$abi/g" -e "s/@STATIC_LIBRARIES@/${static_libraries// /$2}/g" "$1"
}

install -d "$root/include" "$root/lib/pkgconfig" "$root/lib/cmake/bigseg"
install -m 644 include/bigseg.h include/bigseg.hpp "$root/include"

install -m 755 "$built/libbigseg.so" "$root/lib/libbigseg.so.$version"
strip --strip-unneeded "$root/lib/libbigseg.so.$version"
ln -sf "libbigseg.so.$version" "$root/lib/libbigseg.so.$abi"
ln -sf "libbigseg.so.$abi" "$root/lib/libbigseg.so"
install -m 644 "$built/libbigseg.a" "$root/lib/libbigseg.a"
strip --strip-debug "$root/lib/libbigseg.a"

fill_in ffi/packaging/bigseg.pc.in " " >"$root/lib/pkgconfig/bigseg.pc"
for file in bigsegConfig.cmake bigsegConfigVersion.cmake; do
    fill_in "ffi/packaging/$file.in" ";" >"$root/lib/cmake/bigseg/$file"
done
