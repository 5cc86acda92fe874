#!/usr/bin/env bash
# Measures the DynamoDB figures of BENCHMARKS.md, each beside a floor measured on the same server in the same run. An
# argument selects the sections whose name contains it.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup_interop.sh
BIGSEG_INTEROP=$(realpath "${CARGO_TARGET_DIR:-target}/interop") cargo bench --quiet -p bigseg --bench dynamodb -- "$@"
