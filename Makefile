# Tegula: the two commands of the README, and what they stand on.
.POSIX:
.SUFFIXES:
SHELL = /bin/sh
PYTHON = python3
OUT = out/osmfish
FUZZ_SECONDS = 60
FUZZ_LIMITS = -timeout=10 -rss_limit_mb=2048

.PHONY: demo test wheel bench gen fuzz clean need-rust need-python venv oldest

demo: need-rust ## Builds the release binary and takes a real tissue from file to domains.
	cargo build --release --locked -p tegula-cli
	./target/release/tegula run data/osmfish/osmfish.h5ad -o $(OUT) --labels region --s-neigh 8 --n-clusters 11
	@printf '\nFigures: %s\nMetrics: %s\n' "$(OUT)/figures" "$(OUT)/metrics.json"

# Built as one who builds once does: each crate in one piece, with nothing kept for a later edit. That takes half the time.
test: need-rust need-python venv oldest ## Runs every test.
	CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_CODEGEN_UNITS=1 cargo xtask ci

gen: need-rust ## Rewrites what is made from the registry of methods.
	cargo xtask gen

wheel: need-python venv ## Builds the Python package for this machine into out/wheels.
	.venv/bin/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	cd python && ../.venv/bin/maturin build --release --locked --out ../out/wheels

bench: need-rust need-python .venv-bench/done ## Measures ours beside the peers; writes benches/record.
	cargo build --release --locked -p tegula-cli
	rm -rf out/bench
	cd python && ../.venv-bench/bin/maturin build --quiet --release --locked --out ../out/bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps out/bench/*.whl
	.venv-bench/bin/python benches/bench.py

need-rust:
	@command -v cargo >/dev/null 2>&1 || { echo "Rust is missing: install it from https://rustup.rs (1.95 or newer), then try again." >&2; exit 1; }

need-python:
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or newer with the venv module is missing: install it (or pass PYTHON=/path/to/python3), then try again." >&2; exit 1; }

venv: .venv/done
.venv/done: python/requirements-test.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r python/requirements-test.txt
	@touch $@

oldest: .venv-oldest/done
.venv-oldest/done: python/requirements-oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -r python/requirements-oldest.txt
	@touch $@

.venv-bench/done: benches/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benches/requirements.txt
	@touch $@

fuzz: need-rust need-python venv ## Lets every reader loose on damaged files, FUZZ_SECONDS each.
	@command -v cargo-fuzz >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	.venv/bin/python fuzz/seeds.py
	cargo fuzz build --sanitizer none
	for target in $$(cargo fuzz list); do \
		cargo fuzz run --sanitizer none $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=100000 $(FUZZ_LIMITS) || exit 1; \
	done

clean:
	rm -rf target out .venv .venv-oldest .venv-bench fuzz/target fuzz/corpus
