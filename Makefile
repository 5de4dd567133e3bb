# Two commands: `make demo` runs the main job, `make test` passes the tests. Each sets up all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test browser check soak bench gpu-check clean
.DELETE_ON_ERROR:

$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard functions/mhfd/native/*.c)
	$(PYTHON) -m venv $(VENV) || { echo "Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	command -v c++ >/dev/null || $(BIN)/python -m pip install --quiet ziglang
	touch $@

demo: $(STAMP)
	$(BIN)/mhfd demo

# The page is tested in a real browser: on Debian, as root, it is installed here; elsewhere these tests say how.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    { apt-get install -yqq --no-install-recommends chromium >/dev/null 2>&1 || \
	      { apt-get update -qq && apt-get install -yqq --no-install-recommends chromium >/dev/null; }; }; } || \
	  echo "no Chromium: the tests of the page will be skipped; install it, as in: sudo apt-get install chromium" >&2

test: $(STAMP) check browser
	$(BIN)/python -m pytest -m 'not gpu and not soak'

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(STAMP)
	$(BIN)/python -m pytest -m soak --timeout 3600

bench: $(STAMP)
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.station
	$(BIN)/python -m benchmarks.station --memory 20000
	$(BIN)/python -m benchmarks.page

# The real thing on a bare GPU machine: no network, no venv. PYTHON must have cupy, numpy, scipy and pytest.
gpu-check:
	$(PYTHON) benchmarks/gpu_check.py

clean:
	rm -rf $(VENV) dist build demo-out
