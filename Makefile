# Every target sets up what it needs; a second run takes no set-up time.
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
JOBS ?= 2

.PHONY: demo test test-slow lint check bench clean
.DEFAULT_GOAL := demo

# torch goes in first and pinned: a plain `torch` can pull gigabytes of CUDA packages.
$(STAMP): pyproject.toml constraints.txt
	$(PY) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	# an oracle for the tests: its compiled part wants another torch, its networks and transforms do not
	-$(BIN)/pip install -q --disable-pip-version-check --no-deps torchvision==0.28.0
	@touch $(STAMP)

demo: $(STAMP)  ## train LeNet on the bundled digits, judge it, use it
	$(BIN)/chainrule demo

test: $(STAMP) lint  ## the whole fast suite: under 15 minutes on 2 cores
	$(BIN)/python -m pytest -q -n $(JOBS)

test-slow: $(STAMP)  ## the long ones
	$(BIN)/python -m pytest -q -m slow -n $(JOBS)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

check: $(STAMP)  ## every proof, with the real compiler
	$(BIN)/chainrule check

bench: $(STAMP)  ## ratios against torch, measured in one run
	$(BIN)/chainrule bench

clean:
	rm -rf $(VENV) runs
