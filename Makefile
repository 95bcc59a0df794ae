# Each target does its own set-up: `make run` and `make test` are all a fresh machine needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Where Python keeps no compiled modules, every process that a test starts compiles the whole program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install run test test-serving lint format bench real-model gpu-check gpu-wheels translations clean

help:
	@echo "make run      install, then open DecodeScope on the bundled demo model"
	@echo "make test     install, then run the whole test suite (no display, no GPU, no network needed)"
	@echo "make test-serving  check against a real vLLM on this CPU (about ten minutes, 3 GB; never part of the tests)"
	@echo "make lint     ruff and mypy --strict"
	@echo "make format   rewrite the code in the project's format"
	@echo "make bench    print the benchmarks' tables (minutes; never part of the tests)"
	@echo "make real-model  fetch SmolLM2-135M-Instruct into the cache folder, for some tests and the benchmark \`peers\` (93 MB)"
	@echo "make gpu-check  check everything that needs a GPU, in 8 minutes (tests/gpu/README.md)"
	@echo "make gpu-wheels fetch what a GPU machine without a network lacks, into .gpu-wheels"
	@echo "make translations  collect the strings of the window and compile assets/translations"
	@echo "make clean    remove the virtual environment and caches"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "DecodeScope needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=... to another."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: install the system package python3-venv."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,parquet]'
	@touch $@

run: install
	@$(BIN)/python -m app.start.system_check --window
	$(BIN)/decodescope

test: install
	@$(BIN)/python -m app.start.system_check
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-serving: install
	$(BIN)/python -m tests.serving.run

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m tests.benchmarks

real-model: install
	$(BIN)/python -m tests.benchmarks.real_model

CHECK ?=
gpu-check: install
	$(BIN)/python tests/gpu/check.py --out build/gpu-check $(CHECK)

gpu-wheels:
	$(PYTHON) tests/gpu/wheels.py

TRANSLATIONS := assets/translations/decodescope_zh_CN

translations: install
	$(BIN)/pyside6-lupdate $$(find app -name '*.py' | sort) -locations none -ts $(TRANSLATIONS).ts
	$(BIN)/pyside6-lrelease $(TRANSLATIONS).ts -qm $(TRANSLATIONS).new
# Open windows have the old file mapped, so it is replaced and not changed.
	mv $(TRANSLATIONS).new $(TRANSLATIONS).qm

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist
