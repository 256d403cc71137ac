# make demo: from an empty machine to a checked classifier. make test: the same set-up, then every check.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints/cpu.txt
# With optimum, and so with transformers 4.57: the package list that the project was given, exercised as a whole.
PACKAGES := '.[all,cpu,optimum]'
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help install install-test assets demo test lint types unit fmt test-transformers5 soak image audit clean

help:  ## what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 22

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; choose one with make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

# --no-compile: of 2 GB of packages a run imports a small part, which Python compiles on first use.
$(VENV)/.installed: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP) install --no-compile --progress-bar on -c $(CONSTRAINTS) -e $(PACKAGES)
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed pyproject.toml $(CONSTRAINTS)
	$(PIP) install --no-compile --progress-bar on -c $(CONSTRAINTS) -r constraints/test.in
	@touch $@

install: $(VENV)/.installed  ## make .venv and install the pinned packages (CPU)

install-test: $(VENV)/.installed-test

assets: install  ## fetch the quickstart's model and data (pinned checksums)
	$(BIN)/ackd-deploy recipe fetch quickstart

demo: assets  ## teacher, student, export, gates, artifact and report on real text
	$(BIN)/ackd-deploy run recipes/quickstart.yaml

fmt: install-test  ## format, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: install-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install-test
	$(BIN)/mypy

unit: install-test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test: lint types unit  ## format, lint, types and all tests

# What differs between the two lines of transformers: models, tokenizer files, export, and the story. Without optimum.
TRANSFORMERS_TESTS := $(addprefix tests/,models distill/test_pipeline.py data/test_encode.py check export families test_api.py e2e)
test-transformers5:  ## what depends on transformers, under its newest line, in an environment of its own
	$(MAKE) unit VENV=.venv-transformers5 CONSTRAINTS=constraints/transformers5.txt PACKAGES='.[all,cpu]' \
		PYTEST_ARGS='$(TRANSFORMERS_TESTS) $(PYTEST_ARGS)'

# Nightly: the long part of what tests/serving tries for seconds. ACKD_SOAK_ARTIFACT names another artifact. The rate, in
# texts a second, is one that two cores answer beside other work. The half hour comes last, after what fails sooner.
soak: export ACKD_SOAK_SECONDS ?= 1800
soak: export ACKD_SOAK_RATE ?= 100
soak: export ACKD_SOAK_HOSTILE ?= 10000
soak: export ACKD_SOAK_ROWS ?= 2000
soak: export ACKD_SOAK_KILLS ?= 5
soak: export ACKD_SOAK_JSON ?= build/soak.json
soak: install-test  ## hostile requests, kills, rows against offline, half an hour of load; figures in build/soak.json
	$(BIN)/python -m pytest -s $(PYTEST_ARGS) $(addprefix tests/serving/test_,hostile_requests.py kill.py soak_rows.py soak.py)

# Nightly, as root: apt-get install buildah debootstrap curl. IMAGE_ARTIFACT names another artifact.
IMAGE_ARTIFACT ?= runs/quickstart/artifact
image: install  ## build the image in a chroot, without a Docker engine; start it and ask it
	PYTHON=$(BIN)/python tools/build_image.sh $(IMAGE_ARTIFACT)

audit: $(BIN)/python  ## known vulnerabilities of the pinned packages, where the database can be reached
	$(BIN)/python tools/audit.py

clean:  ## remove what was made, keep what was downloaded
	rm -rf runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
