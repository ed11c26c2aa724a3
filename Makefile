# Forewarn's commands. `make demo` and `make test` set up everything that they need by themselves.

VENV   := .venv
BIN    := $(VENV)/bin
# The first Python that is new enough; PYTHON=/path/to/python3.12 chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Three workers: on two cores tests wait for processes a quarter of their time. A file's tests stay on one worker, so
# that what they share (a server, a database) is started once; files run in the order of tests/conftest.py.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder
FAST   := not slow and not broker and not browser and not e2e and not data

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types imports web-types fast-tests all-tests system bundle \
	constraints clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## .venv with everything a developer needs, and the web bundle
	@test -n "$(PYTHON)" || { echo "Forewarn needs Python 3.11 or later on the PATH" >&2; exit 1; }
	@$(PYTHON) scripts/setup.py

demo: setup ## the product with a living fleet, in your browser (ARGS='--http-port 8090 --no-browser')
	@$(BIN)/forewarn demo $(ARGS)

test: system setup lint types imports web-types all-tests ## every check and every test, as CI runs them

check: setup lint types imports fast-tests ## what to run before each commit: a minute and a half on two cores

system:
	@.ci/setup

lint:
	@echo '== lint and format'
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check .

types:
	@echo '== types'
	@$(BIN)/mypy

imports:
	@echo '== imports'
	@$(BIN)/lint-imports --no-logo

web-types:
	@echo '== types of the web islands'
	@cd web && ../$(BIN)/node node_modules/typescript/bin/tsc --noEmit

fast-tests:
	@echo '== fast tests'
	@$(PYTEST) -q -m '$(FAST)'

all-tests:
	@echo '== tests'
	@$(PYTEST) -q --durations 15

bundle: setup ## rebuild the web bundle and the message catalogues
	@$(BIN)/python hatch_build.py

constraints: ## write constraints.txt anew from what .venv holds
	@$(BIN)/python scripts/constraints.py

clean: ## remove everything that git does not know, but for data directories
	rm -rf $(VENV) build dist web/node_modules server/pages/static/bundle .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache .cache
	find server/pages/locale -name '*.mo' -delete 2>/dev/null || true
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
