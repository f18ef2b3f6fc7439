.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
DEMO := insurectl-demo
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile

help: ## show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## install what is missing: servers from Debian, a virtual environment (twice does nothing)
	@scripts/setup

demo: setup ## the whole loop on this machine, to a report; takes the system down afterwards
	@scripts/demo $(DEMO)

lint: setup ## style, types and the rooms' contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

setup-tests:
	@scripts/setup chromium

test: setup-tests lint ## all tests that need no cluster (the bundled system's real servers run on loopback)
	@$(BIN)/pytest -m "not cluster and not alone" $(SIDE_BY_SIDE)
	@$(BIN)/pytest -m "not cluster and alone"

test-cluster: setup ## the tests that need Docker, kind, helm or an API server; each skips without
	@$(BIN)/pytest -m "cluster and not alone" $(SIDE_BY_SIDE)
	@$(BIN)/pytest -m "cluster and alone and not campaign"

bench: setup ## measure the figures that must be reached, into reports/bench.json (4 minutes)
	@$(BIN)/python -m tests.bench

campaign: setup ## the long proofs: ten minutes of kills; a real control plane, Docker and kind (50 minutes)
	@$(BIN)/python -m tests.checker --seconds 600
	@$(BIN)/pytest -m campaign
	@$(BIN)/python -m tests.bench P12 P7K

clean: ## take away what make and insurectl left in this folder
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup setup-tests demo lint test test-cluster bench campaign clean
