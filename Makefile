# `make` alone lists the targets. PYTHON is only needed to create .venv; all else runs in it.
PYTHON ?= python3
# -E: a variable such as PYTHONPATH brings no other packages in.
PY := .venv/bin/python -E
PHASES := lint unit structure notebooks site browser

.DEFAULT_GOAL := help
.PHONY: help setup book test $(PHASES) lab new refresh check restyle scoreboard trials mutate \
    bench clean named

help:
	@awk -F ' *[|] *' '/^#: / { printf "  %-34s%s\n", substr($$1, 4), $$2 }' Makefile

#: make setup                   | create .venv with the pinned requirements, or repair it
setup:
	@command -v "$(PYTHON)" > /dev/null || { \
	    echo "set-up: there is no $(PYTHON). Install Python 3.11 or newer," \
	         "or name yours: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" scripts/bootstrap.py

#: make book                    | set up, then render the book into _build/html
book: setup
	@$(PY) scripts/render.py

#: make test                    | set up, then verify everything
test: setup
	@$(PY) scripts/verify.py

#: make lint (or unit, site, ...) | one phase of the verification alone
$(PHASES): setup
	@$(PY) scripts/verify.py $@

#: make lab                     | JupyterLab on the chapters
lab: setup
	@$(PY) -m press.lab

#: make new PART=vision SLUG=yolof | start a chapter from the template
new: named setup
	@$(PY) -m press new "$(PART)" "$(SLUG)"

#: make refresh CH=sttn         | execute a chapter and store its outputs (CH=all: every one)
refresh: named setup
	@$(PY) -m press refresh "$(CH)"

#: make check CH=sttn           | structure and outputs of a chapter (CH=all, CH=changed)
check: named setup
	@$(PY) -m press check "$(CH)"

#: make restyle                 | draw all cards anew from their records, executing nothing
restyle: setup
	@$(PY) -m press restyle

#: make scoreboard              | every claim of every chapter, in the terminal
scoreboard: setup
	@$(PY) -m press scoreboard

#: make trials CH=sttn          | the longer runs behind a chapter (MISSING=1: those not stored)
trials: named setup
	@test -f "trials/$(CH).py" || { echo "trials: there is no trials/$(CH).py" >&2; exit 2; }
	@$(PY) "trials/$(CH).py" $(if $(MISSING),--missing)

#: make mutate CH=sttn          | do tests and claims notice a changed method? (LIMIT=40 mutants)
mutate: named setup
	@$(PY) -m press mutate "$(CH)" $(if $(LIMIT),--limit "$(LIMIT)")

#: make bench                   | measure the ratios that the appendix shows
bench: setup
	@ls benchmarks/[a-z]*.py > /dev/null 2>&1 || echo "bench: there are no benchmarks yet"
	@for file in $(wildcard benchmarks/[a-z]*.py); do echo "$$file"; $(PY) "$$file" || exit 1; done

#: make clean                   | remove what the targets made, except .venv
clean:
	rm -rf _build .coverage .coverage.* .hypothesis .pytest_cache .ruff_cache *.egg-info
	find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) \
	    -prune -exec rm -rf {} +

# The arguments of new, refresh and others, looked at before anything is installed.
named:
	@case " $(MAKECMDGOALS) " in \
	    *" new "*) test -n "$(PART)" -a -n "$(SLUG)" || { \
	        echo "usage: make new PART=vision SLUG=yolof" >&2; exit 2; };; \
	    *) test -n "$(CH)" || { \
	        echo "usage: make $(MAKECMDGOALS) CH=sttn" >&2; exit 2; };; esac
