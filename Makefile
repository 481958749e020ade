# make env   creates the environment in .venv
# make test  lint, types, tests
# make demo  predictions, an assay, a scan, a plate and its score
# make test-pages  what pages show is run: tutorials, notebooks, releases, the wheel, sealed assays
# make docs  the documentation site in docs/_build/html; a warning is an error
# make links asks every link to another site; it needs a network

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-constraints
SOURCES ?= $(wildcard ../shared/data)
export ABAG_DATA_SOURCES ?= $(abspath $(SOURCES))

# Tests start the command many times, and each start would compile the sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: env test suite test-pages test-slow lint types demo docs links format clean

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("abag needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,encoders]"
	$(BIN)/python -m pip check
	touch $(STAMP)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: env
	$(BIN)/mypy

# Types are checked by one process; the tests begin beside it.
test: env
	$(MAKE) --no-print-directory -j 2 lint types suite

suite: lint
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-pages: env
	$(BIN)/pytest -n 2 --dist worksteal -m slow tests/integration/test_tutorials.py \
		tests/integration/test_notebooks.py tests/integration/test_wheel.py tests/unit/release \
		tests/lab/mutation_effect

test-slow: env
	$(BIN)/pytest -n 2 --dist worksteal -m slow

demo: env
	rm -rf demo-output
	$(BIN)/abag demo --out demo-output

docs: env
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs,service]"
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

links: docs
	$(BIN)/sphinx-build -q -b linkcheck docs docs/_build/links

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
