# make verify and make test do all set-up: they need Python >= 3.11 with venv, and nothing else.
# Everything stays inside this folder: the environment in .venv, caches in .cache.

PYTHON ?= python3
BIN := .venv/bin
SETUP := .cache/setup
# the environment is made again when a dependency or a pinned version changes, and only then
STAMP = $(SETUP)/$(shell cat pyproject.toml constraints.txt 2>/dev/null | cksum | cut -d ' ' -f 1)

export MARLCORE_CACHE := $(CURDIR)/.cache/marlcore
export RUFF_CACHE_DIR := $(CURDIR)/.cache/ruff
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/.cache/pyright
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib

.PHONY: verify test test-all lint bench docs oracles results mutants setup clean help

verify: setup  ## the main job: every claim of the ledger at the quick budget (ledger.html), every fact of the library
	$(BIN)/python -m marlcore games --check
	$(BIN)/python -m marlcore verify --budget quick --report ledger.html

test: setup  ## the tests, on all cores
	$(BIN)/python -m pytest -n auto

test-all: setup  ## the tests with those that are marked slow
	$(BIN)/python -m pytest -n auto -m "not gpu and not smac and not oracles"

lint: setup  ## ruff (rules and format) and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: setup  ## every benchmark, beside its peers
	$(BIN)/python -m marlcore bench

docs: setup  ## the documentation, into site/, without network; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

oracles: setup  ## make the verdicts of other programs again (pygambit compiles for minutes), then test against them
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[oracles]'
	$(BIN)/python tests/data/gambit/make.py --check
	$(BIN)/python -m pytest -m oracles

RESULTS_MINUTES ?= 60
results: setup  ## go on with the training runs of the results tables for RESULTS_MINUTES, then write the tables
	$(BIN)/python tools/results.py benchmarks/results.json --minutes $(RESULTS_MINUTES) --processes 2

mutants: setup  ## mutate primitives, margins and solvers; a survivor that is not in the committed list fails
	$(BIN)/python tools/mutants.py
	$(BIN)/python tools/margin_mutants.py

setup: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "marlcore needs Python >= 3.11, and $(PYTHON) is $$($(PYTHON) --version 2>&1): make PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[deep,docs,dev]'
	@rm -rf $(SETUP) && mkdir -p $(SETUP) && touch $@

clean:  ## remove the environment and everything that was made
	rm -rf .venv .cache build dist site ledger.html *.egg-info .pytest_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/	/'
