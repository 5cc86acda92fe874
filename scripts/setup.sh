#!/usr/bin/env bash
# Installs what is missing: `build` needs a Rust toolchain and a C compiler, `test` the tools and servers of the tests too.
set -euo pipefail
what=${1:?usage: setup.sh build|test}

say() { printf '%s\n' "$*" >&2; }

if ! command -v cargo >/dev/null; then
    say "Rust is missing: install it from https://rustup.rs (the version is in rust-toolchain.toml)"
    exit 1
fi

packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
# Not gcc alone: without its recommended packages there is no C library to compile against.
need cc build-essential
need make make
if [ "$what" = test ]; then
    need c++ g++
    need valgrind valgrind
    need cmake cmake
    need pkg-config pkg-config
    need gzip gzip
    need python3 python3
    need redis-server redis-server
    need openssl openssl
    need node nodejs
    need npm npm
    need chromium chromium
    python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
    pkg-config --exists jansson 2>/dev/null || packages+=(libjansson-dev)
fi
install_sdks() {
    [ "$what" = build ] && return
    # Together: each waits for its registry most of the time.
    local installing=() each
    for each in interop node page; do
        "$(dirname "$0")/setup_$each.sh" &
        installing+=($!)
    done
    for each in "${installing[@]}"; do
        wait "$each"
    done
}
if [ ${#packages[@]} -eq 0 ]; then
    install_sdks
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    say "Please install: ${packages[*]}"
    exit 1
fi
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
say "Installing ${packages[*]}"
$sudo apt-get update -qq
# As in runlevel 1, no package starts a service: tests start servers of their own.
$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
install_sdks
