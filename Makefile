# Seven words for developers, the same ones CI calls. `make help` prints them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
# `jax` (default) or `all`: every backend and every extra that tests use.
BACKENDS ?= jax
BIN := $(VENV)/bin
# Two processes: what a small machine has, and each of them compiles for itself. `make test PROCESSES=0` for one.
PROCESSES ?= 2
# One thread each for OpenMP: torch's threads wait for one another in a loop, and two such processes stand still.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal --durations=15 --durations-min=5

EXTRAS_jax := jax,viz,data,serve
EXTRAS_all := jax,torch,viz,data,serve,onnx,openvino,postgres,milvus,qdrant,ray,usearch
# The CPU build stands in for the extra `tensorflow`: the same package without GPU code, a third of the size.
MORE_jax :=
MORE_all := tensorflow-cpu --group peers

ifneq ($(shell command -v uv),)
CREATE := uv venv --quiet --allow-existing --python $(PYTHON)
# The CPU build of torch: from the folder of wheels that pip is told of, else from where uv finds it.
TORCH := $(if $(PIP_FIND_LINKS),UV_FIND_LINKS="$(PIP_FIND_LINKS)",UV_TORCH_BACKEND=cpu)
INSTALL := $(TORCH) uv pip install --quiet --python $(BIN)/python
NEWER_PIP := true
else
CREATE := $(PYTHON) -m venv
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Debian's pip is too old for `--group`.
NEWER_PIP := $(INSTALL) --upgrade "pip>=25.1"
endif

# A stamp's name carries what it was made from: a changed file means a new stamp, and nothing else does.
HASH := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
READY_jax := $(VENV)/.ready-jax-$(HASH)
READY_all := $(VENV)/.ready-all-$(HASH)
# An environment with every backend also serves who asks for the default one.
READY := $(if $(wildcard $(READY_all)),$(READY_all),$(READY_$(BACKENDS)))
WHEEL := $(VENV)/.wheel-$(HASH)
SOURCES := $(shell find src -type f -not -name '*.pyc') README.md

.PHONY: help setup demo check format test test-all test-search docs bench

help:  ## print these words
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(WHEEL)  ## create .venv: JAX, and what demo and tests need (BACKENDS=all: every backend and extra)

$(VENV)/bin/python:
	$(CREATE) $(VENV)

$(READY_jax) $(READY_all): $(VENV)/.ready-%-$(HASH): | $(VENV)/bin/python
	@echo "setting up $(VENV) for $* (once; minutes, not seconds)"
	@$(NEWER_PIP)
	$(INSTALL) --constraint constraints.txt ".[$(EXTRAS_$*)]" $(MORE_$*) --group tests --group lint
	@touch $@

# Tests and demo run against the built wheel, so that what is missing from it is missed.
$(WHEEL): $(READY) $(SOURCES)
	@rm -rf dist && $(BIN)/hatchling build --target wheel --directory dist >/dev/null
	$(INSTALL) --no-deps --force-reinstall dist/*.whl
	@touch $@

demo: $(WHEEL)  ## the main job on real data: train, index, add unseen classes, look up, evaluate
	$(BIN)/keras-similarity demo $(ARGS)

check: $(READY)  ## formatter, linter, type checker
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --level error --pythonpath $(BIN)/python

format: $(READY)
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

test: $(WHEEL)  ## the fast tests on the default backend
	$(PYTEST) -m "not slow and not browser and not proxy" $(ARGS)

# Options for one backend alone: CI leaves out what it has run already.
JAX_TESTS ?=
TENSORFLOW_TESTS ?=
test-all:  ## every test, on JAX, TensorFlow and torch, and the search side without a framework
	$(MAKE) setup BACKENDS=all
	KERAS_BACKEND=jax $(PYTEST) $(JAX_TESTS) $(ARGS)
	KERAS_BACKEND=tensorflow $(PYTEST) -m training $(TENSORFLOW_TESTS) $(ARGS)
	KERAS_BACKEND=torch $(PYTEST) -m training $(ARGS)
	$(MAKE) test-search

# The search side must work where no deep-learning framework, and no Keras, is installed.
SEARCH_VENV := .venv-search
SERVER := httptools litestar msgspec onnx onnxruntime pillow plotly prometheus-client uvicorn uvloop
test-search: $(WHEEL)
	test -x $(SEARCH_VENV)/bin/python || $(PYTHON) -m venv $(SEARCH_VENV)
	$(SEARCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(SEARCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check faiss-cpu numpy rich typer $(SERVER) --group tests
	$(SEARCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/*.whl
	$(SEARCH_VENV)/bin/python -m pytest -n $(PROCESSES) --dist worksteal -m "not training and not slow and not browser and not proxy" $(ARGS)

docs: $(READY)  ## build the documentation into site/
	$(INSTALL) --group docs
	$(BIN)/mkdocs build --strict

bench:  ## every measurement, beside the peers; results in benchmarks/results/ and docs/speed.md
	$(MAKE) setup BACKENDS=all
	$(BIN)/python benchmarks/run.py $(ARGS)
