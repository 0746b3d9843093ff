# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced

.PHONY: demo test lint schemas lock clean
demo: $(STAMP)
	@$(BIN)/python examples/demo.py

test: $(STAMP)
	@requirements/debian
	$(BIN)/pytest -n 2 -q

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

schemas: $(STAMP)
	$(BIN)/python -m guarita.config.published
	$(BIN)/python -m guarita.report.published
	$(BIN)/python -m guarita.scan.reports.published

lock:
	requirements/compile

$(STAMP): requirements/dev.txt pyproject.toml $(wildcard scanners/guarita/scan/tools/locks/*.txt)
	@PYTHON=$(PYTHON) requirements/sync $(VENV)
	@$(BIN)/guarita tools sync
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .uv out
