# The front door. `make test` does its own set-up; nothing but Rust, Node and apt is needed.
.PHONY: setup test check bench autobahn fuzz demo

# What the tests need beside Rust: curl, for TLS as others speak it.
setup:
	@command -v curl >/dev/null || { apt-get update && apt-get install -y --no-install-recommends curl; }

test: setup check
	cargo test --workspace --no-fail-fast
	cd tests-clients && npm ci --ignore-scripts --no-audit --no-fund && TIDEWIRE=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/tidewire node --test

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

demo:
	cargo run --release -- demo

bench:
	cargo run --release -- bench

autobahn:
	scripts/autobahn.sh

# Seconds for each target; needs the nightly toolchain and cargo-fuzz.
fuzz:
	scripts/fuzz.sh $(or $(SECONDS_EACH),60)
