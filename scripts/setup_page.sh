#!/usr/bin/env bash
# Installs what the page of `bigseg sync` is tested with under the target directory, unless what is there is what is wanted.
set -euo pipefail
cd "$(dirname "$0")/.."
place=${CARGO_TARGET_DIR:-target}/page
cmp -s cli/tests/page/package-lock.json "$place/installed-lock.json" && exit 0
echo "Installing the tools that test the page" >&2
rm -rf "$place"
mkdir -p "$place"
cp cli/tests/page/package.json cli/tests/page/package-lock.json "$place"
(cd "$place" && npm ci --silent --no-audit --no-fund --ignore-scripts)
# Last, so that an installation that was cut short is begun again.
cp cli/tests/page/package-lock.json "$place/installed-lock.json"
