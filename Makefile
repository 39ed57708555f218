# The quick checks of a change; .ci/run does everything. PYTHON is an environment with the extra `dev`.
PYTHON ?= .venv/bin/python

.PHONY: check lint types imports changed test integration report

check: lint types imports changed  ## under a minute: lint, types, import contracts, unit tests of the changed packages

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy

imports:
	$(dir $(PYTHON))lint-imports

changed:
	$(PYTHON) tests/changed.py

test:  ## all unit tests
	$(PYTHON) -m pytest -n auto

integration:  ## against real servers, harnesses and engines; needs every extra
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -m integration -n 2 --dist loadfile
