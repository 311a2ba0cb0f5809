# Everything a developer does, each in at most a few lines. PYTHON is any Python 3.11 or newer.
PYTHON ?= python3
UV := .venv/bin/uv
RUN := .venv/bin/python
UV_VERSION := 0.13.9
SAM := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv-sam/bin/sam
# The layer's build needs pip, which comes from the tools' own environment.
SAM_BUILD := PROMPTSIDE_PYTHON=$(CURDIR)/.venv-sam/bin/python $(SAM) build
SHIPPED := $(shell find layers functions -type f -not -path '*/__pycache__/*')
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/shared

.PHONY: run test check format docs providers bench build validate lock clean
.DEFAULT_GOAL := run

run: .venv/local ## start everything on http://127.0.0.1:8787/v1 and run one example prompt
	@$(RUN) -m local

test: .venv/dev tests/clients/node_modules/.installed .aws-sam/build/template.yaml .aws-sam/host/built ## all tests
	$(RUN) -m pytest -n auto $(ARGS)

check: .venv/dev .venv-sam/installed ## format, lint, strict types, import rules, template
	.venv/bin/ruff format --check . && .venv/bin/ruff check .
	.venv/bin/mypy && .venv/bin/lint-imports
	.venv/bin/python -m scripts.limits
	.venv/bin/python -m scripts.provider_docs --check
	$(SAM) validate --lint

format: .venv/dev
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .

docs: .venv/dev ## docs/providers.md, from the adapters
	$(RUN) -m scripts.provider_docs

providers: .venv/dev ## the same prompt through every provider, against local upstreams
	@$(RUN) -m scripts.providers

bench: .venv/dev .aws-sam/build/template.yaml .aws-sam/host/built ## overhead against calling the upstream directly
	$(RUN) -m bench

build: .venv-sam/installed ## the deployable package in .aws-sam/build, without Docker
	$(SAM_BUILD)

# The tests run what a deployment runs: the package itself, and the same layer with this machine's wheels.
.aws-sam/build/template.yaml: template.yaml samconfig.toml $(SHIPPED) | .venv-sam/installed
	$(SAM_BUILD) && touch $@

.aws-sam/host/built: $(SHIPPED) | .venv-sam/installed
	rm -rf $(@D) && $(MAKE) -s -C layers/shared host-layer ARTIFACTS_DIR=$(CURDIR)/$(@D) PROMPTSIDE_PYTHON=$(CURDIR)/.venv-sam/bin/python
	touch $@

lock: .venv/uv ## re-resolve every pinned dependency
	$(UV) lock --upgrade
	$(UV) pip compile -q --no-config --upgrade --generate-hashes --python-version 3.11 scripts/sam.in -o scripts/sam.txt
	$(MAKE) layers/shared/requirements.txt

layers/shared/requirements.txt: uv.lock .venv/uv
	$(UV) export -q --frozen --no-dev --no-emit-project --no-annotate -o $@

.venv/uv:
	@echo "Preparing .venv (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv .venv && .venv/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION) && touch $@

.venv/local: .venv/uv uv.lock
	@$(UV) sync -q --frozen --inexact --no-default-groups --group local && touch $@

.venv/cli: .venv/uv uv.lock
	@$(UV) sync -q --frozen --inexact --no-default-groups --group cli && touch $@

.venv/dev: .venv/uv uv.lock
	@$(UV) sync -q --frozen --inexact --group dev && touch $@ .venv/local .venv/cli

.venv-sam/installed: scripts/sam.txt .venv/uv
	@echo "Preparing .venv-sam (once) ..."
	@$(UV) venv -q --clear --python $(RUN) .venv-sam && $(UV) pip install -q --python .venv-sam/bin/python -r scripts/sam.txt && touch $@

tests/clients/node_modules/.installed: tests/clients/package-lock.json
	@if command -v npm > /dev/null; then cd tests/clients && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "No npm here: the tests with the Node SDKs will be skipped"; fi

clean:
	rm -rf .venv .venv-sam .aws-sam .promptside tests/clients/node_modules
