# Every target does its own set-up. What it installs stays in .venv* beside this file until requirements change.
.DEFAULT_GOAL := help
.PHONY: help setup check test lint demo screenshots dry-run push-assets bench models clean

# Without --no-compile setting up takes twice as long; Python compiles what is used, and is to keep it.
unexport PYTHONDONTWRITEBYTECODE
PIP_INSTALL := -m pip --disable-pip-version-check install --quiet --no-compile

# A python3.13 on the PATH may be a shim that does not run, so each candidate is asked.
FIND_PYTHON = for python in $(PYTHON) python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python \
	"`uv python find 3.13 2>/dev/null`" python3 python; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 13))' >/dev/null 2>&1 \
	&& echo "$$python" && break; done
OTHER_PYTHON = $(lastword $(shell python3 --version 2>/dev/null))
NO_PYTHON = Python 3.13 or newer, with its venv module, was not found$(if $(OTHER_PYTHON), (python3 is $(OTHER_PYTHON))): \
	`uv python install 3.13` brings it, or name it with PYTHON=/path/to/python3.13
FOUND_PYTHON = $(or $(shell $(FIND_PYTHON)),$(error $(NO_PYTHON)))

# Where pip fails it says much, which is kept in a file; here it is one line. The mark of what is ready is made last.
UNREACHABLE := connection broken|ConnectionError|TimeoutError|ProxyError|SSLError
define install
@PIP_RETRIES=$${PIP_RETRIES:-2} '$(1)' $(PIP_INSTALL) $(2) >$(@D)/pip.log 2>&1 || { \
	if grep -qE '$(UNREACHABLE)' $(@D)/pip.log; then \
	echo 'The package index cannot be reached: check the network, PIP_INDEX_URL and HTTPS_PROXY; pip says more in $(@D)/pip.log'; \
	else grep -o -m 1 'ERROR: .*' $(@D)/pip.log || tail -n 1 $(@D)/pip.log; fi; exit 1; } >&2
@rm -f $(@D)/pip.log
@touch $@
endef

# $(call environment,what it is for,what pip installs there)
define environment
@echo 'Setting up $(@D) for $(1), once ...'
@'$(FOUND_PYTHON)' -m venv --clear $(@D)
$(call install,$(@D)/bin/python,$(2))
endef

# Asking what the newest boto3 is once a week keeps `make test` quick and the answer true.
NEWEST := .venv-newest/$(shell date +%G-%V)
ENVIRONMENTS := .venv/dev .venv-ddev/ready .venv-agent/ready $(NEWEST)

IN_PARALLEL := --quiet --numprocesses auto --dist worksteal
ignored = $(addprefix --ignore tests/,$(1) $(addprefix test_,$(addsuffix .py,$(2))))
# How AWS is called, what it answers and how it fails: where another boto3 can make a difference.
TOUCH_BOTO3 := $(addprefix tests/,simulated_aws $(addprefix test_,$(addsuffix .py,\
	account aws bad_answers cancel check credentials diagnose endpoints faults models pricelist refusals)))
# Whole hours and days of the check, browsers and environments: what nobody waits for every minute.
SLOW := $(call ignored,backtest machine page scrub,advice alerts asset_rules assets bad_answers border buckets budget \
	cancel check crash credentials demo_command docs_facts faults infrastructure instances monitors odd_jobs package \
	presence pricelist setup use work)

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

setup: ## build every environment now
	@$(MAKE) --silent --jobs=2 $(ENVIRONMENTS)

test: ## lint, tests on the Agent's boto3 and on the newest, ddev's validators, the wheel in a clean environment
	@$(MAKE) --silent --jobs=2 lint $(ENVIRONMENTS)
	@DDEV_PYTHON=.venv-ddev/bin/python AGENT_PYTHON=.venv-agent/bin/python .venv/bin/python -m pytest $(IN_PARALLEL)
	@PYTHONPATH=.venv-newest .venv/bin/python -m pytest $(IN_PARALLEL) -m 'not once' $(TOUCH_BOTO3)

check: lint ## what to run every minute: lint, types and the fast tests
	@.venv/bin/python -m pytest $(IN_PARALLEL) $(SLOW)

lint: .venv/dev ## ruff and mypy
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m mypy

demo: .venv/demo ## the check on a simulated AWS, and a page that draws the dashboards; no Agent; ARGS=--serve keeps both running
	@.venv/bin/python -m tools.demo $(ARGS)

screenshots: .venv/dev ## previews of the dashboards for the README, into images/; needs Chromium or Chrome
	@.venv/bin/python -m tools.demo --page build/preview.html
	@.venv/bin/python -m tools.browser.screenshots build/preview.html images

dry-run: .venv/demo ## your own last DAYS days on the dashboards, read-only: make dry-run REGION='us-east-1 eu-west-1'
	@.venv/bin/python -m tools.demo --dry-run $(REGION) $(if $(DAYS),--days $(DAYS)) $(ARGS)

push-assets: .venv/push ## dashboards and monitors to your Datadog organisation, by DD_API_KEY, DD_APP_KEY, DD_SITE; ARGS=--dry-run
	@.venv/bin/python -m tools.push $(ARGS)

bench: .venv/dev ## CPU beside a bare boto3 loop, memory, stored state; renews the table in benchmarks/README.md
	@mkdir -p .benchmarks
	@.venv/bin/python -m pytest benchmarks --quiet --benchmark-json .benchmarks/latest.json
	@.venv/bin/python -m benchmarks.report .benchmarks/latest.json

models: .venv-ddev/ready ## conf.yaml.example and config_models from assets/configuration/spec.yaml
	@.venv-ddev/bin/python tests/ddev_validate.py --sync .

clean: ## remove the environments and every cache
	@rm -rf .venv .venv-ddev .venv-agent .venv-newest build dist .benchmarks .coverage
	@rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

ifneq ($(filter dry-run,$(MAKECMDGOALS)),)
ifeq ($(REGION)$(findstring --from,$(ARGS)),)
$(error Say which region: make dry-run REGION=us-east-1)
endif
endif

# One environment that grows: what the demo needs, then pushing, then everything.
.venv/demo: requirements/demo.txt pyproject.toml
	$(call environment,the demo,--requirement $< --editable .)

.venv/push: requirements/push.txt .venv/demo
	@echo 'Adding to $(@D) what push-assets needs, once ...'
	$(call install,$(@D)/bin/python,--requirement $<)

.venv/dev: requirements/dev.txt .venv/push
	@echo 'Adding to $(@D) what the tests need, once ...'
	$(call install,$(@D)/bin/python,--requirement $<)

.venv-ddev/ready: requirements/ddev.txt
	$(call environment,ddev,--requirement $<)

.venv-agent/ready: requirements/agent.txt
	$(call environment,the wheel,--requirement $<)

$(NEWEST): .venv/dev
	@echo 'Fetching the newest boto3 into $(@D) ...'
	@rm -rf $(@D)
	@mkdir $(@D)
	$(call install,.venv/bin/python,--target $(@D) boto3)
