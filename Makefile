# `make demo` and `make test` do all set-up: they need Python 3.11, 3.12 or 3.13, git and make.
SHELL := /bin/bash
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: demo test test-more test-long published storm lint lock bench gpu clean help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/'

demo: .venv/ready ## build the demo study and print its table
	snakemake --profile profiles/local --configfile config/demo.yaml
	@uncrossed show --study results/demo
	@echo
	@echo "results/demo: trials/ holds the models, tables/ the tables, SHA256SUMS the checksums"
	@echo "results/demo/report.html: all of it in one page; open it in a browser"

test: .venv/ready ## run the tests (a quarter of an hour)
	pytest

test-more: .venv/ready ## run the tests that take longer (ten minutes)
	pytest -m 'more and not long'

test-long: .venv/ready ## run the long versions of some tests
	pytest -m long

published: .venv/ready ## analyse the published tables of 2021 into results/published (FROM=FOLDER: offline)
	uncrossed published $(if $(FROM),--folder '$(FROM)')

storm: .venv/ready ## kill trainings and uploads at random moments; what they make must be right
	python tests/storms/trainings.py
	python tests/storms/uploads.py

lint: .venv/ready ## check format and style of code and workflow
	ruff format --check . && ruff check . && snakefmt --check . && snakemake --lint

lock: .venv/ready ## resolve pyproject.toml into envs/ (UPGRADE=1 takes newer versions)
	python envs/lock.py $(if $(UPGRADE),--upgrade)

bench: .venv/ready ## all benchmarks: training, planning, jobs, files, report, growth, intervals (an hour and a half)
	uncrossed bench --json results/bench.json
	python tests/benchmarks/planning.py
	python tests/benchmarks/around.py
	python tests/benchmarks/report.py
	python tests/benchmarks/scale.py
	python tests/benchmarks/coverage.py

# Without .venv/ready: on a machine with GPUs the frameworks may be there already, in PYTHON's environment.
gpu: ## the first GPU: what is promised, and speed (ten minutes per framework; DEVICE=cpu: a rehearsal)
	$(PYTHON) tests/benchmarks/gpu.py --device $(or $(DEVICE),gpu) $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE))

clean: ## remove the virtual environment and caches, never results
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis *.egg-info workflow/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: pyproject.toml envs/venv.txt
	@$(PYTHON) envs/install.py
	@touch $@
