#!/usr/bin/env bash
# Fuzzes every parser of outside bytes (crates/hostile) for so many seconds each, from its seeds and from what earlier runs
# found. Needs the nightly toolchain; installs cargo-fuzz if it is missing. FUZZ_TARGETS names some of them only.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
cargo +nightly fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
cargo +nightly run --quiet --manifest-path fuzz/Cargo.toml --bin seeds
targets="contract compare head query publish_body pusher_body device_body keys answer record chunk frames client_frame pusher minify"
for target in ${FUZZ_TARGETS:-$targets}; do
  echo "== $target"
  cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20
done
