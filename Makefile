# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check fix bench screenshots examples sheets lock clean

run: $(VENV)/.installed
	$(BIN)/python app.py

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m slow

fix: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed
	$(BIN)/python -m restoration bench report --write

screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m tests.browser.screenshots

examples: $(VENV)/.installed
	$(BIN)/python -m restoration examples --out assets/examples

SHEET := $(BIN)/python -m restoration bench sheet
FREE := build/photographs

sheets: $(VENV)/.installed
	mkdir -p assets/sheets build/dark
	$(BIN)/python -m restoration examples --originals --out $(FREE)
	cp assets/examples/lowlight-* build/dark
	$(SHEET) --set $(FREE) --task denoise --sigma 25 --clip8 --blind --model non-local-means --model resunet-color -o assets/sheets/noise.jpg
	$(SHEET) --set $(FREE) --task salt-and-pepper --salt-and-pepper 0.3 --model adaptive-median --model plug-and-play-dots -o assets/sheets/dots.jpg
	$(SHEET) --set $(FREE) --task dejpeg --quality 10 --model jpeg-deblock --model resunet-jpeg -o assets/sheets/jpeg.jpg
	$(SHEET) --set $(FREE) --task super-resolution --scale 4 --model bicubic --model edsr-lite --model compact-web -o assets/sheets/super-resolution.jpg
	$(SHEET) --set $(FREE) --task super-resolution --scale 4 --from-web --model bicubic --model compact-web -o assets/sheets/damaged.jpg
	$(SHEET) --set $(FREE) --task inpaint --model telea --model fill-unet -o assets/sheets/inpaint.jpg
	$(SHEET) --set $(FREE) --task inpaint --holes boxes --model telea --model fill-unet -o assets/sheets/objects.jpg
	$(SHEET) --set build/dark --task low-light --model clahe --model lowlight -o assets/sheets/low-light.jpg

lock: $(VENV)/.installed
	$(BIN)/pip freeze --exclude-editable > requirements.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || \
		{ echo "Python 3.11 or 3.12 is needed; call make with PYTHON=python3.11, say."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/pip install -r requirements-dev.txt
	touch $@

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache
