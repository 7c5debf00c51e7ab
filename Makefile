# Two commands are enough: `make run` and `make test`. Both set up what they need in .venv, from locked and hashed requirements.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --warn-undefined-variables

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PEERS := .venv-bench
BIN := $(VENV)/bin
FEED ?=
ARGS ?=
ONLY ?=
REPEAT ?= 3
SCALE ?= full
SECONDS ?= 3600
SEED ?=

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
SYNC := $(BIN)/uv pip sync --python $(BIN)/python --require-hashes --compile-bytecode
# Built without a network: what builds it is locked in runtime.txt as well.
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .

.PHONY: help run test faults bench check messages lock clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make run FEED=PATH ARGS="--derive-mappings --until-idle --report r.json"   feed a file, and stop when all is done'
	@echo '  make run ARGS="--home DIR --port-base 9700"                                a second stack beside the first'

run: $(VENV)/runtime.stamp  ## set up and run everything; plays the demo, or feeds FEED=PATH
	@$(BIN)/python -m deploy.embedded up $(if $(FEED),$(foreach path,$(FEED),--feed $(path)),--demo) $(ARGS)

test: check  ## set up, check, and run every test
	@echo '== tests'
	@$(BIN)/python -m pytest $(ARGS)

faults: $(VENV)/dev.stamp  ## break a whole stack for SECONDS=3600 under SEED=…, and say what held: .throughline/faults.md, .json
	@$(BIN)/python -m tests.faults --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: $(VENV)/dev.stamp $(PEERS)/stamp  ## measure Throughline beside its peers: ONLY=1,4 REPEAT=3 SCALE=small|full
	@$(BIN)/python -m tests.bench --only '$(ONLY)' --repeat $(REPEAT) --scale $(SCALE) $(ARGS)

check: $(VENV)/dev.stamp  ## everything that can be said without running: lint, types, import rules, generated files
	@echo '== ruff'
	@$(BIN)/ruff check --no-cache .
	@echo '== mypy'
	@$(BIN)/mypy
	@echo '== import rules'
	@$(BIN)/lint-imports
	@echo '== messages are those of the schemas'
	@$(BIN)/python -m shared.ops.messages --check
	@echo '== schemas are compatible with the released ones'
	@$(BIN)/python -m shared.ops.schemas check

messages: $(VENV)/dev.stamp  ## generate shared/messages from schemas
	@$(BIN)/python -m shared.ops.messages

lock: $(VENV)/dev.stamp  ## resolve requirements and Kafka's jars anew
	$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(COMPILE) requirements/runtime.in -o requirements/runtime.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/bench.in -o requirements/bench.txt
	$(BIN)/python -m deploy.embedded.jars

clean:  ## remove .venv and caches; the data of runs (.throughline) stays
	rm -rf $(VENV) $(PEERS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bootstrap.stamp: requirements/bootstrap.txt
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed and was not found: install it, or say PYTHON=/path/to/python3.'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11: say PYTHON=/path/to/python3.11."; exit 1; }
	@echo '== setting up $(VENV) (once)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@

# A venv with the development packages satisfies a run, so a run must not take them away again.
$(VENV)/runtime.stamp: $(VENV)/bootstrap.stamp requirements/runtime.txt pyproject.toml
	@if test -e $(VENV)/dev.stamp; then $(MAKE) $(VENV)/dev.stamp; else $(SYNC) requirements/runtime.txt && $(INSTALL); fi
	@touch $@

$(VENV)/dev.stamp: $(VENV)/bootstrap.stamp requirements/dev.txt pyproject.toml
	@$(SYNC) requirements/dev.txt
	@$(INSTALL)
	@touch $@ $(VENV)/runtime.stamp

# The peers of the benchmarks pin clients of their own, so they live apart; made by `make bench` only.
$(PEERS)/stamp: $(VENV)/bootstrap.stamp requirements/bench.txt
	@$(PYTHON) -m venv $(PEERS)
	@$(BIN)/uv pip sync --quiet --python $(PEERS)/bin/python --require-hashes --compile-bytecode requirements/bench.txt
	@touch $@
