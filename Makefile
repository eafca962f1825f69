# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
SEED ?= 1

.PHONY: run test check mutants nightly fix bench tables gpu-check screenshots examples sheets lock clean

run: $(VENV)/.installed
	$(BIN)/python app.py

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not slow and not nightly" -n $(JOBS) --dist loadscope

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "slow and not nightly"

# Changes the code in 50 random places, of which the tests have to catch 40: make mutants SEED=2
mutants: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutation.mutants --seed $(SEED)

# What takes too long for every change; commit the outcome in tests/results.
nightly: $(VENV)/.installed-dev
	$(BIN)/python -m tests.nightly

fix: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed
	$(BIN)/python -m restoration bench report --write
	$(BIN)/python -m restoration bench plot assets/benchmarks/set5-x4.json -o assets/benchmarks/set5-x4.svg

# Measures the quality tables of docs/benchmarks.md again, in half an hour: make tables RESTORATION_DATA=FOLDER.
# The models own-... are published weights, to be added first. BM3D is measured separately: pip install bm3d, then run the
# line of sigma 25 with RESTORATION_NON_COMMERCIAL=1, --model bm3d and --keep-others.
SETS = $(RESTORATION_DATA)/bench
TABLE = $(BIN)/python -m restoration bench quality --json assets/benchmarks/$(1).json --set $(SETS)/$(2) --task $(3)

tables: $(VENV)/.installed
	$(call TABLE,cbsd68-sigma15,CBSD68,denoise) --sigma 15 --model resunet-color
	$(call TABLE,cbsd68-sigma25,CBSD68,denoise) --sigma 25 --model bilateral --model median --model resunet-color
	$(call TABLE,cbsd68-sigma50,CBSD68,denoise) --sigma 50 --model resunet-color
	for sigma in 15 25 50; do $(call TABLE,cbsd68-sigma$$sigma-blind,CBSD68,denoise) --sigma $$sigma --blind \
		--model resunet-color || exit; done
	$(call TABLE,cbsd68-clean,CBSD68,denoise) --blind --model resunet-color
	$(call TABLE,cbsd68-sigma25-seeds,CBSD68,denoise) --sigma 25 --model ircnn --model mwcnn
	$(call TABLE,cbsd68-autoencoder-plain,CBSD68,denoise) --sigma 25 --clip8 --model autoencoder --param form=plain
	$(call TABLE,cbsd68-autoencoder,CBSD68,denoise) --sigma 25 --clip8 --model autoencoder
	$(call TABLE,set12-sigma25,Set12,denoise) --sigma 25 --model resunet-color
	$(call TABLE,cbsd68-sigma25-8bit,CBSD68,denoise) --sigma 25 --clip8 --model own-dncnn-color-blind --model resunet-color
	$(call TABLE,cbsd68-sigma25-8bit-exact,CBSD68,denoise) --sigma 25 --clip8 --precision exact \
		--model own-dncnn-color-blind --model resunet-color
	$(call TABLE,cbsd68-sigma50-8bit,CBSD68,denoise) --sigma 50 --clip8 --model own-dncnn-color-blind --model resunet-color
	for noise in camera poisson speckle; do $(call TABLE,cbsd68-$$noise,CBSD68,denoise) --noise $$noise --sigma 25 --clip8 \
		--blind --model bilateral --model median --model own-dncnn-color-blind --model resunet-color || exit; done
	$(call TABLE,polyu-blind,PolyU_realnoise,denoise) --blind --model own-dncnn-color-blind --model resunet-color
	$(call TABLE,cbsd68-dots-10,CBSD68,salt-and-pepper) --salt-and-pepper 0.1 --model plug-and-play-dots
	$(call TABLE,cbsd68-dots-30,CBSD68,salt-and-pepper) --salt-and-pepper 0.3 --model plug-and-play-dots
	$(call TABLE,cbsd68-dots-50,CBSD68,salt-and-pepper) --salt-and-pepper 0.5 --model plug-and-play-dots
	for quality in 10 40; do $(call TABLE,classic5-q$$quality,Classic5,dejpeg) --gray --quality $$quality \
		--model own-dncnn3-gray --model mwcnn-jpeg --model resunet-jpeg || exit; done
	$(call TABLE,levin,deblur_Levin,deblur) --sigma 2.55 --model wiener --model plug-and-play-deblur
	$(call TABLE,levin-blind,deblur_Levin,deblur) --sigma 2.55 --blind --model plug-and-play-deblur
	for scale in 2 3; do $(call TABLE,set5-x$$scale,Set5,super-resolution) --scale $$scale \
		--model lanczos --model srcnn --model edsr-lite || exit; done
	$(call TABLE,set5-x4,Set5,super-resolution) --scale 4 \
		--model lanczos --model srcnn --model mwcnn-x4 --model edsr-lite --model compact-web --model rrdb-small
	$(call TABLE,set5-x4-faithful,Set5,super-resolution) --scale 4 --model rrdb-small --param sharpness=0
	$(call TABLE,set14-x4,Set14,super-resolution) --scale 4 --model srcnn --model edsr-lite
	$(call TABLE,cbsd68-web-x4,CBSD68,super-resolution) --scale 4 --from-web \
		--model own-realesr-general-x4v3 --model compact-web
	$(call TABLE,cbsd68-web-x2,CBSD68,super-resolution) --scale 2 --from-web --model compact-web
	$(call TABLE,cbsd68-holes,CBSD68,inpaint) \
		--model navier-stokes --model biharmonic --model fill-unet --model contextual-attention
	$(call TABLE,places512,inpaint_places512,inpaint) --mask-white-is-known \
		--model navier-stokes --model fill-unet --model contextual-attention
	$(call TABLE,lol,LOL_eval,low-light) --model lowlight

# Eight minutes on a machine with an NVIDIA card; whoever has one commits the JSON.
gpu-check: $(VENV)/.installed
	$(BIN)/python -m restoration bench gpu --json assets/benchmarks/gpu.json

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
	$(SHEET) --set $(FREE) --task inpaint --model telea --model fill-unet --model contextual-attention -o assets/sheets/inpaint.jpg
	$(SHEET) --set $(FREE) --task inpaint --holes boxes --model telea --model fill-unet --model contextual-attention -o assets/sheets/objects.jpg
	$(SHEET) --set build/dark --task low-light --model clahe --model lowlight -o assets/sheets/low-light.jpg

# For every Python and system at once; needs uv (pip install uv).
lock:
	uv pip compile requirements.txt --universal --python-version 3.11 --generate-hashes --no-header -o requirements.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed; call make with PYTHON=python3.11, say."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock | $(VENV)/bin/python
	$(BIN)/pip install --require-hashes -r requirements.lock
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/pip install -r requirements-dev.txt
	touch $@

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache
