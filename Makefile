# `make run` and `make test` are the only set-up there is; each prepares what it needs.
PYTHON3 ?= python3
PY := .venv/bin/python

.PHONY: run chat test test-browser test-long pictures check train retrain report bench lock prepare prepare-dev

run: prepare          ## prepare, train if needed, start every part on loopback (REST=1 also opens the plain rest channel)
	@$(PYTHON3) widget/prepare.py || echo "The website's chat could not be built; everything else runs."
	@$(PY) -m nlu.train
	@$(PY) -m runtime.launcher --model "$$($(PY) -m nlu.train --where)" $(if $(REST),--rest)

chat: prepare         ## the same assistant in the terminal
	@$(PY) -m channels.terminal

test: check train     ## everything; the quick tests have run first, and those that share the clinic's records apart from each other
	@$(PY) -m pytest -m "slow and not model and not browser and not long"
	@$(PY) -m pytest -m "model and not browser and not long" tests/conversations tests/nlu tests/test_dialogue_policies.py
	@$(PY) -m pytest -n 2 --dist loadfile -m "model and not browser and not long" tests/channels tests/runtime
	@$(PY) -m pytest -m browser tests/review
	@$(PY) -m pytest -n 2 --dist loadfile -m browser tests/widget

test-long: prepare-dev train ## what takes minutes to prove by mass
	@$(PY) -m pytest -m long

test-browser: prepare-dev train ## the clinic's page and its chat in Chromium
	@$(PY) -m pytest -m browser tests/widget

pictures: prepare-dev train ## the README's pictures, taken anew from the real page
	@$(PY) -m tests.widget.pictures

check: prepare-dev    ## lint, types and the quick tests
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m pytest -n 2 --dist loadfile -m "not model and not slow and not browser and not long"

train: prepare        ## train if data, vocabulary or components changed
	@$(PY) -m nlu.train

retrain: prepare      ## train with what was changed and say what is understood better and worse than before
	@$(PY) -m nlu.retrain

report: train         ## NLU report with pictures in var/report/
	@$(PY) -m nlu.report

bench: train          ## speed beside a bare Rasa bot, in var/bench/
	@$(PY) -m bench.turns
	@$(PY) -m bench.long

lock: prepare         ## write the hash-locked requirements anew
	@.uv/bin/uv pip compile -q requirements.in --override overrides.txt --generate-hashes --no-header --python-version 3.10 -o requirements.txt
	@.uv/bin/uv pip compile -q requirements-dev.in --override overrides.txt --generate-hashes --no-header --python-version 3.10 -c requirements.txt -o requirements-dev.txt

prepare:
	@$(PYTHON3) runtime/bootstrap.py

prepare-dev:
	@$(PYTHON3) runtime/bootstrap.py --dev
	@$(PYTHON3) widget/prepare.py --dev || echo "The website's chat could not be built; its tests will say so."
