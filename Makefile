# Thin words over build.sh and the lab command. ARGS reaches the command: make demo ARGS="--rate 300"
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
.PHONY: demo test bench build check audit
.DEFAULT_GOAL := help

help: ## What can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' "$(ROOT)/Makefile"

build: ## The environment, .env, and the Docker images where Docker is
	@bash "$(ROOT)/build.sh"

demo: ## Set up, start a stack, run a load, end with a report
	@bash "$(ROOT)/build.sh" demo $(ARGS)

test: ## Set up and run the tests
	@bash "$(ROOT)/build.sh" test $(ARGS)

# ARGS is for both: make bench ARGS="--rounds 3". Their files stand in .lab/bench.
bench: ## Our send and list endpoints against their twins, our sockets against their library
	@bash "$(ROOT)/build.sh" --python && cd "$(ROOT)" && .venv/bin/lab bench --output .lab/bench/bench.json $(ARGS) && \
		.venv/bin/lab bench push --output .lab/bench/push.json $(ARGS)

check: ## Lint, format and types
	@bash "$(ROOT)/build.sh" --python && cd "$(ROOT)" && .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

audit: ## Ask an advisory service about every locked package
	@bash "$(ROOT)/build.sh" --python && bash "$(ROOT)/.ci/audit"
