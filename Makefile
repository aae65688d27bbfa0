# Everything a person types. The work is done by CMake, ctest and pytest; this file only names it.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PRESET ?= release
PYTHON := /usr/bin/python3
PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider

.PHONY: help setup setup-tests build build-clang run run-stack test test-unit test-functional test-sanitizers mutants chaos bench bench-stack \
        stack-up stack-down test-compose format lint docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup:
	@tools/setup

setup-tests: setup
	@tools/setup --stack

build/%/build.ninja: CMakeLists.txt CMakePresets.json $(wildcard tools/cmake/*)
	@cmake --preset $* > build/$*.configure.log 2>&1 || { cat build/$*.configure.log; exit 1; }

build: setup  ## the program, at build/release/herald
	@mkdir -p build
	@$(MAKE) --no-print-directory -s build/$(PRESET)/build.ninja
	@ninja -C build/$(PRESET) herald | tools/progress build

build-clang: setup  ## the program with clang, which notices more dropped results
	@tools/setup --lint
	@mkdir -p build
	@$(MAKE) --no-print-directory -s build/clang/build.ninja
	@ninja -C build/clang herald | tools/progress build

run: build  ## everything in one process with simulated providers, on http://localhost:8000
	@echo "Herald on http://localhost:8000, simulators on 8101-8104, data in $${HERALD_DATA_DIR:-./data}. Ctrl-C stops it."
	@exec build/$(PRESET)/herald serve

run-stack: build setup-tests  ## each role in a process of its own on Kafka, PostgreSQL and Redis, which it starts
	@exec tools/run-stack

test: setup-tests  ## all tests; with CI=true also under the sanitizers; AGAIN=1 when nothing has changed
	@if [ -z "$$CI$$AGAIN" ] && tools/unchanged check; then \
	    echo "Nothing has changed since all tests passed; AGAIN=1 runs them all the same."; \
	else \
	    tools/with-stack $(MAKE) --no-print-directory test-functional && \
	    if [ "$$CI" = true ]; then $(MAKE) --no-print-directory build-clang test-sanitizers; fi && \
	    tools/unchanged record; \
	fi

test-unit: setup-tests  ## unit and contract tests
	@mkdir -p build
	@$(MAKE) --no-print-directory -s build/$(PRESET)/build.ninja
	@ninja -C build/$(PRESET) | tools/progress build
	@tools/with-stack tools/run-tests $(PRESET)

test-functional: test-unit  ## the built program from outside: structure, API, crashes
	@$(PYTEST) tests/structure_test.py tests/docs_test.py tests/mutants_test.py tests/records_page_test.py tests/deploy_test.py
	@$(PYTEST) -n 2 --dist loadfile tests/stack tests/chaos tests/functional  # they mostly wait

test-sanitizers: setup-tests  ## unit and contract tests under ASan+UBSan and TSan
	@$(MAKE) --no-print-directory test-unit PRESET=asan
	@$(MAKE) --no-print-directory test-unit PRESET=tsan

mutants: build  ## each rule of the ledger broken in turn: its test must fail
	@$(PYTHON) tools/mutants

chaos: setup-tests build  ## ROUNDS of faults on all engines (20), SEED to repeat; ENGINES=embedded with POINTS at each crash point (0)
	@[ "$$ENGINES" != embedded ] || ninja -C build/$(PRESET) herald-crash | tools/progress build
	@$(PYTHON) tests/chaos/rounds.py --engines $${ENGINES:-stack} --rounds $${ROUNDS:-20} --points $${POINTS:-0} $${SEED:+--seed $$SEED}

bench: build  ## speed beside probes of this machine
	@command -v wrk >/dev/null || tools/setup --bench
	@$(PYTHON) bench/run.py

bench-stack: build setup-tests  ## the same on Kafka, PostgreSQL and Redis; SMALL=1, TENFOLD=1, PROFILE=1
	@command -v wrk >/dev/null || tools/setup --bench
	@$(PYTHON) bench/stack.py $${SMALL:+--small} $${TENFOLD:+--tenfold} $${PROFILE:+--profile}

stack-up:  ## PostgreSQL, Redis and Kafka on loopback ports; BROKERS=3 for a cluster, KAFKA_VERSION=3.9.2
	@tools/setup --stack
	@tools/stack up $${BROKERS:+--brokers $$BROKERS}

stack-down:  ## stops them; WIPE=1 deletes their data, too
	@tools/stack down $${WIPE:+--wipe}

test-compose:  ## docker-compose up -d and the README's call, in a Docker engine of its own; needs root
	@tools/compose-test

docs: build  ## what is generated from the code
	@build/$(PRESET)/herald config --markdown > docs/configuration.md

format:  ## clang-format over src
	@tools/setup --lint
	@git ls-files 'src/**/*.hpp' 'src/**/*.cpp' | xargs clang-format -i

lint: build-clang  ## clang-tidy over src
	@git ls-files src | grep '\.cpp$$' | grep -v _test.cpp | xargs -P2 -n8 clang-tidy -quiet -p build/clang

clean:
	@[ ! -e build/stack/stack.json ] || tools/stack down --wipe
	@rm -rf build
