# Needs Python 3.11 or newer, git and make; everything else goes into .venv, pinned with hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# Sdists are built with what build.txt pins, not with the newest setuptools of the day.
INSTALL := $(PIP) install --no-build-isolation --use-pep517 --require-hashes --requirement

.PHONY: help demo test check benchmarks truth faults audit pins clean

help:  ## what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

demo: $(VENV)/.run  ## measure the shipped I/O workload on 1, 2, 4 and 8 processes
	@$(BIN)/python -m pipeline workload=io backend=process -m

test: $(VENV)/.test  ## run the tests; ARGS="-k sweep" for some of them
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.test  ## lint, formatting, types, and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 --package pipeline.bench
	$(BIN)/lint-imports

benchmarks: $(VENV)/.test  ## how fast the tool itself is
	@$(BIN)/python -m tests.benchmarks

truth: $(VENV)/.truth  ## prove the conclusions; writes docs/truth.md
	@$(BIN)/python -m tests.truth

faults: $(VENV)/.test  ## kill, fuzz and mistreat it, over about half an hour
	@$(BIN)/python -m tests.faults $(ARGS)

audit: $(VENV)/.audit  ## known vulnerabilities of what is pinned, where the service that knows of them is reached
	@$(subst $(VENV),$(VENV)/audit,$(BIN))/python .ci/audit.py

# Each file is held to those before it, so that all agree.
HELD := --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
COMPILE := $(BIN)/uv pip compile $(HELD) --group setup
pins: $(VENV)/.made  ## renew requirements/*.txt from pyproject.toml
	@$(PIP) install uv
	$(COMPILE) pyproject.toml --output-file requirements/run.txt
	$(COMPILE) --constraint requirements/run.txt --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --extra test --constraint requirements/run.txt --output-file requirements/test.txt
	$(COMPILE) pyproject.toml --extra test --extra ray --constraint requirements/test.txt --output-file requirements/ray.txt
	$(COMPILE) pyproject.toml --extra test --extra truth --constraint requirements/ray.txt --output-file requirements/truth.txt
	$(COMPILE) pyproject.toml --extra test --extra forest --constraint requirements/test.txt --output-file requirements/forest.txt
	$(COMPILE) pyproject.toml --extra test --extra browser --constraint requirements/test.txt --output-file requirements/browser.txt
	$(BIN)/uv pip compile $(HELD) --group audit --output-file requirements/audit.txt
	@! grep '://' requirements/*.txt  # whoever installs chooses where from

clean:  ## remove what make and the tools made; outputs/ stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find pipeline experiments tests -name __pycache__ -prune -exec rm -rf {} +

# One file in .venv for each stage that is done.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("$(PYTHON) is Python %d.%d, 3.11 or newer is needed: make PYTHON=python3.11 ..." % v[:2])'
	@echo "Setting up $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements/build.txt requirements/run.txt pyproject.toml
	@$(INSTALL) requirements/build.txt
	@$(INSTALL) requirements/run.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt
	@$(INSTALL) requirements/test.txt
	@touch $@

$(VENV)/.truth: $(VENV)/.test requirements/truth.txt
	@$(INSTALL) requirements/truth.txt
	@touch $@

# In an environment of its own: it brings another pip.
$(VENV)/.audit: $(VENV)/.made requirements/audit.txt
	@$(BIN)/python -m venv --clear $(VENV)/audit
	@$(subst $(VENV),$(VENV)/audit,$(PIP)) install --require-hashes --requirement requirements/audit.txt
	@touch $@

$(VENV)/.forest: $(VENV)/.test requirements/forest.txt
	@$(INSTALL) requirements/forest.txt
	@touch $@

$(VENV)/.browser: $(VENV)/.test requirements/browser.txt
	@$(INSTALL) requirements/browser.txt
	@touch $@

$(VENV)/.ray: $(VENV)/.test requirements/ray.txt
	@$(INSTALL) requirements/ray.txt
	@touch $@
