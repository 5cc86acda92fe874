#!/usr/bin/env bash
# The page of `bigseg sync` in a real Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/capability.sh
browser=$(command -v chromium) || skip chromium "chromium is not on the PATH (scripts/setup.sh test)"
target=$(realpath "${CARGO_TARGET_DIR:-target}")
scripts/setup_page.sh
cargo build --quiet --workspace --bin bigseg
export BIGSEG_COMMAND=$target/debug/bigseg BIGSEG_PAGE_TOOLS=$target/page
BIGSEG_CHROMIUM=$browser node --test cli/tests/page/page.test.mjs
