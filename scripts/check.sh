#!/usr/bin/env bash
# The inner loop: everything that is quick and needs no release build.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --quiet --workspace --all-targets --features bigseg/testkit -- -D warnings
cargo run --quiet -p xtask -- verify
cargo test --quiet --workspace --exclude bigseg-ffi
scripts/test_node.sh quick
