# What a stranger types. Only Linux, make and Python >= 3.11 are needed; the rest comes from PyPI.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
CARD := benchmarks/reliability
PIP := $(BIN)/python -m pip --disable-pip-version-check
# On a terminal pip shows what it is doing; a log needs only what goes wrong.
QUIET = `test -t 2 || echo -q`

.PHONY: help setup setup-dev demo test test-all test-quick test-lives models situations faults kills mutants card crash stops adopt fleet guest documents fuzz check format agent package bundle test-bundle bench soak reconnect peers coverage docs clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Cloudhand needs Python 3.11 or newer: install it, or name it with make PYTHON=/path/to/python3"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: install it with 'apt install python3-venv' (Cloudhand keeps what it installs in $(VENV))"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml hatch_build.py | $(BIN)/python
	@echo "Installing Cloudhand into $(VENV)"
	@$(PIP) install $(QUIET) -c requirements/dev.txt -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need into $(VENV)"
	@$(PIP) install $(QUIET) -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.runtime ## .venv with Cloudhand installed in it
	@test "$(MAKECMDGOALS)" != setup || echo "Next: . $(VENV)/bin/activate && cloudhand up"

setup-dev: $(VENV)/.dev

demo: setup ## A control plane and three instances; a command restarts and stops them (ONCE=1: and ends)
	@$(BIN)/cloudhand demo

test: setup-dev ## The tests, of the long ones a third, others with each commit; the last lines say what was skipped and why
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

test-all: setup-dev ## Every test, also the long ones of which make test draws some
	@CLOUDHAND_TEST_DRAW=all $(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

test-quick: setup-dev ## Tests without processes and sockets, in under a minute
	@$(BIN)/python -m pytest -q tests/unit tests/store tests/control tests/rules $(ARGS)

test-lives: setup-dev ## Anything in any order, in virtual time: make test-lives LIVES=1000
	@CLOUDHAND_TEST_LIVES=$(or $(LIVES),1000) $(BIN)/python -m pytest -q -n 2 tests/control/test_any_order.py $(ARGS)

models: setup-dev ## Each noun, and the agent's journal, against a model of it: make models EXAMPLES=1000
	@CLOUDHAND_TEST_MODELS=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest -q -n 2 --timeout 36000 tests/models $(ARGS)

situations: setup-dev ## A hundred things that keep something waiting, each made and explained; make test draws a few
	@CLOUDHAND_TEST_SITUATIONS=all $(BIN)/python -m pytest -q -n 2 tests/explained $(ARGS)

faults: setup-dev ## 10,800 runs that a fault strikes, judged by an outsider: SEED=, KEEP=1 for the card
	@$(BIN)/python -m tests.faults --seed $(or $(SEED),1) $(if $(KEEP),--keep $(CARD)) $(ARGS)

kills: setup-dev ## The control plane killed, and the power cut, at each step of one life; make test draws a few
	@CLOUDHAND_TEST_FAULTS=all $(BIN)/python -m pytest -q -n 2 tests/faults $(ARGS)

mutants: setup-dev ## Cloudhand broken in each way that is known, and whether the faults find it
	@$(BIN)/python -m tests.faults.mutants $(if $(KEEP),--out $(CARD)/mutants.json) $(ARGS)

card: setup-dev ## Write docs/reliability.md from what was kept with KEEP=1
	@$(BIN)/python -m benchmarks.card

crash: setup-dev ## Every rehearsal with the engine killed after every write; make test draws a few of them
	@CLOUDHAND_TEST_CRASHES=all $(BIN)/python -m pytest -q -n 2 tests/rehearsals/test_rehearsals.py tests/control/test_effects.py $(ARGS)

stops: setup-dev ## Scripts that fight their end, stopped again and again, with and without cgroups: make stops STOPS=20
	@$(if $(KEEP),CLOUDHAND_TEST_KEEP=$(CARD)) CLOUDHAND_TEST_STOPS=$(or $(STOPS),20) $(BIN)/python -m pytest -q -s -p no:xdist --timeout 600 tests/agent/test_stopping.py -k "soon or bomb" $(ARGS)

adopt: setup-dev ## Adopt 50 machines over ssh, of which three are broken; needs root, sshd and ssh
	@CLOUDHAND_TEST_MACHINES=50 $(BIN)/python -m pytest -q -p no:xdist tests/system/test_adopting.py -k fleet $(ARGS)

fleet: setup-dev ## Twenty real instances restart in turns, two of which go wrong; a machine is copied: takes five minutes
	@$(BIN)/python -m pytest -q -p no:xdist --timeout 1200 tests/fleet $(ARGS)

guest: setup-dev ## Install the agent on a machine with its own systemd: a container as root, else a virtual machine; what each needs is in CONTRIBUTING.md
	@$(BIN)/python -m pytest -q -p no:xdist tests/guest $(ARGS)

documents: setup-dev ## Do what each how-to page says, line by line, and compare; needs root, sshd and PyPI
	@CLOUDHAND_TEST_DOCUMENTS=all $(BIN)/python -m pytest -q -p no:xdist tests/documents $(ARGS)

fuzz: setup-dev ## Hostile input to templates, gateway and API, much of it: make fuzz EXAMPLES=20000
	@mkdir -p build/fuzz
	@CLOUDHAND_TEST_ANSWERS=build/fuzz CLOUDHAND_TEST_EXAMPLES=$(or $(EXAMPLES),20000) $(BIN)/python -m pytest -q -n 2 --timeout 3600 tests/api/test_fuzz.py tests/gateway/test_fuzz.py tests/unit/orchestration/test_hostile.py $(ARGS)
	@echo "What was answered, by operation: build/fuzz/answers-*.json"

check: setup-dev ## Format, lint, types, import layers, docs fresh, dependencies audited where PyPI's database answers
	@$(BIN)/ruff format --check -q . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > .import-lint.log 2>&1 || { cat .import-lint.log; rm -f .import-lint.log; exit 1; }
	@rm -f .import-lint.log
	@$(BIN)/vermin -q --no-tips --eval-annotations -t=3.9- --violations src/cloudhand/agent src/cloudhand/wire src/cloudhand/faults.py
	@$(BIN)/python scripts/docs.py --check
	@$(BIN)/python scripts/audit.py
	@echo "Format, lint, types, import layers, the agent's Python and the docs: all as they should be"

format: setup-dev ## Format everything
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

coverage: setup-dev ## Write the table of which test shows which parameter anew, in minutes
	@$(BIN)/python scripts/covered.py

docs: setup-dev ## Write the reference pages anew
	@$(BIN)/python scripts/docs.py

agent: setup ## Build the agent's one file
	@$(BIN)/python -c "from cloudhand.agent_dist.build import TARGET, build; build(TARGET); print(TARGET)"

package: setup ## Build the wheel, with the agent in it
	@$(PIP) wheel $(QUIET) --no-deps -w dist .
	@ls dist/*.whl

bundle: setup-dev ## One file that installs the control plane and the agent without a network
	@$(BIN)/python scripts/bundle.py dist

test-bundle: setup-dev ## Make that file, and install and use it where only loopback is
	@$(BIN)/python -m pytest -q -p no:xdist tests/offline $(ARGS)

bench: setup-dev ## Measure, with a table of ratios and benchmarks/results.json
	@$(BIN)/python -m benchmarks

soak: setup-dev ## Everything at random, and whether all of it was told truly: make soak HOURS=1 AGENTS=200 SIMULATED=2000 SEED=1 (KEEP=1: into benchmarks/soak.json)
	@$(BIN)/python -m benchmarks.soak --hours $(or $(HOURS),1) --agents $(or $(AGENTS),200) --simulated $(or $(SIMULATED),2000) --seed $(or $(SEED),1) $(if $(KEEP),--keep) $(ARGS)

reconnect: setup-dev ## The control plane killed under 10,000 simulated agents: when all are back (KEEP=1: into benchmarks/reconnect.json)
	@$(BIN)/python -m benchmarks.reconnect --machines $(or $(SIMULATED),10000) --seed $(or $(SEED),1) $(if $(KEEP),--keep) $(ARGS)

peers: setup-dev ## The same faults against Cloudhand, Salt and Ansible, and the table of the README: half an hour; what it needs is in CONTRIBUTING.md
	@$(BIN)/python -m benchmarks.peers $(ARGS)
	@$(BIN)/python scripts/docs.py

clean: ## Remove what was built
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
