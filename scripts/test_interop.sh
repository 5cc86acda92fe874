#!/usr/bin/env bash
# Tests interoperability with the official SDKs in both directions (tests/interop/README.md).
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
scripts/setup_interop.sh
cargo build --quiet --workspace --bin bigseg --bin dynamodb-emulator --example apply_patches --example evaluate_cases
export BIGSEG_COMMAND=$target/debug/bigseg BIGSEG_APPLY_PATCHES=$target/debug/examples/apply_patches
export BIGSEG_EMULATOR=$target/debug/dynamodb-emulator BIGSEG_EVALUATE_CASES=$target/debug/examples/evaluate_cases
export NODE_PATH=$target/interop/node_modules PYTHONDONTWRITEBYTECODE=1
"$target/interop/venv/bin/python" tests/interop/test_interop.py "$@"
"$target/interop/venv/bin/python" tests/interop/test_evaluation.py
