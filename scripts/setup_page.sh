#!/usr/bin/env bash
# Installs the tools to test the page of `bigseg sync` under the target directory unless they are up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
place=${CARGO_TARGET_DIR:-target}/page
cmp -s cli/tests/page/package-lock.json "$place/installed-lock.json" && exit 0
echo "Installing the tools that test the page" >&2
rm -rf "$place"
mkdir -p "$place"
cp cli/tests/page/package.json cli/tests/page/package-lock.json "$place"
(cd "$place" && npm ci --silent --no-audit --no-fund --ignore-scripts)
# Written last, so that an interrupted installation is repeated.
cp cli/tests/page/package-lock.json "$place/installed-lock.json"
