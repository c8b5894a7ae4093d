# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 2
# Else each of the many processes that the tests start would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

# Where a wrong byte or cent can't be taken back: the ledger, the pool, what delivers.
DELIVERY := deliver selection assembly series manifest signers signoffs parcel preview verify
STRICT := src/gigctl/ledger/* src/gigctl/flow/pool.py $(DELIVERY:%=src/gigctl/flow/%.py)

.PHONY: demo test lint coverage lock clean

demo: $(READY) ## set up, get the model once, and run the main job on it
	@$(BIN)/gigctl model pull
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: $(READY) ## set up and pass the tests
	@$(BIN)/python -m pytest -n $(WORKERS)

lint: $(READY) ## format, rules, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

coverage: $(READY) ## the tests with branch coverage, processes included: 95 % of all, 100 % of what can't be taken back
	@$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report= --cov-fail-under=0
	@$(BIN)/coverage report; all=$$?; \
	$(BIN)/coverage report --include="$$(echo '$(STRICT)' | tr ' ' ,)" --fail-under=100 && exit $$all

lock: ## the lock with its hashes, anew from pyproject.toml (wants uv)
	uv pip compile pyproject.toml --universal --extra acp --extra local --extra dev --generate-hashes --no-header \
		--no-annotate --quiet --output-file requirements/dev.txt

clean: ## everything that these commands made, but the model in the user's cache
	rm -rf .venv demo dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage*

$(READY): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
