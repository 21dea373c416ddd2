# Everything is installed into $(VENV) and the node_modules folders; a second run finds the stamps and
# starts at once. PYTHON chooses the interpreter (3.11 or newer), PORT the port of the demo.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= python3
VENV ?= .venv
PORT ?= 3210
NPM_CI := npm ci --no-audit --no-fund --loglevel=error

BIN := $(VENV)/bin
PACKAGE := $(VENV)/.stamp-package
DEV := $(VENV)/.stamp-dev
BUNDLE := src/syncline/http/assets/browser.bundle.js
NODE_MODULES := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,\
	$(wildcard tests/js/package-lock.json packages/*/package-lock.json examples/*/package-lock.json))
LOAD := bench/bin/load
# Two environments: what is audited holds nothing that Syncline does not bring along, not even pip.
AUDITED := build/audit/runtime
AUDITORS := build/audit/tools
COMPONENTS := dist/syncline-components.cdx.json

export PATH := $(abspath $(BIN)):$(PATH)
# Where this is set (images for containers set it), each of the hundreds of processes that tests start compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-long check format docs bench bundle wheel audit-dependencies components clean

help:
	@echo 'make demo        start examples/chat and print its address'
	@echo 'make test        install what the tests need, lint, type-check, test'
	@echo 'make test-long   the heavy tiers: more seeds, kill -9 and power-cut runs'
	@echo 'make check       linters and type checkers only'
	@echo 'make format      format and fix imports'
	@echo 'make bench       all benchmarks; one: python bench/run.py NAME (--help lists them)'
	@echo 'make docs        build the documentation into site/'
	@echo 'make bundle      get the browser client that the server offers (needs npm)'
	@echo 'make wheel       build dist/*.whl with the browser client in it'
	@echo 'make audit-dependencies  ask PyPI and npm for known vulnerabilities (needs the network)'
	@echo 'make components  list what an installation consists of: $(COMPONENTS)'

demo: $(PACKAGE)
	@if command -v npm >/dev/null; then $(MAKE) --silent bundle; \
	else echo 'npm was not found: the page will say how to get the browser client.'; fi
	@cd examples/chat && exec syncline dev --port $(PORT)

test: $(DEV) $(NODE_MODULES) $(BUNDLE)
	@scripts/ensure-system-packages
	@scripts/run-tests

test-long: $(DEV) $(NODE_MODULES) $(BUNDLE)
	@scripts/ensure-system-packages
	pytest -m long

check: $(DEV)
	@scripts/run-checks

format: $(DEV)
	ruff check --fix .
	ruff format .

docs: $(DEV)
	NO_MKDOCS_2_WARNING=1 mkdocs build

bench: $(DEV) $(LOAD)
	python bench/run.py all

bundle: $(BUNDLE)

wheel: $(PACKAGE) $(BUNDLE)
	pip wheel --quiet --no-deps --wheel-dir dist .

# Not part of the tests: what it says depends on what became known since yesterday.
audit-dependencies: $(AUDITED)/.stamp $(AUDITORS)/.stamp
	@$(PYTHON) scripts/audit_dependencies.py audit $(AUDITORS) $(AUDITED)

components: $(AUDITED)/.stamp $(AUDITORS)/.stamp
	@$(PYTHON) scripts/audit_dependencies.py components $(AUDITORS) $(AUDITED) $(COMPONENTS)

clean:
	rm -rf $(LOAD) dist build src/syncline/http/assets .mypy_cache .ruff_cache .hypothesis

# ---- what the targets need ----

$(PACKAGE): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo 'Syncline needs Python 3.11 or newer. Name one: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'Installing Syncline into $(VENV) ...'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@pip install --quiet --editable .
	@touch $@

$(DEV): $(PACKAGE) pyproject.toml
	@echo 'Installing what the tests and linters need ...'
	@pip install --quiet --editable '.[dev]'
	@touch $@

$(AUDITED)/.stamp: $(PACKAGE) pyproject.toml
	@echo 'Installing what users get into $(@D) ...'
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@pip --python $(@D)/bin/python install --quiet '.[vectors,pydantic,wsgi,images,s3,disposable]'
	@touch $@

$(AUDITORS)/.stamp: pyproject.toml
	@echo 'Installing pip-audit and cyclonedx-bom into $(@D) ...'
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet 'pip-audit>=2.9,<3' 'cyclonedx-bom>=7,<8'
	@touch $@

# The bundle's version and checksum stand in the lock file of the browser tests.
$(BUNDLE): tests/js/package-lock.json scripts/fetch_browser_bundle.py
	@$(PYTHON) scripts/fetch_browser_bundle.py $(@D)

%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm >/dev/null || { echo 'The tests need Node 20 or newer with npm (nodejs.org).' >&2; exit 1; }
	@echo 'Installing the packages of $* ...'
	@cd $* && $(NPM_CI)
	@touch $@

$(LOAD): $(wildcard bench/load/*.c bench/load/*.h)
	@command -v $(CC) >/dev/null || { echo 'The load generator needs a C compiler: apt-get install gcc libc6-dev' >&2; exit 1; }
	mkdir -p $(@D)
	$(CC) -O2 -std=c11 -Wall -Wextra -o $@ $(filter %.c,$^) -lm
