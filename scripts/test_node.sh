#!/usr/bin/env bash
# Builds the Node package and runs its tests: test_node.sh [quick]. Quick: a debug build, without servers and packing.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
if [ "${1:-}" = quick ]; then
    cd bindings/node
    node tools/build_native.mjs --debug
    npm run --silent build:types
    node --test tests/{vectors,engine,evaluation,l1_cache,custom_store,status,import,log,integration}.test.mjs >"$PWD/dist/tests.log" || {
        cat dist/tests.log
        exit 1
    }
    exit 0
fi
cargo build --quiet --workspace --bin dynamodb-emulator
cargo build --quiet --workspace --example fake_upstream
export BIGSEG_EMULATOR=$target/debug/dynamodb-emulator BIGSEG_FAKE_UPSTREAM=$target/debug/examples/fake_upstream
cd bindings/node
# The development profile, as for Python: it checks its own arithmetic, and the workspace has built it already.
node tools/build_native.mjs --debug
npm run --silent build:types
npm test --silent
