#!/usr/bin/env bash
# Installs the tools to build and test the Node package unless they are up to date.
set -euo pipefail
cd "$(dirname "$0")/../bindings/node"
if ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; then
    echo "The Node package needs Node 18 or newer; this is $(node --version)" >&2
    exit 1
fi
cmp -s package-lock.json node_modules/.installed-lock.json && exit 0
echo "Installing the tools of the Node package" >&2
npm ci --silent --no-audit --no-fund --ignore-scripts
# Written last, so that an interrupted installation is repeated.
cp package-lock.json node_modules/.installed-lock.json
