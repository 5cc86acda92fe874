#!/usr/bin/env bash
# Makes target/python-venv, with all that building and testing the Python module takes, and prints its path.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${CARGO_TARGET_DIR:-target}/python-venv
requirements=bindings/python/requirements-dev.txt

# A marker that is older than the requirements, or that another Python made, is none.
if ! { [ "$venv/installed" -nt "$requirements" ] && "$venv/bin/python" -c ''; } 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
    touch "$venv/installed"
fi
realpath "$venv"
