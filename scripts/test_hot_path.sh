#!/usr/bin/env bash
# Counts the instructions of a cached answer through C, which other load on the machine does not
# change, and fails if there are many more than before. Hashing is excluded: Valgrind does not
# support the processor's SHA-256 instructions.
set -euo pipefail
cd "$(dirname "$0")/.."
most=1250
built=$(realpath "${CARGO_TARGET_DIR:-target}")/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --quiet --release -p bigseg-ffi
cc -O2 -Wall -Wextra -Werror -Iinclude ffi/benches/hot_path.c -o "$work/hot_path" "$built/libbigseg.so" -Wl,-rpath,"$work"
ln -s "$built/libbigseg.so" "$work/libbigseg.so.0"

instructions() { # COUNT: of a whole run, on the calling thread.
    valgrind --tool=callgrind --separate-threads=yes --callgrind-out-file="$work/out.$1" "$work/hot_path" "$1" 2>/dev/null
    sed -n 's/^\(totals\|summary\): //p' "$work/out.$1-01" | head -1
}

few=$(instructions 1000)
many=$(instructions 11000)
each=$(((many - few) / 10000))
echo "a cached answer through C, by hash: $each instructions (at most $most)"
[ "$each" -gt 0 ] && [ "$each" -le "$most" ]
