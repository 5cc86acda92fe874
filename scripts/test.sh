#!/usr/bin/env bash
# Everything: lints, generated files, documentation, tests of every crate, the C programs, the official
# SDKs on our stores, and the installed copy.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s (at %ss)\n' "$*" "$SECONDS"; }

step "format, lints, generated files"
cargo fmt --all --check
cargo clippy --quiet --workspace --all-targets --features bigseg-core/testkit -- -D warnings
cargo run --quiet -p xtask -- verify

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --lib

step "without the stores that need a server"
cargo check --quiet -p bigseg-core --no-default-features

step "tests of every crate, and the C programs"
scripts/dynamodb_local.sh
cargo build --workspace
cargo test --workspace --no-fail-fast

step "the page of bigseg sync in a browser"
scripts/test_page.sh

step "the official SDKs on the same stores"
scripts/test_interop.sh

step "the Python module"
scripts/test_python.sh

step "the installed copy"
scripts/test_install.sh

step "the instructions of a cached answer"
scripts/test_hot_path.sh

step "the Node package"
scripts/test_node.sh

step "done"
