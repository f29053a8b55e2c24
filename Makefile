# `make demo` and `make test` do their own set-up, once: a virtual environment, the package, the browser's files from npm,
# and browsers from apt. Without root they print the command for apt.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 5001
HTMX ?= 2

BIN := $(VENV)/bin
NPM := $(shell command -v npm 2>/dev/null)
CHROMIUM := $(shell command -v chromium 2>/dev/null)
FIREFOX := $(shell command -v firefox-esr 2>/dev/null)
WEBKIT := $(shell command -v WebKitWebDriver 2>/dev/null)
XVFB := $(shell command -v Xvfb 2>/dev/null)
CURL := $(shell command -v curl 2>/dev/null)
IP := $(shell command -v ip 2>/dev/null)
VALKEY := $(shell command -v valkey-server 2>/dev/null)
NGINX := $(shell command -v nginx 2>/dev/null)
PROXIES := $(shell PATH=$$PATH:/usr/sbin; for each in haproxy caddy varnish squid apache2; do \
  command -v $$each >/dev/null || command -v $${each}d >/dev/null || echo $$each; done)
ROOT_USER := $(filter 0,$(shell id -u))
# Installs Debian packages as root, and otherwise prints the command.
apt = $(if $(ROOT_USER),\
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(1) >/dev/null; },\
  { echo "$(2): sudo apt-get install $(1)" >&2; $(3); })

.PHONY: help demo test test-long mutants lock setup export outputs readme prepare docs docs-serve clean chromium firefox webkit curl ip valkey nginx same-python
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: $(VENV)/.installed $(if $(NPM),node_modules/.installed) ## show the demo (PORT=5001, HTMX=2 or 4)
	@$(BIN)/python -m cjm_fasthtml_sse.demo --port $(PORT) --htmx $(HTMX) $(if $(NPM),--htmx-from node_modules)

test: setup ## run every check
	@$(BIN)/python tools/check.py

test-long: setup proxies ## the same with the long forms of the tests
	@$(BIN)/python tools/check.py --long

mutants: setup ## search the simulations' mutants, all or one (NAME="older state")
	@$(BIN)/python tests/simulation/mutants.py $(if $(NAME),"$(NAME)")

setup: $(VENV)/.installed node_modules/.installed | chromium firefox webkit curl ip valkey nginx ## install the requirements of the checks

export: $(VENV)/.installed node_modules/.installed ## write modules, stubs, the table of public names, and the minified scripts
	@$(BIN)/nbdev-export
	@$(BIN)/python tools/exports.py
	@$(BIN)/python tools/stubs.py
	@$(BIN)/python tools/minify.py

outputs: $(VENV)/.installed node_modules/.installed ## run the notebooks and keep their outputs
	@$(BIN)/python tools/outputs.py

readme: $(VENV)/.installed ## write README.md, the overview of modules and the pictures of wings
	@$(BIN)/python tools/readme.py

prepare: $(VENV)/.installed ## before a commit: clean notebooks, write modules and README
	@$(BIN)/nbdev-clean
	@$(MAKE) --no-print-directory export readme

docs: $(VENV)/.installed ## build the site into _docs/
	@$(BIN)/python tools/docs.py

docs-serve: docs ## build the site and serve it
	@$(BIN)/python tools/docs.py serve

clean: ## remove built files
	@rm -rf _docs _proc build dist *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call apt,python3-venv,To make $(VENV),exit 1)
	@$(PYTHON) -m venv $(VENV)

# `requirements.lock` has the version of each package that development uses, for all Pythons. `make lock` resolves anew.
$(VENV)/.installed: requirements.lock pyproject.toml settings.ini setup.py | $(BIN)/python
	@if test -t 2; then echo "Installing into $(VENV), once ..." >&2; fi
	@{ $(BIN)/python -m pip install --disable-pip-version-check "$$(grep ^uv== requirements.lock)" && \
	  $(BIN)/uv pip sync --python $(BIN)/python requirements.lock && \
	  $(BIN)/uv pip install --python $(BIN)/python --no-deps -e .; } >$(VENV)/install.log 2>&1 || \
	  { cat $(VENV)/install.log >&2; exit 1; }
	@touch $@

LOCK := pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-annotate --no-emit-index-url \
  --custom-compile-command "make lock"
lock: $(VENV)/.installed ## resolve the newest packages into requirements.lock
	@$(BIN)/uv $(LOCK) --upgrade --quiet --output-file requirements.lock

# An existing environment is used as it is. If PYTHON is given, the environment has to be of that Python.
ifneq ($(origin PYTHON),file)
$(VENV)/.installed: | same-python
endif
same-python: $(BIN)/python
	@test "$$($(PYTHON) -VV)" = "$$($(BIN)/python -VV)" || \
	  { echo "$(VENV) is not of $(PYTHON): choose another one, as in make VENV=.venv-other ..." >&2; exit 1; }

# Without npm the checks continue, and tests that miss its files are skipped with a message.
node_modules/.installed: package.json package-lock.json .npmrc
	@$(if $(NPM),:,$(call apt,npm,For the tests in a browser,:))
	@if command -v npm >/dev/null; then npm ci --silent && touch $@; fi

chromium:
	@$(if $(CHROMIUM),:,$(call apt,chromium,For the tests in a browser,:))

# Playwright needs a patch for Debian's Firefox.
firefox: $(VENV)/.installed
	@$(if $(FIREFOX),:,$(call apt,firefox-esr,For the tests in Firefox,:))
	@$(BIN)/python tools/firefox.py >/dev/null

# WebKit needs a screen, which may be virtual.
webkit:
	@$(if $(and $(WEBKIT),$(XVFB)),:,$(call apt,webkitgtk-webdriver xvfb,For the tests in WebKit,:))

curl:
	@$(if $(CURL),:,$(call apt,curl,For the tests of the demo,:))

ip:
	@$(if $(IP),:,$(call apt,iproute2,For the test of a cut connection,:))

# The server only. The tests start it themselves and do not need Debian's service.
valkey:
	@$(if $(VALKEY),:,$(call apt,valkey-server,For the tests of the Redis backplane,:))

nginx:
	@$(if $(NGINX),:,$(call apt,nginx openssl,For the tests behind a proxy,:))

# The programs only. The services of Debian's packages are not started, neither now nor at boot.
KEPT := /usr/sbin/policy-rc.d
.PHONY: proxies
proxies: nginx curl ## install the proxies that the long tests start
	@$(if $(PROXIES),$(if $(ROOT_USER),test -e $(KEPT) || \
	  { trap 'rm -f $(KEPT)' EXIT; printf '#!/bin/sh\nexit 101\n' >$(KEPT); chmod 755 $(KEPT); }; )\
	  $(call apt,$(PROXIES),For the tests behind every proxy,:)$(if $(ROOT_USER), && \
	  { systemctl disable --quiet $(PROXIES) 2>/dev/null || :; }),:)
