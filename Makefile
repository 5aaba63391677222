# make demo   install into .venv and run the main job on a real scene
# make test   install into .venv and run lint, types, import contracts and tests
# make bench  run the benchmarks of docs/benchmarks.md; QUICK=--quick for a short form
# make results  redo the tables of docs/results.md; runs that are there are kept (hours)

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: setup browser demo test bench results

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[demo,dev]'
	touch $@

demo: setup
	$(BIN)/spectile demo --out runs/demo --overwrite

# For the tests of the viewer, which are skipped without one.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { apt-get update && apt-get install --yes --no-install-recommends chromium; } >/dev/null 2>&1 || true

# One thread a process: pytest-xdist already runs one process a core, and worksteal keeps none idle.
test: setup browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

bench: setup
	mkdir -p build
	$(BIN)/python benchmarks/rates.py
	$(BIN)/python benchmarks/mapping.py --out build/mapping.json $(QUICK)
	$(BIN)/python benchmarks/mapping_networks.py $(QUICK)
	$(BIN)/python benchmarks/mapping_memory.py --out build/mapping_memory.json $(QUICK)
	$(BIN)/python benchmarks/reading.py $(QUICK)
	$(BIN)/python benchmarks/networks_vs_timm.py --out build/networks_vs_timm.json $(QUICK)
	$(BIN)/python benchmarks/training.py --out build/training.json $(QUICK)

results: setup
	mkdir -p build
	$(BIN)/python benchmarks/results_indian_pines.py
	$(BIN)/python benchmarks/results_spread.py
	$(BIN)/python benchmarks/results_camvid.py
	$(BIN)/python benchmarks/results_enmap.py
	$(BIN)/python benchmarks/results_nuclei.py
