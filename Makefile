# Two commands: `make demo` runs the main job, `make test` passes the tests. Each sets up all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo demo-endpoint demo-flow demo-adjust demo-learn first-hour test suite browser broker units check site soak coverage bench \
  figures gpu-check clean \
  test-lowest test-instruments test-learn bench-train beside-cli wheels
.DELETE_ON_ERROR:
# Every command that a test types is a process: compiling its sources anew each time would be a fifth of its work.
unexport PYTHONDONTWRITEBYTECODE

$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard functions/mhfd/native/*.c)
	$(PYTHON) -m venv $(VENV) || { echo "Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	command -v c++ >/dev/null || $(BIN)/python -m pip install --quiet ziglang
	touch $@

demo: $(STAMP)
	$(BIN)/mhfd demo

# What tests need of Debian: on it, as root, it is installed here; elsewhere these tests say how.
debian = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
  { apt-get install -yqq --no-install-recommends $(1) >/dev/null 2>&1 || \
    { apt-get update -qq && apt-get install -yqq --no-install-recommends $(1) >/dev/null; }; }; } || \
  echo "no $(1): the tests of $(2) will be skipped; install it, as in: sudo apt-get install $(1)" >&2

# A station that scores through a real endpoint of Globus Compute, all of it on this machine.
demo-endpoint: $(STAMP) broker
	$(BIN)/python -m tests.rigs.globus.demo_endpoint

# The same by runs of a Globus flow that brings the images there, while things go wrong; the services are stand-ins.
demo-flow: $(STAMP) broker
	$(BIN)/python -m tests.rigs.globus.demo_flow

# What only the real Globus can show, asked there by a person with an account; the record is to be committed.
first-hour: $(STAMP)
	$(BIN)/mhfd first-hour --into docs/first-hour $(HOUR)

# The page is tested in a real browser.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || $(call debian,chromium,the page)

# Globus Compute is tested with a real broker, which the tests start for themselves.
broker:
	@[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null || \
	  $(call debian,rabbitmq-server,endpoints)

# The unit of a watch is read by systemd's own checker.
units:
	@command -v systemd-analyze >/dev/null || $(call debian,systemd,services)

# More workers than cores: much of what tests do is to wait for other processes.
WORKERS ?= 4
DEALT := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Beside each other: types are checked by one process for a minute, and tests wait for others half of the time. The
# tests of the house are the check's there: once is enough.
test: $(STAMP) browser broker units
	$(MAKE) --no-print-directory --jobs=2 check suite BUT='--ignore tests/house'

# Once after an installation: else each worker compiles all tests, at the same time as the others.
$(VENV)/.compiled: $(STAMP)
	$(BIN)/python -m pytest --collect-only --quiet >/dev/null
	touch $@

suite: $(VENV)/.compiled
	$(BIN)/python -m pytest -m 'not gpu and not soak and not instruments and not learn' $(DEALT) $(BUT)

# docs/ as a site that opens from a disk. What leads nowhere, and a page that is in no list, ends it (but not with
# --quiet: then no warning is counted).
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --config-file docs/mkdocs.yml
site: $(STAMP)
	$(SITE)
	@echo "open build/site/index.html"

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house
	$(SITE)

# What touches Globus, with the lowest releases that pyproject.toml takes; then again with an endpoint beside it, which
# takes no older click than its own. Needs an index of packages.
LOWEST := .venv-lowest
LEAST := $(LOWEST)/bin/python -m pip install --quiet
test-lowest: broker
	rm -rf $(LOWEST)
	$(PYTHON) -m venv $(LOWEST)
	$(LEAST) --upgrade pip
	$(LEAST) --constraint constraints-lowest.txt --editable '.[globus,station]'
	$(LEAST) pytest pytest-timeout pytest-xdist hypothesis
	$(LOWEST)/bin/python -m pytest -m 'not globus and not soak' $(DEALT) tests/globus tests/flows tests/flow \
	  tests/stand_ins tests/commands/test_cli.py tests/commands/test_flow_commands.py
	grep -v '^click=' constraints-lowest.txt > $(LOWEST)/endpoint.txt
	$(LEAST) --constraint $(LOWEST)/endpoint.txt --editable '.[globus,station,endpoint]'
	$(LOWEST)/bin/python -m pytest -m 'globus and not soak' $(DEALT) tests/compute tests/flow tests/runners \
	  tests/stand_ins tests/scoring tests/endpoint_config tests/commands/test_run_commands.py \
	  --deselect tests/scoring/test_endpoint_notebook.py::test_the_notebook_runs

# The adapters on the real SDKs: OpenFIBSEM's demo microscope and Micro-Manager's demo camera, each in an environment of
# its own beside ours. Made once, as long as its pins are the same. Needs an index of packages the first time.
FIBSEM := .venv-fibsem
MICROMANAGER := .venv-micromanager
INSTRUMENTS := MHFD_TEST_FIBSEM=$(CURDIR)/$(FIBSEM)/bin/python \
  MHFD_TEST_MICROMANAGER=$(CURDIR)/$(MICROMANAGER)/bin/python
$(FIBSEM)/.installed: WANTED := 'fibsem[server]'
$(MICROMANAGER)/.installed: WANTED := pymmcore-plus mm-test-adapters
.venv-%/.installed: constraints-%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --upgrade pip
	$(@D)/bin/python -m pip install --quiet --constraint $< $(WANTED)
	touch $@

test-instruments: $(STAMP) $(FIBSEM)/.installed $(MICROMANAGER)/.installed
	$(INSTRUMENTS) $(BIN)/python -m pytest -m instruments tests/instruments

# Networks are trained with torch, in an environment of its own: it is large. Where an index has none but that for GPUs,
# its size is said and a person is asked; TORCH=torch==2.13.0 agrees.
LEARN := .venv-learn
$(LEARN)/.installed: pyproject.toml constraints.txt hatch_build.py $(wildcard functions/mhfd/native/*.c)
	wheel=$$(TORCH='$(TORCH)' $(PYTHON) tests/rigs/torch_wheel.py $(MAKECMDGOALS)) && \
	  $(PYTHON) -m venv $(LEARN) && \
	  $(LEARN)/bin/python -m pip install --quiet --upgrade pip && \
	  $(LEARN)/bin/python -m pip install --quiet --constraint constraints.txt "$$wheel" --editable '.[dev,train]'
	touch $@

test-learn: $(LEARN)/.installed broker
	$(LEARN)/bin/python -m pytest -m 'learn and not soak' -n 2 --dist loadfile --no-loadscope-reorder

# What a focus is worth that was learned from an operator's hand: the same instruments, with known specimens below them.
demo-adjust: $(STAMP) $(FIBSEM)/.installed $(MICROMANAGER)/.installed
	$(INSTRUMENTS) $(BIN)/python -m tests.rigs.instruments.demo_adjust

# Beside the newest globus-cli, which pins globus-sdk: both programs answer. Needs an index of packages.
BESIDE := .venv-beside-cli
beside-cli:
	rm -rf $(BESIDE)
	$(PYTHON) -m venv $(BESIDE)
	$(BESIDE)/bin/python -m pip install --quiet --upgrade pip
	$(BESIDE)/bin/python -m pip install --quiet globus-cli --editable '.[globus]'
	$(BESIDE)/bin/python -m pip check
	$(BESIDE)/bin/globus --help >/dev/null
	$(BESIDE)/bin/mhfd --version
	$(BESIDE)/bin/python -m pip list | grep -E '^(click|globus)'

# What an index of packages takes: wheels for six platforms and a source distribution in dist/, checked, and installed
# where there is no compiler. Needs an index of packages; zig compiles for all of them.
WHEELS := .venv-wheels
wheels:
	$(PYTHON) -m venv $(WHEELS)
	$(WHEELS)/bin/python -m pip install --quiet --upgrade pip
	$(WHEELS)/bin/python -m pip install --quiet auditwheel build hatchling twine ziglang
	$(WHEELS)/bin/python -m tests.rigs.wheels

# What takes long, and properties with more examples than there is time for each time.
soak: $(STAMP) $(LEARN)/.installed broker
	MHFD_TEST_EXAMPLES=1000 $(BIN)/python -m pytest -m '(soak or hypothesis) and not learn' --timeout 3600
	MHFD_TEST_EXAMPLES=1000 $(LEARN)/bin/python -m pytest -m 'learn and (soak or hypothesis)' --timeout 3600

# How much of the four packages runs in the tests, in whatever process. A test that fails under it spoils no figure.
coverage: $(STAMP) browser broker units
	rm -rf .coverage
	mkdir .coverage
	-$(BIN)/coverage run -m pytest -m 'not gpu and not soak and not instruments and not learn' $(DEALT)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing
	@$(BIN)/coverage json --quiet -o - | $(BIN)/python -m tests.rigs.coverage_figures

bench: $(STAMP)
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.methods
	$(BIN)/python -m benchmarks.station
	$(BIN)/python -m benchmarks.station --memory 20000
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.compute

# Learning for two microscopes from a library of three networks, by a real endpoint, during a run: minutes. Exits 1 when a
# bar fails.
demo-learn: $(LEARN)/.installed broker
	$(LEARN)/bin/python -m tests.rigs.globus.demo_learn

# Time to an accuracy that is named beforehand, by workers and batch; what the network costs. A quarter of an hour on two cores.
bench-train: $(LEARN)/.installed
	$(LEARN)/bin/python -m benchmarks.train

# The figures and tables of the paper, and what a fleet of microscopes needs; FULL=1 for all sizes, scales and calls.
figures: $(STAMP) broker
	$(BIN)/python -m benchmarks.figures $(if $(FULL),--full)
	$(BIN)/python -m benchmarks.fleet $(if $(FULL),--full)

# The real thing on a bare GPU machine: no network, no venv. PYTHON must have cupy, numpy, scipy and pytest.
gpu-check:
	$(PYTHON) benchmarks/gpu_check.py

clean:
	rm -rf $(VENV) $(LOWEST) $(FIBSEM) $(MICROMANAGER) $(LEARN) $(BESIDE) $(WHEELS) dist build demo-out .coverage
