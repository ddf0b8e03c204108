# Two verbs for a newcomer: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
SPARK := .venv-spark
LOCKS := uv airflow spark dev-airflow dev-spark
COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
PIP_INSTALL := $(VENV)/bin/uv pip install --quiet --require-hashes
THIS_PACKAGE := $(VENV)/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
# The jobs' tests start in a second; the stack's need minutes. A hung test must not eat the gate's time.
PYTEST := -m pytest --timeout 900
# One Spark session plans on one processor: two of them share the files of tests between them.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | column -t -s '	'

.PHONY: demo
demo: install ## Install, start the stack, seed the sample fleet, run the pipeline, show Gold
	@$(VENV)/bin/logistics demo

.PHONY: install
install: $(VENV)/.installed $(SPARK)/.installed ## Install both environments and the jars
	@$(VENV)/bin/python -m smart_logistics.stack.jars

$(VENV)/.installed: requirements/uv.txt requirements/airflow.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0] + ": set PYTHON=/path/to/python3.11")'
	@echo "Installing Airflow and the command line into $(VENV) (about 600 MB on disk)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv failed: on Debian, apt install python3-venv" >&2; exit 1; }
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	@$(VENV)/bin/uv pip sync --quiet --compile-bytecode --python $(VENV)/bin/python --require-hashes requirements/airflow.txt
	@$(THIS_PACKAGE) --python $(VENV)/bin/python
	@rm -f $(VENV)/.dev-installed; touch $@

$(SPARK)/.installed: requirements/spark.txt pyproject.toml | $(VENV)/.installed
	@echo "Installing PySpark into $(SPARK) (a download of 450 MB the first time, about 750 MB on disk)"
	@test -x $(SPARK)/bin/python || $(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python $(SPARK)
	@$(VENV)/bin/uv pip sync --quiet --compile-bytecode --python $(SPARK)/bin/python --require-hashes requirements/spark.txt
	@$(THIS_PACKAGE) --python $(SPARK)/bin/python
	@rm -f $(SPARK)/.dev-installed; touch $@

$(VENV)/.dev-installed: $(VENV)/.installed requirements/dev-airflow.txt
	@echo "Installing the tools for checks and tests"
	@$(PIP_INSTALL) --python $(VENV)/bin/python -r requirements/airflow.txt -r requirements/dev-airflow.txt
	@touch $@

$(SPARK)/.dev-installed: $(SPARK)/.installed requirements/dev-spark.txt
	@$(PIP_INSTALL) --python $(SPARK)/bin/python -r requirements/spark.txt -r requirements/dev-spark.txt
	@touch $@

.PHONY: install-dev
install-dev: install $(VENV)/.dev-installed $(SPARK)/.dev-installed ## Install what checks and tests need, too

.PHONY: test
test: install-dev check test-unit test-spark test-faults test-stack ## Install everything, then run the whole test suite

.PHONY: check
check: install-dev ## Format, lint, types, import directions
	@$(VENV)/bin/ruff format --check src tests dags benchmarks
	@$(VENV)/bin/ruff check src tests dags benchmarks
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

.PHONY: test-unit
test-unit: install-dev ## Tests without a JVM: rules, architecture, the DAG's structure, the stack's parts
	@$(VENV)/bin/python $(PYTEST) tests/unit tests/architecture tests/dags

.PHONY: test-spark
test-spark: install-dev ## Tests of the jobs on real Delta tables and a real PostgreSQL
	@$(SPARK)/bin/python $(PYTEST) $(SIDE_BY_SIDE) tests/spark

.PHONY: test-faults
test-faults: install-dev ## Faults injected for real: a sample of what fuzz, load, kill-matrix and random-kills do in full
	@$(SPARK)/bin/python $(PYTEST) $(SIDE_BY_SIDE) tests/faults

.PHONY: kill-matrix
kill-matrix: install-dev ## Kill each job at each step in each way, recover, recount (hours)
	@$(SPARK)/bin/python $(PYTEST) --numprocesses 2 tests/faults/test_kill_matrix.py tests/faults/test_kills_inside_the_jvm.py --whole-matrix

.PHONY: kill-matrix-warm
kill-matrix-warm: install-dev ## Kill each job at each step on a warm session, recover, recount (an hour)
	@$(SPARK)/bin/python $(PYTEST) tests/faults/test_kill_matrix.py --whole-matrix --spark-session warm

KILLS ?= 200
SEED ?= 1
.PHONY: random-kills
random-kills: install-dev ## Kill whole runs at random moments, KILLS times from SEED, and recount (hours)
	@$(SPARK)/bin/python $(PYTEST) --timeout 0 tests/faults/test_random_kills.py --kills $(KILLS) --seed $(SEED)

RECORDS ?= 1000000
.PHONY: fuzz
fuzz: install-dev ## Damage RECORDS telemetry records from SEED and account for every byte
	@$(SPARK)/bin/python -m pytest --timeout 14400 tests/faults/files/test_fuzz.py --records $(RECORDS) --seed $(SEED)

.PHONY: bench-files
bench-files: install-dev ## Time and memory of Bronze for 100,000 small files, a file and an array of 2 GB, records of 10 MB
	@$(SPARK)/bin/python -m benchmarks.bronze_files --files 100000 --bytes 2000000000 --array-bytes 2000000000 --long-records 60

TRANSACTIONS ?= 100000
.PHONY: load
load: install-dev ## TRANSACTIONS=100000 of every kind beside repeated extractions, and a naive cursor beside them
	@$(SPARK)/bin/python -m pytest --timeout 7200 -s tests/faults/source/test_load.py --transactions $(TRANSACTIONS)

.PHONY: test-stack
test-stack: install-dev ## End to end on the real stack, in a home of its own
	@$(VENV)/bin/python $(PYTEST) tests/e2e -m "not long"

.PHONY: test-stack-long
test-stack-long: install-dev ## Alerts, deadlines, retries, other masters, secrets and pages, on a real stack (half an hour)
	@$(VENV)/bin/python $(PYTEST) tests/e2e -m long

SESSION ?= warm

.PHONY: test-kills
test-kills: install-dev ## Kill each part of the running stack in the middle of a run; SESSION=classic or warm (an hour)
	@$(VENV)/bin/python -m pytest --timeout 2400 tests/kills --spark-session $(SESSION)

ONLY ?=
READINGS ?=
ROUNDS ?=
OPTIONS ?=
.PHONY: bench
bench: install-dev ## Measure the promised figures beside their baselines; ONLY=P1,P2 ROUNDS=5 READINGS=7200000 SMALL=1 (hours)
	@$(VENV)/bin/python -m benchmarks --only "$(ONLY)" $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(READINGS),--readings $(READINGS)) $(if $(SMALL),--small) $(OPTIONS)

RUNS ?= 200

.PHONY: bench-endurance
bench-endurance: install-dev ## Memory of the warm session over RUNS runs of the six jobs (hours)
	@$(VENV)/bin/python -m benchmarks.endurance --runs $(RUNS)

.PHONY: bench-pages
bench-pages: install-dev ## Time to first content of the pages with 100,000 shipments and a year of runs (some minutes)
	@$(VENV)/bin/python -m benchmarks.pages

.PHONY: format
format: install-dev ## Let the formatter decide
	@$(VENV)/bin/ruff format src tests dags benchmarks
	@$(VENV)/bin/ruff check --fix src tests dags benchmarks

.PHONY: docs
docs: install ## Write docs/data-model.md and docs/configuration.md from the declarations
	@$(VENV)/bin/python -m smart_logistics.cli.generated_docs docs

.PHONY: lock
lock: $(VENV)/.installed ## Compile requirements/*.in to hashed requirements/*.txt
	@for name in $(LOCKS); do $(COMPILE) requirements/$$name.in --output-file requirements/$$name.txt; done
