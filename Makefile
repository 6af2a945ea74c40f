# Two commands on a fresh machine: make demo, make test. Everything lives in .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(wildcard server/native/*.c server/native/*.h) server/effacer_server/dicom/_core.pyx
WARNINGS := -std=c11 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1
FUZZ_SECONDS ?= 10

.PHONY: demo test check gen native-check fuzz bench bench-tags bench-memory bench-header serve clean

# Set-up ----------------------------------------------------------------------------------------------------------
# The stamp depends on what is compiled, so that a changed core is built again.
$(VENV)/stamp: pyproject.toml constraints.txt $(NATIVE)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -c 'import effacer_server.dicom._core'
	touch $@

# What people run -------------------------------------------------------------------------------------------------
demo: $(VENV)/stamp
	$(BIN)/python -m tools.demo

test: check fuzz
	$(BIN)/pytest

serve: $(VENV)/stamp
	$(BIN)/effacer-server serve

# Checks ----------------------------------------------------------------------------------------------------------
check: $(VENV)/stamp native-check
	$(BIN)/python tools/stubs.py --check
	$(BIN)/python tools/tables.py --check
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code protos
	@# A branch without protos (the very first commit) has nothing to break.
	if git rev-parse --verify --quiet main >/dev/null && git ls-tree -d --name-only main protos | grep -q .; \
	then $(BIN)/buf breaking --against '.git#branch=main'; else echo 'buf breaking: nothing to compare with'; fi
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

gen: $(VENV)/stamp
	$(BIN)/python tools/stubs.py
	$(BIN)/python tools/tables.py

native-check:
	mkdir -p build/native
	for file in server/native/*.c; do gcc $(WARNINGS) -O2 -c $$file -o build/native/$$(basename $$file .c).o; done

fuzz: $(VENV)/stamp
	mkdir -p build/fuzz
	gcc $(WARNINGS) $(SANITIZE) -Iserver/native -o build/fuzz/scan server/native/*.c server/native/fuzz/*.c
	$(BIN)/python -m tests.corpus build/fuzz/seeds
	build/fuzz/scan -seconds=$(FUZZ_SECONDS) build/fuzz/seeds

# Figures ---------------------------------------------------------------------------------------------------------
bench: bench-tags bench-memory bench-header

# Peers are measured where they are to be had: gdcmanon comes with Debian's libgdcm-tools.
bench-tags: $(VENV)/stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m bench.tags

bench-memory: $(VENV)/stamp
	$(BIN)/python -m bench.memory

bench-header: $(VENV)/stamp
	$(BIN)/python -m bench.header_walk

clean:
	rm -rf build $(VENV) demo-out bench-out
