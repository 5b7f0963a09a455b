# `make` alone lists what can be made.

PARITY := .venv/bin/parity
PYTHON := .venv/bin/python
OUT ?= out/leek2017
PYTEST_ARGS ?=
# Test files side by side. A file starts up to two workers a runtime and a JVM, so that two at a time fill four cores.
TESTERS ?= 2

# Without R its own checks are left out, but never in CI.
R_CHECKS := $(if $(shell command -v Rscript),lint-r test-r,$(if $(CI),lint-r test-r,no-r))

.DEFAULT_GOAL := help
.PHONY: help setup setup-test figure figure-beam2017-r figure-beam2017-python debate explanations test checks lint types lint-r test-r no-r test-python test-aligned test-lockstep test-explain test-kill bench pictures wheel clean spotless

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## R, Java, .venv and the R library: what is missing, and nothing else
	@bash setup/setup.sh

figure: setup ## the figure of 2017 through today's engines, in out/leek2017
	$(PARITY) reproduce leek2017 --out $(OUT)

figure-beam2017-r: setup ## the rebuttal's figure in R, in out/beam2017-r
	$(PARITY) reproduce beam2017-r --out out/beam2017-r

figure-beam2017-python: setup ## the rebuttal's figure in Python, in out/beam2017-python
	$(PARITY) reproduce beam2017-python --out out/beam2017-python

debate: setup ## every guess and claim of 2017, judged by experiment, in out/debate
	$(PARITY) reproduce debate --out out/debate

explanations: setup ## the pages and pictures of docs/explained again (hours from nothing)
	$(PYTHON) tools/explanations.py

test: setup-test ## every check: ruff, mypy, lintr, testthat, pytest
	@$(MAKE) --no-print-directory checks

checks: lint types $(R_CHECKS) test-python

setup-test:
	@bash setup/setup.sh --test

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy --strict parity

lint-r:
	Rscript setup/lint.R

test-r:
	$(PYTHON) setup/with_r.py Rscript tests/r/testthat.R

no-r:
	@echo "no R here: R's own lint and tests are left out. To mend it: make setup, as a user who may use apt-get"

test-python:
	$(PYTHON) -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-aligned: setup-test ## every linear solver on 300 random problems, H2O's on 36 (a quarter of an hour)
	PARITY_ALIGNED=all $(PYTHON) -m pytest tests/parity/test_aligned.py $(PYTEST_ARGS)

test-lockstep: setup-test ## every fault planted in five engines, 200 honest runs, 100 updates of each rule (half an hour)
	PARITY_LOCKSTEP=all $(PYTHON) -m pytest tests/parity/test_planted.py tests/python/test_keras_trace.py $(PYTEST_ARGS)

test-explain: setup-test ## what watches, tries, plants and writes recipes for the explainer (5 minutes)
	PARITY_EXPLAIN=all $(PYTHON) -m pytest -n $(TESTERS) --dist loadfile tests/parity/test_explain*.py tests/parity/test_plants.py $(PYTEST_ARGS)

test-kill: setup-test ## only the tests that kill workers, servers and runs at random moments (4 minutes)
	$(PYTHON) -m pytest -m kill $(PYTEST_ARGS)

bench: setup ## wall times: parity against plain R of 2017, all defaults, all pairs of solvers, a network three ways (minutes)
	$(PYTHON) benchmarks/leek2017/run.py
	$(PYTHON) benchmarks/defaults/run.py
	$(PYTHON) benchmarks/solvers/run.py
	$(PYTHON) benchmarks/redux/run.py

pictures: setup-test ## the pictures of the README and docs/ again: every figure and page (an hour from nothing)
	$(PYTHON) tools/pictures.py

wheel: setup-test ## dist/*.whl, R files included
	$(PYTHON) -m build --wheel

clean: ## remove what was built, drawn and cached
	rm -rf build dist out .setup .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

spotless: clean ## the same, and .venv and the R library
	rm -rf .venv .r-library
