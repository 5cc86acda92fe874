#!/usr/bin/env bash
# Loads a million contexts into an embedded store and looks some up from the shell and from C. All
# files are in target/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
store=local:target/demo/population.bigseg
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

say "Building the command and the C library"
cargo build --release -p bigseg-cli -p bigseg-ffi

say "Loading the demo data"
"$target/release/bigseg" demo

say "Lookups in the same store from C (ffi/examples/membership.c)"
mkdir -p target/demo
ln -sf "$(realpath "$target/release/libbigseg.so")" target/demo/libbigseg.so.0
cc -O2 -Wall -Wextra -Iinclude ffi/examples/membership.c -o target/demo/membership \
    -L"$target/release" -lbigseg -Wl,-rpath,'$ORIGIN'
target/demo/membership "$store" user-0 demo-16.g1

say "For the commands above"
printf '  export PATH="%s:$PATH"\n' "$(realpath "$target/release")"
