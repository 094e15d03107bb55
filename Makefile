# Two commands with all the set-up they need: each may be run first, again, and after a pull.
# PYTHON=python3.12 make demo chooses the Python, when .venv is made.

PYTHON ?= python3
BUILT_FROM := setup.py pyproject.toml $(shell find wavenetlite -name '*.pyx' -o -name '*.px[di]' -o -name '*.in' -o -name '*.h')

help:
	@echo "make demo   sets up, trains a classifier of spoken words, lets it listen, and draws what it detects"
	@echo "make test   sets up, and runs the tests on all cores"
	@echo "make clean  removes the set-up, what was built, and the demo's results"

demo: .venv/ready
	@echo "== Training on examples/data, then listening to a recording (a minute or two)"
	.venv/bin/python examples/speech_classifier.py
	@echo "== The picture of the detections is speech_classifier_output/detections.png"

test: .venv/ready
	@echo "== Running the tests on all cores (up to ten minutes on two)"
	.venv/bin/python -m pytest -n logical

.venv/ready: $(BUILT_FROM)
	@echo "== Looking for Python, its venv and headers, and a compiler"
	@command -v $(PYTHON) > /dev/null || $(call lacks,Python ($(PYTHON)),python3)
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || $(call lacks,Python 3.11 or newer (another one than $(PYTHON): PYTHON=python3.12 make demo),python3)
	@$(PYTHON) -c "import ensurepip" 2> /dev/null || $(call lacks,Python's venv,$(notdir $(PYTHON))-venv)
	@command -v $${CC:-`$(call config,get_config_var('CC'))`} > /dev/null || $(call lacks,a C compiler,gcc)
	@test -f "`$(call config,get_path('include'))`/Python.h" || $(call lacks,Python's headers,$(notdir $(PYTHON))-dev)
	@echo "== Making the environment .venv"
	.venv/bin/python -m pip --version 2> /dev/null || $(PYTHON) -m venv --clear .venv
	@echo "== Installing what it needs, and building it in place (about two minutes)"
	@find wavenetlite -name '*.so' -delete
	.venv/bin/python -m pip install -e ".[figures,librosa,pipeline,train,test]"
	@touch $@

config = $(PYTHON) -c "import sysconfig; print(sysconfig.$(1))"
lacks = { echo "This needs $(1). On Debian 12 or newer: sudo apt install $(2)"; exit 1; } >&2

clean:
	rm -rf .venv build dist wavenetlite.egg-info speech_classifier_output
	find wavenetlite \( -name '*.so' -o -name '*.c' -o -name __pycache__ \) -prune -exec rm -rf {} +

.PHONY: help demo test clean
