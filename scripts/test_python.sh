#!/usr/bin/env bash
# Tests the Python module as its users get it: a wheel in a new environment, with types, documentation
# and tests.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$(scripts/python_venv.sh)
export PATH=$venv/bin:$PATH
target=$(realpath "${CARGO_TARGET_DIR:-target}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --quiet --workspace --bin dynamodb-emulator
cargo build --quiet --workspace --example fake_upstream
export BIGSEG_EMULATOR=$target/debug/dynamodb-emulator BIGSEG_FAKE_UPSTREAM=$target/debug/examples/fake_upstream
cd bindings/python

# The wheel that the tests run on: of the development profile, which is built quickly and checks its own arithmetic.
maturin build --quiet --profile dev --target-dir "$target" --out "$work/wheels"
pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$work"/wheels/*.whl

mypy
pyright
# Against what was installed, not against the source beside it.
installed=$(cd / && python -c 'import bigseg, os; print(os.path.dirname(bigseg.__file__))')
pytest --quiet --doctest-modules tests "$installed" "$@"

# A source distribution that is complete, and a wheel built from it without our tools.
maturin sdist --out "$work/sdist"
python3 -m venv "$work/fresh"
CARGO_TARGET_DIR=$target MATURIN_PEP517_ARGS="--profile dev" \
    "$work/fresh/bin/pip" install --quiet --disable-pip-version-check "$work"/sdist/*.tar.gz
(cd / && "$work/fresh/bin/python" -c 'import bigseg; print("bigseg", bigseg.__version__, bigseg.Engine("memory:").membership("alice").status)')
echo "test_python: ok"
