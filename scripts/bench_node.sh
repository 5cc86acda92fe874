#!/usr/bin/env bash
# Measures the Node figures of BENCHMARKS.md, each beside the official SDK on the same Redis server in the same run. An
# argument selects the sections whose name contains it.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup_node.sh
cd bindings/node
npm run --silent build
node --expose-gc bench/main.mjs "$@"
