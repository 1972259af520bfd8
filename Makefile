# Two commands do all the set-up: `make run` and `make test`. Both need Python 3.11+ and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PLOT   := $(VENV)/.plot

.PHONY: help run test long lint format bench requirements clean

help:
	@echo "make run            start a sandbox Mode and Catalog, a real Airflow, and run the sync DAG (Ctrl-C stops it all)"
	@echo "make run ONCE=1     the same, then stop; exit code 0 only if the DAG run succeeded"
	@echo "make test           run the whole test suite"
	@echo "make long           the long stories: five failed days backfilled; a refresh whose triggerer dies"
	@echo "make lint           ruff and mypy"
	@echo "make bench          the benchmarks, about an hour; BENCH_ARGS=--quick about 2"
	@echo "make requirements   pin the dependencies again"
	@echo "make clean          remove everything the other targets made"

# The pinned set is complete, so nothing is resolved again (pip's hash mode stumbles over extras).
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies into $(VENV) (about a minute, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(PLOT): $(READY) requirements-bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.txt
	@touch $@

run: $(READY)
	@$(BIN)/python -m tests.demo $(if $(ONCE),--once)

test: $(READY)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

long: $(READY)
	$(BIN)/python -m pytest -o addopts="-ra" -o timeout=1800 tests/standalone/test_backfill.py tests/standalone/test_cache_refresh.py $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(PLOT)
	$(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

PIN := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --quiet

requirements: $(READY)
	$(PIN) pyproject.toml --extra dev -o requirements.txt
	$(PIN) --group bench -c requirements.txt -o requirements-bench.txt

clean:
	rm -rf $(VENV) .demo .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
