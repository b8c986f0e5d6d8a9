# The front door. `make test` does its own set-up; nothing but Rust, Node and apt is needed.
.PHONY: setup test test-clients test-typescript check bench autobahn fuzz demo

# What the tests need beside Rust and Node: curl, for TLS as others speak it; git, whose revisions contracts are compared with; RabbitMQ, which each test starts for itself; a
# browser; Python with its library from its registry.
APT := curl:curl redis-server:redis-server git:git rabbitmqctl:rabbitmq-server pkill:procps chromium:chromium python3:python3
setup:
	@missing=; for pair in $(APT); do command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	python3 -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -n "$$missing" ]; then apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends $$missing; fi

# Most tests wait more than they work: more of them at once than there are cores.
test: setup check
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} cargo test --workspace --no-fail-fast
	$(MAKE) -j2 --output-sync=target test-clients test-typescript

# Others' clients against the server, and ours; each installs what it needs from the npm registry.
NPM := npm ci --ignore-scripts --no-audit --no-fund
TIDEWIRE := $${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/tidewire
test-clients:
	cd tests-clients && $(NPM) && TIDEWIRE=$(TIDEWIRE) node --test --test-concurrency=2
test-typescript:
	cd clients/typescript && $(NPM) && TIDEWIRE=$(TIDEWIRE) npm test

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

demo:
	cargo run --release -- demo

# A short run: make bench ARGS=--quick
bench:
	cargo run --release -- bench $(ARGS)

autobahn:
	scripts/autobahn.sh

# Seconds for each target; needs the nightly toolchain and cargo-fuzz.
fuzz:
	scripts/fuzz.sh $(or $(SECONDS_EACH),60)
