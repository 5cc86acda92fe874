#!/usr/bin/env bash
# Builds the Node package and runs its tests: test_node.sh [quick]. Quick: a debug build, no servers, nothing packed.
set -euo pipefail
cd "$(dirname "$0")/../bindings/node"
if [ "${1:-}" = quick ]; then
    node tools/build_native.mjs --debug
    npm run --silent build:types
    node --test tests/{vectors,engine,first_level,custom_store,status,import}.test.mjs >"$PWD/dist/tests.log" || {
        cat dist/tests.log
        exit 1
    }
    exit 0
fi
npm run --silent build
npm test --silent
