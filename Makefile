# The commands of the house. `make help` lists them.
SHELL := bash
CARGO ?= cargo
export CARGO_TARGET_DIR ?= $(CURDIR)/target
BIN = $(CARGO_TARGET_DIR)/debug

.PHONY: help setup build wheel npm demo run test lint generate bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## install what is missing on this machine
	@bash .ci/setup

build: ## build the gateway and the example
	@$(CARGO) build -p waypost-gateway -p waypost-example

wheel: ## the Python package: an abi3 wheel and an sdist, in sdk-python/dist
	@bash sdk-python/scripts/wheel

npm: ## the npm packages, as tarballs
	@bash .ci/setup --build
	@cd sdk-node && npm ci --no-audit --no-fund --loglevel=error
	@sdk-node/scripts/build
	@sdk-node/scripts/pack

demo: build wheel npm ## start the gateway, tell the story through every SDK, exit 0
	@bash examples/demo.sh $(BIN)

run: ## the gateway alone on 127.0.0.1:8080; prints its URL, docs and a first API key
	@$(CARGO) run -q -p waypost-gateway -- serve

test: setup ## every test in every language; the last line counts them
	@bash .ci/test

lint: ## fmt, clippy, generated-code check, spec lint, dependency policy
	@bash .ci/lint

generate: ## rewrite all generated code
	@$(CARGO) run -q -p waypost-codegen

bench: ## every benchmark, side by side with its peers, as ratios
	@bash .ci/bench

clean: ## remove build outputs
	@$(CARGO) clean
