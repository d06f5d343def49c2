# SPDX-License-Identifier: GPL-3.0-or-later
# On a bare Debian 12 machine `make demo` and `make test` do all the set-up themselves.
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --generate-hashes --python-version 3.11 --no-header --no-annotate -q

.PHONY: help setup demo test soak fuzz check bench deb lock clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: ## install what is missing: Debian packages, pjsua2, .venv
	@deploy/setup

demo: setup ## a real call with audio, signals and a handoff, and its story; ARGS="--ask refer --back bridge"
	@$(BIN)/handoff-agent demo $(ARGS)

test: ## all tests; those with real SIP also on a pjsua2 whose assertions speak; ARGS="tests/core -x"
	@deploy/setup --tests
	@$(BIN)/pytest -n auto --flavour asserts $(ARGS)

soak: setup ## the long forms: hundreds of kills, minutes of outage, relayed calls at random under both sanitizers
	@deploy/setup --tsan
	@$(BIN)/pytest -m soak tests/faults tests/deploy
	@$(BIN)/python -m tests.fuzz.relays
	@$(BIN)/python -m tests.fuzz.relays --flavour tsan

fuzz: setup ## torture and mutation of SIP messages under AddressSanitizer; ARGS="--seed 7 --count 500"
	@deploy/setup --tests
	@$(BIN)/python -m tests.fuzz $(ARGS)

check: setup ## lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: ## measure; raw results go to docs/performance; PROFILE="setup relay" for some only; PROFILE=compare REVISION=…
	@deploy/setup --bench
	@$(BIN)/python -m tests.benchmarks $(PROFILE)

deb: setup ## the Debian package, into dist/; ARGS="--version 1.2.3 --parquet"
	@deploy/debian/build $(ARGS)

lock: setup ## pin all Python packages anew
	@$(LOCK) pyproject.toml --group dev --all-extras -o requirements.lock
	@$(LOCK) pyproject.toml --extra otel -c requirements.lock -o deploy/containers/runtime.lock
	@$(LOCK) --group image -c requirements.lock -o deploy/containers/build.lock

clean: ## remove what set-up made in this folder
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
