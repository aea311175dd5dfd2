# segassets: install once, then one command per use. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
HOME_DIR := $(CURDIR)/.segassets/home
export DAGSTER_HOME ?= $(HOME_DIR)
PORT ?= 3000

.PHONY: help install demo ui test acceptance check bench format clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

install: $(VENV)/.installed  ## the tested set of packages, into .venv

demo: install  ## one generated room through the whole graph, with its report, then asked in words
	$(BIN)/segassets run configs/runs/demo.yaml
	$(BIN)/segassets query rooms_demo.room_0000 "the yellow lamp"

ui: install  ## the Dagster UI on what was made, at http://127.0.0.1:3000 (PORT=... for another)
	$(BIN)/segassets ui --port $(PORT)

test: install  ## the tests, one process a core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

acceptance: install  ## the slow tests: command line, UI in a browser, kill and resume
	$(BIN)/python -m pytest -o addopts= -q segassets_tests/acceptance

check: install  ## lint, format, types, floors, unused dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

bench: install  ## the measurements (ONLY=name for one)
	$(BIN)/python -m benchmarks $(ONLY)

format: install  ## rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what runs made (not .venv)
	rm -rf .segassets .pytest_cache .mypy_cache .ruff_cache build *.egg-info
