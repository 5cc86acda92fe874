#!/usr/bin/env bash
# Everything: lints, generated files, documentation, tests of every crate, the C programs, the official
# SDKs on our stores, and the installed copy.
set -euo pipefail
cd "$(dirname "$0")/.."
# What scripts/setup.sh installs must be there: a test that lacks it fails, and is not skipped.
required=redis,openssl,terminal,cpp,jansson,valgrind,emulator,fake_upstream,chromium,python_packages
if command -v java >/dev/null && command -v mvn >/dev/null; then
    required=$required,dynamodb_local
fi
export BIGSEG_REQUIRE=${BIGSEG_REQUIRE-$required}

log=$(mktemp -d)
trap 'rm -rf "$log"; jobs -p | xargs -r kill 2>/dev/null || true' EXIT

# Fetched while the compiler works.
scripts/python_venv.sh >/dev/null &
python_venv=$!
scripts/dynamodb_local.sh &
dynamodb_local=$!

began=$SECONDS
step() { # NAME: prints how long the step before it took.
    [ -z "${now:-}" ] || printf '   (%s: %s s)\n' "$now" "$((SECONDS - began))"
    now=$1 began=$SECONDS
    printf '\n== %s (at %s s)\n' "$now" "$SECONDS"
}

step "format, lints, generated files"
cargo fmt --all --check
cargo clippy --quiet --workspace --all-targets --features bigseg/testkit -- -D warnings
cargo run --quiet -p xtask -- verify

step "documentation"
# With the features of the step before, so that the crates that it checked are not checked again.
export RUSTDOCFLAGS="-D warnings"
# The C library has the name of the core crate, so their pages would be written to one folder.
cargo doc --quiet --package bigseg-ffi --no-deps --lib
cargo doc --quiet --workspace --exclude bigseg-ffi --no-deps --lib --features bigseg/testkit
unset RUSTDOCFLAGS

step "without the stores that need a server"
cargo clippy --quiet -p bigseg --no-default-features -- -D warnings

step "tests of every crate, and the C programs"
wait "$dynamodb_local"
cargo build --workspace
cargo test --workspace --no-fail-fast

# Beside what follows, which waits for servers and browsers most of the time.
{
    scripts/test_install.sh
    scripts/test_hot_path.sh
} >"$log/release" 2>&1 &
release=$!

step "the page of bigseg sync in a browser"
scripts/test_page.sh

step "the official SDKs on the same stores"
scripts/test_interop.sh

step "the Python module"
wait "$python_venv"
scripts/test_python.sh

step "the Node package"
scripts/test_node.sh

step "the installed copy, and the instructions of a cached answer"
wait "$release" || {
    cat "$log/release"
    exit 1
}
cat "$log/release"

step "done"
