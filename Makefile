PYTHON ?= python3
OUT ?= demo-output
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest
LOWEST := .venv-lowest
PROCESSES ?= 3
LOWEST_PROCESSES ?= 2
FAST := not (java or servers or browser or slow)

# Of what is tested, each process would compile its own copy.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo install lint style types test test-fast test-lowest test-nightly docs bench arctic

help: ## list the targets
	@echo 'lakebt: backtest index-rebalancing events on what was known at the time'
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.installed ## the whole path on the sample data, into demo-output
	@$(BIN)/lakebt demo --out $(OUT)

install: $(VENV)/.installed-dev ## set up the development environment and the git hooks
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/pre-commit install; fi

lint: style types ## everything that needs no data: format, rules, types, layers, spelling

style: $(VENV)/.installed-dev
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell

# Nearly all that mypy makes stays to the end: a third of its time went into looking for garbage.
types: $(VENV)/.installed-dev
	$(BIN)/python -c 'import gc; gc.disable(); gc.enable = gc.disable; \
	  from mypy.main import main; main(clean_exit=True)'

test-fast: $(VENV)/.installed-dev ## the tests that need no Java, no server and no browser
	$(PYTEST) --numprocesses 2 -m '$(FAST)'

# What another release of a package could break is asked of it in these rooms: of pyiceberg,
# SQLAlchemy and Arrow where a lake is written and served, of pandas where data comes in, of
# numba and vectorbt where trades are run, of Plotly, Jinja, typer and rich where it is shown.
# Without the files that run next to no line of lakebt which the others do not, and take a third
# of the time. All fast tests take six times as long: make test-lowest LOWEST_ROOMS=tests
LOWEST_ROOMS = $(addprefix tests/,backtest cli/test_commands.py inputs report sources) \
  $(addprefix tests/lake/,committing declaring publishing serving tables trials) \
  $(addprefix --ignore=tests/,backtest/test_book.py backtest/test_engine.py \
  inputs/test_checks.py inputs/test_where.py sources/test_simulated.py) \
  $(addprefix --ignore=tests/lake/,publishing/audits/test_action_audits.py \
  publishing/test_publish.py serving/test_guests.py trials/test_origin.py)

# Only what differs is installed, a fifth: for the rest the environment looks into the other one.
# pip sees to it that each version is what the file says. No package is compiled ahead.
# Kernels are kept apart: numba drops what another version of it has compiled.
test-lowest: $(VENV)/.installed-dev ## the tests that call other packages, with their oldest versions that we allow
	@test -d $(LOWEST) || $(BIN)/python -m venv --without-pip $(LOWEST)
	@$(BIN)/python -c 'import sysconfig; \
	  print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  >"$$($(LOWEST)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth"
	$(BIN)/python -m pip --python $(LOWEST)/bin/python install --quiet --disable-pip-version-check \
	  --no-deps --no-compile --requirement constraints-lowest.txt
	LAKEBT_REQUIRE= NUMBA_CACHE_DIR=$(CURDIR)/$(LOWEST)/kernels \
	  $(LOWEST)/bin/python -m pytest --numprocesses $(LOWEST_PROCESSES) \
	  -m '$(FAST)' $(LOWEST_ROOMS)

# Three processes for two cores: of two, some wait for a server while nobody works, and four are
# in each other's way. Beside them the house's rules and the types are checked, and what is wrong
# is shown as soon as it is known. The surface that other programs use is tested where it is here.
CONTRACT = $(wildcard ../shared/contract)

test: $(VENV)/.installed-dev ## lint, the surface other programs use, and every test
	@{ $(MAKE) --no-print-directory lint >$(VENV)/lint.log 2>&1 || \
	  { cat $(VENV)/lint.log; false; }; } & lint=$$!; \
	failed=0; \
	(set -x; $(PYTEST) -c pyproject.toml --rootdir=. --numprocesses $(PROCESSES) \
	  tests lakebt $(CONTRACT)) || failed=1; \
	wait $$lint || failed=1; \
	exit $$failed

# Every kill, draw and combination; `make test` has a few of each, and every two together.
test-nightly: $(VENV)/.installed-dev ## the same tests, with all that is drawn and combined: hours
	$(PYTEST) --numprocesses $(PROCESSES) --hypothesis-profile=nightly tests

# Strict: a warning, a dead link or a dead anchor fails it.
docs: $(VENV)/.installed-dev ## the documentation and the reference as a site, in site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.installed-dev ## what the README claims, measured side by side
	$(PYTEST) -p no:randomly benchmarks --benchmark-only --benchmark-autosave

# ArcticDB pins another pandas.
arctic: $(VENV)/.installed-dev ## the same panels read from ArcticDB, in an environment of its own
	@test -d .venv-arctic || $(PYTHON) -m venv .venv-arctic
	.venv-arctic/bin/python -m pip install --quiet --disable-pip-version-check arcticdb==6.28.2
	LAKEBT_ARCTIC=.venv-arctic/bin/python $(PYTEST) benchmarks/test_reading.py --benchmark-only

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "lakebt needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing lakebt and what it needs into $(VENV): one to three minutes, once.'
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing lakebt and its development tools into $(VENV): two to five minutes, once.'
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $(VENV)/.installed $@
