# Two commands for everybody: `make demo` and `make test`. Each makes .venv itself.
SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto
FOR ?=
# FMUs that others made, for tests; what the package is for is not needed
FOREIGN := gemseo-fmu==3.1.1

.PHONY: demo test check conformance format wheel docs clean

$(BIN)/.runtime: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(BIN)/.test: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps '$(FOREIGN)'
	touch $@ $(BIN)/.runtime

$(BIN)/.check: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test,check]'
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps '$(FOREIGN)'
	touch $@ $(BIN)/.test $(BIN)/.runtime

demo: $(BIN)/.runtime
	exec $(BIN)/megatwin demo $(if $(FOR),--for $(FOR))

test: $(BIN)/.test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

check: $(BIN)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python tools/generate.py --check
	$(BIN)/mkdocs build --strict --quiet --site-dir build/site

format: $(BIN)/.check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(BIN)/.check
	$(BIN)/mkdocs build --strict --site-dir build/site

# The reference parser's cases: make conformance DTDL_CASES=<its folder test-cases>
conformance: $(BIN)/.test
	$(BIN)/python -m tests.conformance.table $(DTDL_CASES)

wheel: $(BIN)/.test
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf build dist site .mypy_cache .ruff_cache .pytest_cache
