# One command per habit. Everything happens in .venv; nothing outside the clone is changed,
# except that `make test` installs Debian's Chromium when it is missing and it may (root).

PYTHON ?= python3
# Where torch's CPU wheel comes from: pip options, if pip's configured sources do not have it
# (for example: make demo TORCH_SOURCE="--index-url <PyTorch's CPU wheel index>").
TORCH ?= torch==2.13.0
TORCH_SOURCE ?=
# An unpacked Apache Kafka ≥ 4.0; empty: the embedded broker.
KAFKA_HOME ?=
ONCE ?=
# Test processes: most tests wait for brokers and databases.
WORKERS ?= 2

export PYTHON TORCH TORCH_SOURCE
BIN := .venv/bin
with_kafka = $(if $(KAFKA_HOME),KAFKA_HOME="$$(cd "$(KAFKA_HOME)" && pwd)")

.PHONY: help demo up test lint types unit bench lock clean install install-test chromium

help: ## show the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

install:
	@sh deploy/install.sh

install-test:
	@sh deploy/install.sh test

demo: install ## play the story on real organisations and stay up (ONCE=1: end after it)
	@$(with_kafka) INTERCLUSTER_INSTALL_SECONDS=$$(cat .venv/.install-seconds) $(BIN)/intercluster demo $(if $(ONCE),--once)

up: install ## start everything and stay up
	@$(with_kafka) $(BIN)/intercluster up

lint: install-test ## style and architecture
	@$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check --quiet .
	@mkdir -p build && $(BIN)/python -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-cache >build/imports.txt || { cat build/imports.txt; exit 1; }

types: install-test ## strict types
	@$(BIN)/python -m mypy

test: install-test chromium lint types ## all checks and all tests (KAFKA_HOME=…: also on Apache Kafka)
	@$(with_kafka) $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder || { \
		echo "What failed is run once more, alone: two workers on two cores may have starved it"; \
		$(with_kafka) $(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none; }

bench: install ## the numbers, as a table and as JSON
	@$(with_kafka) $(BIN)/intercluster bench

lock: ## resolve requirements*.in anew into the locks
	@$(BIN)/python -m pip install --quiet pip-tools==7.6.2 && $(BIN)/python -m deploy.lock

chromium:
	@command -v chromium >/dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || echo "Chromium is missing and could not be installed: browser tests will fail"

clean: ## remove data, caches and the environment
	rm -rf .venv .intercluster build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
