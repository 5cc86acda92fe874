#!/usr/bin/env bash
# Measures every figure of BENCHMARKS.md, each beside a floor measured in the same run. Needs an idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."
printf '%s, %s, %s\n\n' "$(date -u +%F)" "$(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(rustc --version)"
cargo bench --quiet -p bigseg --bench engine
echo
cargo bench --quiet -p bigseg --bench evaluation
echo
cargo bench --quiet -p bigseg --bench sync
echo
cargo bench --quiet -p bigseg-ffi --bench cached
echo
scripts/bench_redis.sh
echo
scripts/bench_dynamodb.sh
echo
scripts/bench_node.sh
echo
cargo build --quiet --release -p bigseg-cli
python3 scripts/bench_import.py "${CARGO_TARGET_DIR:-target}/release/bigseg" "$@"
echo
scripts/bench_python.sh
