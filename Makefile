# `make demo` and `make test` are all that a fresh clone needs; each sets up what it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test bench soak faults fuzz lint client previews clean

demo: $(VENV)/.ready
	$(BIN)/technopark up --demo $(ARGS)

# Most tests wait for services, so three at a time keep two cores busy. They go in
# order: the longest, those of the whole platform, first, so that no process waits for one at the end.
test: lint
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

soak: $(VENV)/.ready
	$(BIN)/python -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(ARGS)

faults: $(VENV)/.ready
	$(BIN)/python -m tests.faults $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

# After a change of the API: the typed client's generated modules.
client: $(VENV)/.ready
	$(BIN)/python -m tests.client

# After a change of a dashboard: its picture in docs/dashboards.
previews: $(VENV)/.ready
	$(BIN)/python -m tests.previews $(ONLY)

clean:
	rm -rf $(VENV) .technopark build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

$(VENV)/.ready: pyproject.toml constraints.txt
	sh stack/setup.sh $(PYTHON) $(VENV)
	touch $@
