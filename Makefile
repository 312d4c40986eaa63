# Quarterdeck from a fresh clone: `make run` opens it, `make test` is all that CI checks.
# Paths are relative, so that the repository may lie anywhere.

VENV ?= .venv
PYTHON ?=
DIR ?= .
COVERAGE ?= 90
PYTEST_ARGS ?=
ROUNDS ?= 30
RERUNS ?= 2
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
JOBS ?= $(shell n=$(CORES); [ "$$n" -gt 4 ] && n=4; echo $$((n + 1)))

BIN := $(VENV)/bin
PY := $(BIN)/python
WHEEL := .wheel-check

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

## help: this list
.PHONY: help
help:
	@echo "make TARGET [VAR=value]"
	@echo
	@sed -n 's/^## \([a-z-]*\): \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'
	@echo
	@echo "  PYTHON=name or path   the Python of the environment (default: the newest, 3.12 or later preferred)"
	@echo "  VENV=folder           where the environment lies (default: .venv)"
	@echo "  DIR=folder            what \`make run\` opens (default: this one)"
	@echo "  JOBS=number           how many tests run at once (default: one more than cores, as many wait; at most 5)"
	@echo "  ROUNDS=number         how long \`make soak\` goes on (default: 30)"
	@echo "  PYTEST_ARGS=...       more for pytest, such as PYTEST_ARGS='-k keeper -x'"

# ---- the environment -----------------------------------------------------------------------
# .place says where the environment was made: scripts and links in it name that place, so that
# one that was moved or copied along is made again. It is rewritten only when the environment was
# made, and .run and .dev, which say what is installed, follow it and pyproject.toml.

ifneq ($(shell cat $(VENV)/.place 2>/dev/null),$(CURDIR))
DOUBT := asked-again
endif

$(VENV)/.place: $(if $(PYTHON),asked-again,$(DOUBT))
	@python=$$(.ci/find-python "$(PYTHON)") && .ci/make-venv "$$python" "$(VENV)"

.PHONY: asked-again
asked-again:

$(VENV)/.run: pyproject.toml $(VENV)/.place
	@echo "Installing Quarterdeck into $(VENV); the first time takes a minute."
	@$(PY) -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.place
	@echo "Installing Quarterdeck and its development tools into $(VENV); the first time takes a minute."
	@$(PY) -m pip install --quiet --editable '.[dev]'
	@touch $(VENV)/.run $@

## venv: the environment with all development tools
.PHONY: venv
venv: $(VENV)/.dev

# ---- use it --------------------------------------------------------------------------------

## run: open the dashboard on DIR
.PHONY: run
run: $(VENV)/.run
	@if [ -t 0 ] && [ -t 1 ]; then \
		exec $(BIN)/quarterdeck "$(DIR)"; \
	else \
		echo "make run: no terminal here to draw on, so this is the headless demo instead."; \
		exec $(BIN)/quarterdeck demo --headless; \
	fi

## demo: the practice crew at work; needs no agent and no key
.PHONY: demo
demo: $(VENV)/.run
	@if [ -t 0 ] && [ -t 1 ]; then \
		exec $(BIN)/quarterdeck demo; \
	else \
		exec $(BIN)/quarterdeck demo --headless; \
	fi

# ---- check it ------------------------------------------------------------------------------

## test: everything that CI checks
.PHONY: test
test: check unit wheel-check

## check: the quick part: lint, types, import contracts, sizes
.PHONY: check
check: lint types contracts sizes

## lint: ruff, rules and format
.PHONY: lint
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

## types: mypy, and pyright where it can be had
.PHONY: types
types: $(VENV)/.dev
	$(BIN)/mypy
	@if $(BIN)/pyright --version >/dev/null 2>&1; then \
		echo "$(BIN)/pyright"; $(BIN)/pyright --pythonpath $(PY); \
	else \
		echo "**** pyright: not available, skipped (it fetches its own parts at first use) ****"; \
	fi

## contracts: which room may import which
.PHONY: contracts
contracts: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

## sizes: files, classes and functions stay small
.PHONY: sizes
sizes: $(VENV)/.dev
	$(PY) tests/gates/size_gate.py

## unit: all tests, with branch coverage of at least COVERAGE percent
# Real processes and real clocks on a machine that others use, too: a test that failed is run again, twice at most. The closing
# line counts such tests and the lines before it name them; none is meant to be there. RERUNS=0 forbids it.
# Tests start hundreds of programs: each would compile all that it imports where bytecode may not be written.
.PHONY: unit
unit soak: export PYTHONDONTWRITEBYTECODE :=
unit: $(VENV)/.dev
	$(BIN)/pytest -n $(JOBS) --dist worksteal --reruns $(RERUNS) -raR --cov --cov-report=term --cov-fail-under=$(COVERAGE) $(PYTEST_ARGS)

## soak: the chaos tests with ROUNDS random rounds each, every round with a seed of its own
.PHONY: soak
soak: $(VENV)/.dev
	QD_CHAOS_ROUNDS=$(ROUNDS) $(BIN)/pytest -n $(JOBS) --timeout=3600 tests/chaos $(PYTEST_ARGS)

## wheel-check: the built wheel works in a clean environment
.PHONY: wheel-check
wheel-check: $(VENV)/.dev
	.ci/try-wheel $(PY) $(WHEEL)

# ---- measure it, show it -------------------------------------------------------------------

## bench: the measurements of bench/RESULTS.md; other engines beside ours with ARGS=--peers
.PHONY: bench
bench: $(VENV)/.dev
	$(PY) -m bench --write $(ARGS)

## screenshots: the pictures in docs/
.PHONY: screenshots
screenshots: $(VENV)/.dev
	$(PY) docs/screenshots.py

# ---- clean up ------------------------------------------------------------------------------

## clean: remove what checks and builds leave behind
.PHONY: clean
clean:
	rm -rf $(WHEEL) dist build htmlcov snapshot_report*.html .coverage .coverage.* \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -not -path './$(VENV)/*' -prune -exec rm -rf {} +

## distclean: clean, and remove the environment too
.PHONY: distclean
distclean: clean
	rm -rf $(VENV)
