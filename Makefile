# Everything works from a clean clone: each target makes what it needs, once.
#
#   make demo     serve the demo on http://127.0.0.1:8080/
#   make unit     run the unit tests, the fast loop; ARGS='-k origins' chooses
#   make coverage run the unit tests, and tell how much of the package they reach
#   make test     run all tests; it installs programs that some of them drive, TOOLS= installs none
#   make cluster  run the tests over several nodes: all of them, where `make test` runs a few
#   make peers    run the tests of the client against the servers of others
#   make resume   prove over every transport that pages lose nothing, where `make test` has a sample
#   make lint     ruff (lint and format) and mypy --strict
#   make docs     build the documentation into build/docs
#   make wheel    build wheel and source distribution into dist, and prove them
#   make bench    measure this server and its peers side by side; ARGS='--rows echo-1' chooses
#   make soak     ten minutes of full load, and whether all is back after it
#   make fairness measure how long others wait while some clients flood the server
#   make idle     measure what an idle session costs
#   make clean    remove what these targets made

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
NODE_MODULES = tests/client/node_modules
ARGS ?=
# How many examples `make unit` tries of each property: few, or the full number with `untimed`.
EXAMPLES ?= few
# What `.ci/tools` installs if it is missing: a browser for the tests of the stock client, the servers
# for the tests behind a proxy, and the broker of a cluster.
TOOLS ?= chromium nginx haproxy caddy apache redis-server promtool

.PHONY: demo unit coverage test cluster peers resume lint docs wheel bench soak fairness idle clean tools

# With npm the page gets the client that is installed here, without it the one of the CDN: the
# demo looks for node_modules from its own directory upwards.
demo: $(VENV)/.package
	@$(MAKE) --silent $(NODE_MODULES)/.installed || echo "using the client script of the CDN"
	cd $(dir $(NODE_MODULES)) && exec $(abspath $(BIN))/twistd --nodaemon --pidfile= sockjs $(ARGS)

unit: $(VENV)/.dev
	$(BIN)/python -m pytest -q --numprocesses=auto --hypothesis-profile=$(EXAMPLES) \
	  tests/unit tests/test_*.py $(ARGS)

coverage: $(VENV)/.dev
	@rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -q --numprocesses=auto tests/unit tests/test_*.py $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test: $(VENV)/.dev tools $(NODE_MODULES)/.installed
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile $(ARGS)

# The wire suite and the stock client's once for each way in to several nodes. What looks inside a
# server is left out, and listed.
cluster: $(VENV)/.dev tools $(NODE_MODULES)/.installed
	for way in workers redis; do \
	  SOCKJS_WAY=$$way $(BIN)/python -m pytest -q --no-fold-skipped \
	    tests/wire tests/client/test_node.py tests/client/test_chromium.py $(ARGS) || exit 1; \
	done
	SOCKJS_FULL=1 $(BIN)/python -m pytest -q tests/cluster $(ARGS)

# The client against sockjs-node, sockjs-tornado and aiohttp's, which are installed below .cache.
peers: $(VENV)/.dev
	SOCKJS_PEERS=1 $(BIN)/python -m pytest -q tests/integration/client/test_servers.py $(ARGS)

# Node and Chromium, one process, workers, and workers of two nodes, 10,000 messages each time: forty minutes.
resume: $(VENV)/.dev tools $(NODE_MODULES)/.installed
	SOCKJS_RESUME=1 $(BIN)/python -m pytest -q --durations=0 tests/client/test_reconnecting.py $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs build/docs

wheel: $(VENV)/.dev $(VENV)/.docs
	$(BIN)/python .ci/wheel.py

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(ARGS)

soak: $(VENV)/.package
	$(BIN)/python benchmarks/soak.py $(ARGS)

fairness: $(VENV)/.package
	$(BIN)/python benchmarks/fairness.py $(ARGS)

idle: $(VENV)/.package
	$(BIN)/python benchmarks/idle_sessions.py --at-most 8 $(ARGS)

clean:
	rm -rf $(VENV) $(NODE_MODULES) .cache build dist *.egg-info twisted/plugins/dropin.cache

# The stamps stand for an install that finished; a broken-off one is done again.
$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.package: pyproject.toml setup.py | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml setup.py | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.package

$(VENV)/.docs: pyproject.toml setup.py | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --editable '.[docs]'
	@touch $@ $(VENV)/.package

tools:
	@.ci/tools $(TOOLS)

$(NODE_MODULES)/.installed: tests/client/package.json tests/client/package-lock.json
	@if command -v npm >/dev/null; then \
	  cd tests/client && npm ci --no-audit --no-fund && touch node_modules/.installed; \
	else \
	  echo "SKIPPED: npm is not installed, so there is no client to test with"; \
	fi
