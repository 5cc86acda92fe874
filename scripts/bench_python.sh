#!/usr/bin/env bash
# Measures the Python module beside the official SDK. Needs an idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$(scripts/python_venv.sh)
export PATH=$venv/bin:$PATH
target=$(realpath "${CARGO_TARGET_DIR:-target}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd bindings/python && maturin build --quiet --release --target-dir "$target" --out "$work")
pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$work"/*.whl
python bindings/python/bench/compare.py "$@"
