# One command per habit, the same for people, hooks and CI. PYTHON names the interpreter of the environment.
PYTHON ?= .venv/bin/python

.PHONY: check test golden fuzz docs bench bench-diagnosis chaos chaos-sd-scripts lint types layers docs-check

check: lint types layers docs-check

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy

layers:
	$(dir $(PYTHON))lint-imports

docs-check:
	$(PYTHON) scripts/make_docs.py --check
	$(PYTHON) scripts/make_reliability.py --check

test:
	$(PYTHON) -m pytest -q

golden:
	LORA_GOLDEN=write $(PYTHON) -m pytest -q tests/golden tests/hostile/recipes/test_corpus.py

# All of the hostile input, which CI tries in part; docs/fuzz.md tells what came of it.
fuzz:
	LORA_FULL=1 $(PYTHON) -m pytest -q tests/hostile

docs:
	$(PYTHON) scripts/make_docs.py
	$(PYTHON) scripts/make_reliability.py

bench:
	$(PYTHON) scripts/bench.py

bench-diagnosis:
	$(PYTHON) -m benchmark.page

# Half an hour on two CPUs: kills real runs and counts what was lost.
chaos:
	$(PYTHON) -m chaos.kill --kills 50 -o docs/chaos.json

# The same on real sd-scripts, in an hour: LORA_RIG names the folder of a rig (docs/rig.md).
chaos-sd-scripts:
	$(PYTHON) -m chaos.kill --trainer sd-scripts --kills 50 -o docs/chaos-sd-scripts.json
