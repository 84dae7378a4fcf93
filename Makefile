# The two commands: `make demo` and `make test`. Each does all the set-up that it needs; what is done is not done again.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Ansible starts twice as slowly without compiled byte code, and the set-up compiles it.
unexport PYTHONDONTWRITEBYTECODE
# Activated or not, the tools of the checkout's own environment are the ones that are used.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo test bench role setup environment pins lint unit scenarios changes nightly releases clean

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: setup ## the main job: the verdict for the checked-out role, from nothing
	@tdi verdict || { code=$$?; [ $$code -eq 2 ] && tdi doctor; exit $$code; }

test: setup ## everything: lint, unit tests, both scenarios, the kept changes
	@tox

lint unit scenarios changes nightly releases: setup ## one part of `make test`
	@tox -e $@

bench: setup ## speed, side by side: verdicts with stock Molecule and the raw floor, records with b2sum, aide and mtree
	@python benchmarks/verdict.py
	@python benchmarks/records.py

role: ## the release archive of the role alone, as committed: artifacts/nginx-role.tar.gz
	@mkdir -p artifacts
	@git archive --format=tar.gz --add-file=LICENSE --output=artifacts/nginx-role.tar.gz HEAD:roles/nginx

setup: environment ## what the commands need: the Python environment and a Docker engine
	@tdi setup || { code=$$?; tdi doctor; exit $$code; }

environment: $(VENV)/ready

$(VENV)/ready: requirements/requirements.txt pyproject.toml requirements/setup
	@PYTHON="$(PYTHON)" requirements/setup "$(VENV)"

pins: environment ## renew the pinned versions of everything in requirements/
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate requirements/requirements.in --output-file requirements/requirements.txt

clean: ## remove all that the project made, on disk and in Docker
	@if [ -x $(BIN)/tdi ]; then tdi clean; fi
	@rm -rf $(VENV) .tox artifacts .mypy_cache .pytest_cache .ruff_cache .ansible "$${XDG_CACHE_HOME:-$$HOME/.cache}/tdi"
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
