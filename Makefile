# `make` tells what there is.
VENV   := .venv
PYTHON := $(VENV)/bin/python
READY  := $(VENV)/.ready

# What is installed is compiled when it is first imported, and kept: where Python is told to keep nothing, each of
# hundreds of processes compiles again what it imports, which takes twice as long as the import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-credit demo-assistant test checks tests proof mutants bench reference format clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(READY): pyproject.toml constraints.txt
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	@echo "installing what constraints.txt pins into $(VENV) (a few minutes the first time)"
	@# Python compiles a module when it is first imported; of what is installed, most modules never are.
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: $(READY)  ## the whole loop on real questions: learn, prove, release, serve, ask
	@$(PYTHON) examples/insurance-routing/demo.py

demo-credit: $(READY)  ## the same where errors have costs: credits, with reasons, slices and a model card
	@$(PYTHON) examples/credit-risk/demo.py

demo-assistant: $(READY)  ## functions that call functions: questions answered from a help page, with sources
	@$(PYTHON) examples/assistant/demo.py

test: $(READY)  ## what CI runs: format, lint, types, layers, reference pages, tests
	$(VENV)/bin/ruff format --check src tests benchmarks examples
	$(VENV)/bin/ruff check src tests benchmarks examples
	@$(MAKE) --no-print-directory --jobs 2 checks tests

# Types, layers and reference pages use one core: beside the tests they cost half of their time.
checks: $(READY)
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) -m modelwright.cli.reference --check

tests: $(READY)
	$(PYTHON) -m pytest -m 'not proof' --numprocesses 3 --dist loadfile --no-loadscope-reorder

proof: $(READY) mutants  ## the tests that take longer, and mutation testing
	$(PYTHON) -m pytest -m proof --timeout 3600

mutants: $(READY)  ## break core and state in small ways: at least 85 % must make a test fail
	$(PYTHON) tests/mutants.py

bench: $(READY)  ## every benchmark, with its figures (about an hour on 2 cores)
	@for script in benchmarks/*.py; do echo "== $$script"; $(PYTHON) $$script || exit 1; done

reference: $(READY)  ## write the generated pages of docs/reference again
	$(PYTHON) -m modelwright.cli.reference

format: $(READY)  ## format and fix what can be fixed
	$(VENV)/bin/ruff format src tests benchmarks examples
	$(VENV)/bin/ruff check --fix src tests benchmarks examples

clean:  ## remove what was built (not the data, not the sealed artifacts)
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache
