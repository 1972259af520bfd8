# Two commands do all the set-up: `make run` and `make test`. Both need Python 3.11+ and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# `make run` installs what it needs, everything else the whole set; what is there is not installed again.
RUN    := $(VENV)/.run
READY  := $(VENV)/.ready

# Some images forbid Python to keep what it compiled: then each of the many processes compiles all of Airflow again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test versions stores long lint format fuzz mutants bench docs release requirements clean

help:
	@echo "make run            start a sandbox Mode and Catalog, a real Airflow, and run the sync DAG (Ctrl-C stops it all)"
	@echo "make run ONCE=1     the same, then stop; exit code 0 only if the DAG run succeeded"
	@echo "make test           run the whole test suite"
	@echo "make fuzz           odd bytes into each parser, a minute each; FUZZ_SECONDS=600 for longer"
	@echo "make mutants        small faults in the package: does a test notice? MUTANTS_ARGS='lock --count=20'"
	@echo "make long           the long stories: five failed days backfilled; a refresh whose triggerer dies"
	@echo "make versions       the wheel on each supported pair of Airflow and Python, hours; VERSIONS_ARGS='--airflow 3.1.8'"
	@echo "make stores         lock and staging on servers of S3, Azure and Google Cloud Storage; needs npm"
	@echo "make lint           ruff and mypy"
	@echo "make bench          the benchmarks, an hour and a quarter; BENCH_ARGS=--quick about 2"
	@echo "make docs           build the documentation into site/"
	@echo "make release        build and check the wheel and the sdist in dist/, with an SBOM"
	@echo "make requirements   pin the dependencies again"
	@echo "make clean          remove everything the other targets made"

# Each set is complete, so nothing is resolved again. uv is quicker than pip by far; where it cannot be had, pip does.
define install
	@$(BIN)/python -m tests.install $(1)
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make an environment: on Debian and Ubuntu install python3-venv"; exit 1; }

$(RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	$(call install,requirements/run.txt)
	@touch $@

$(READY): requirements.txt pyproject.toml | $(BIN)/python
	$(call install,requirements.txt)
	@touch $@ $(RUN)

$(VENV)/.%: requirements/%.txt $(READY)
	$(call install,$<)
	@touch $@

run: $(RUN)
	@$(BIN)/python -m tests.demo $(if $(ONCE),--once)

# Tests that start no Airflow run side by side, two for each core, for half of the time they wait. Then those that run
# DAGs, each worker with an Airflow of its own, and beside them those that start servers, one after another.
TWO_PER_CORE = -n $(shell $(BIN)/python -c 'import os; print(2 * os.cpu_count())') --dist loadfile
ONE_PER_CORE = -n auto --dist loadfile
WITHOUT_DAGS := tests/unit tests/integration tests/fuzz
WITH_DAGS    := tests/airflow tests/object_store
DAGS_TOLD    := $(VENV)/.dag-tests

test: $(READY)
	@$(BIN)/python -m tests.machine
	@failed=0; \
	$(BIN)/python -m pytest $(TWO_PER_CORE) $(WITHOUT_DAGS) $(PYTEST_ARGS) || failed=$$?; \
	$(BIN)/python -m pytest $(ONE_PER_CORE) $(WITH_DAGS) $(PYTEST_ARGS) > $(DAGS_TOLD) 2>&1 & dags=$$!; \
	$(BIN)/python -m pytest tests $(patsubst %,--ignore=%,$(WITHOUT_DAGS) $(WITH_DAGS)) $(PYTEST_ARGS) || failed=$$?; \
	wait $$dags || failed=$$?; \
	cat $(DAGS_TOLD); \
	exit $$failed

long: $(READY)
	$(BIN)/python -m pytest -o addopts="-ra" -o timeout=1800 tests/standalone/test_backfill.py tests/standalone/test_cache_refresh.py $(PYTEST_ARGS)

versions: $(READY)
	$(BIN)/python -m tests.versions $(VERSIONS_ARGS)

# Servers that stand in for the clouds; those of Node.js are pinned by version.
$(VENV)/.stores: requirements/stores.txt $(READY)
	$(call install,requirements/stores.txt)
	npm install --silent --no-save --prefix .stores azurite@3.35.0 s3rver@3.7.1
	@touch $@

stores: $(VENV)/.stores
	$(BIN)/python -m pytest -o addopts="-ra" tests/stores $(PYTEST_ARGS)

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

mutants: $(READY)
	$(BIN)/python -m tests.mutants $(MUTANTS_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench
	$(BIN)/python -m tests.audit_workspaces
	$(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

release: $(VENV)/.release
	$(BIN)/python -m tests.release

PIN := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --quiet

requirements: $(READY)
	$(PIN) pyproject.toml --extra dev -o requirements.txt
	$(PIN) pyproject.toml --extra sql --group run -c requirements.txt -o requirements/run.txt
	for group in install bench docs release stores; do $(PIN) --group $$group -c requirements.txt -o requirements/$$group.txt; done

clean:
	rm -rf $(VENV) .demo .stores .versions .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
