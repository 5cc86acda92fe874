# The front door. Each target is a line or two; the real work lives in cargo, xtask and scripts/.
.DEFAULT_GOAL := help
PREFIX ?= /usr/local

.PHONY: help demo test check bench soak fuzz install generate

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Build, load a million contexts, and answer from the shell and from C
	@scripts/setup.sh build && scripts/demo.sh

test: ## Install what the tests need, then run everything
	@scripts/setup.sh test && scripts/test.sh

check: ## The inner loop: format, lints, generated files, quick tests (under 3 minutes warm)
	@scripts/setup.sh test && scripts/check.sh

bench: ## Measure beside the floors, as ratios in one run (BENCHMARKS.md)
	@scripts/setup.sh test && scripts/bench.sh

soak: ## The long randomized runs, in full
	@scripts/setup.sh test && BIGSEG_SOAK=1 scripts/test.sh

install: ## Install library, header, pkg-config and CMake files: make install PREFIX=/usr/local
	@scripts/install.sh "$(PREFIX)"

generate: ## Rewrite the generated files: header and symbol list
	cargo run --quiet -p xtask -- generate
