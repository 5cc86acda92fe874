#!/usr/bin/env bash
# Creates target/python-venv with the tools to build and test the Python module, and prints its path.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${CARGO_TARGET_DIR:-target}/python-venv
requirements=bindings/python/requirements-dev.txt

# The marker does not count if it is older than the requirements or made by another Python.
if ! { [ "$venv/installed" -nt "$requirements" ] && "$venv/bin/python" -c ''; } 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
    touch "$venv/installed"
fi
realpath "$venv"
