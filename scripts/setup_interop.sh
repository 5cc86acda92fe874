#!/usr/bin/env bash
# Installs the official SDKs of tests/interop under the target directory unless they are up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
place=${CARGO_TARGET_DIR:-target}/interop

same() { cmp -s "tests/interop/$1" "$place/$1"; }
if same requirements.txt && same package.json && same package-lock.json; then
    exit 0
fi
if ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; then
    echo "The SDKs of tests/interop need Node 18 or newer; this is $(node --version)" >&2
    exit 1
fi
echo "Installing the SDKs of tests/interop" >&2
rm -rf "$place"
mkdir -p "$place"
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/requirements.txt
cp tests/interop/package-lock.json "$place"
cp tests/interop/package.json "$place"
(cd "$place" && npm ci --silent --no-audit --no-fund --ignore-scripts)
# Written last, so that an interrupted installation is repeated.
cp tests/interop/requirements.txt "$place"
