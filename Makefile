# Every command sets up what it needs the first time; see README.md.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Compiled once: otherwise every test worker, and every process a test starts, compiles the whole bot anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo run test soak check cover mutate bench lock clean

help: ## what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit("patron-roles needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.13 demo") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.run: requirements.txt $(VENV)/.created
	@echo "Installing what the bot needs (the first time only) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.test: requirements-test.txt $(VENV)/.run
	@echo "Installing what the tests need (the first time only) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.txt
	@touch $@

demo: $(VENV)/.run ## the whole bot against a Patreon and a Discord that run here; prints the address of its page
	@$(BIN)/python -m sandbox demo

run: $(VENV)/.run ## the real bot, with config.json or the environment
	@$(BIN)/python -m bot run

test: $(VENV)/.test ## every test
	@$(BIN)/python -m pytest

MINUTES ?= 10
SEED ?= 1000
DATABASE ?= sqlite
soak: $(VENV)/.test ## histories of bad luck, for MINUTES, from SEED on, on DATABASE (sqlite or postgresql)
	@$(BIN)/python -m tests.failures --minutes $(MINUTES) --seed $(SEED) --database $(DATABASE)

check: $(VENV)/.test ## format, lint, types, imports, dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

cover: $(VENV)/.test ## every test, and how much of the bot they run
	@$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

mutate: $(VENV)/.test ## changes the core in a thousand small ways; every one has to fail a test
	@$(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results

bench: $(VENV)/.test ## what a sync costs, in calls, time and memory
	@$(BIN)/python -m bench

# With extras: pip looks for an unpinned release when another package asks for them, and refuses it for want of a hash.
lock: ## new pins in requirements.txt and requirements-test.txt (needs uv)
	uv pip compile pyproject.toml --extra postgres --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --no-strip-extras --upgrade -q -o requirements.txt
	uv pip compile pyproject.toml --extra postgres --group dev -c requirements.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --no-strip-extras --upgrade -q -o requirements-test.txt

clean: ## forget the virtual environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache mutants
