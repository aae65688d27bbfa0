# Everything a person types. The work is done by CMake, ctest and pytest; this file only names it.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PRESET ?= release
PYTHON := /usr/bin/python3
PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider

.PHONY: help setup build run test test-unit test-functional test-sanitizers mutants chaos bench format lint docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup:
	@tools/setup

build/%/build.ninja: CMakeLists.txt CMakePresets.json $(wildcard tools/cmake/*)
	@cmake --preset $* > build/$*.configure.log 2>&1 || { cat build/$*.configure.log; exit 1; }

build: setup  ## the program, at build/release/herald
	@mkdir -p build
	@$(MAKE) --no-print-directory -s build/$(PRESET)/build.ninja
	@ninja -C build/$(PRESET) herald | tools/progress build

run: build  ## everything in one process with simulated providers, on http://localhost:8000
	@echo "Herald on http://localhost:8000, simulators on 8101-8104, data in $${HERALD_DATA_DIR:-./data}. Ctrl-C stops it."
	@exec build/$(PRESET)/herald serve

test: setup  ## all tests; with CI=true also under the sanitizers; AGAIN=1 when nothing has changed
	@if [ -z "$$CI$$AGAIN" ] && tools/unchanged check; then \
	    echo "Nothing has changed since all tests passed; AGAIN=1 runs them all the same."; \
	else \
	    $(MAKE) --no-print-directory test-functional && \
	    if [ "$$CI" = true ]; then $(MAKE) --no-print-directory test-sanitizers; fi && \
	    tools/unchanged record; \
	fi

test-unit: setup  ## unit and contract tests
	@mkdir -p build
	@$(MAKE) --no-print-directory -s build/$(PRESET)/build.ninja
	@ninja -C build/$(PRESET) | tools/progress build
	@tools/run-tests $(PRESET)

test-functional: test-unit  ## the built program from outside: structure, API, crashes
	@$(PYTEST) tests/structure_test.py tests/docs_test.py tests/mutants_test.py
	@$(PYTEST) tests/functional
	@$(PYTEST) tests/chaos

test-sanitizers: setup  ## unit and contract tests under ASan+UBSan and TSan
	@$(MAKE) --no-print-directory test-unit PRESET=asan
	@$(MAKE) --no-print-directory test-unit PRESET=tsan

mutants: build  ## each rule of the ledger broken in turn: its test must fail
	@$(PYTHON) tools/mutants

chaos: test-unit  ## ROUNDS random kill -9 under load (20), POINTS rounds at each crash point (0), SEED to repeat
	@$(PYTHON) tests/chaos/rounds.py --rounds $${ROUNDS:-20} --points $${POINTS:-0} $${SEED:+--seed $$SEED}

bench: build  ## speed beside probes of this machine
	@command -v wrk >/dev/null || tools/setup --bench
	@$(PYTHON) bench/run.py

docs: build  ## what is generated from the code
	@build/$(PRESET)/herald config --markdown > docs/configuration.md

format:  ## clang-format over src
	@tools/setup --lint
	@git ls-files 'src/**/*.hpp' 'src/**/*.cpp' | xargs clang-format -i

lint:  ## clang-tidy over src, and a build with clang (which does not pass yet)
	@tools/setup --lint
	@$(MAKE) --no-print-directory -s build/clang/build.ninja
	@ninja -C build/clang herald | tools/progress build
	@git ls-files 'src/**/*.cpp' | grep -v _test.cpp | xargs clang-tidy -quiet -p build/clang

clean:
	@rm -rf build
