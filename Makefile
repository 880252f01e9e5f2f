# Every target prepares what it needs (scripts/bootstrap) and then calls the `viva` command, which does the work.
.DEFAULT_GOAL := help
.PHONY: help demo run observe models test lint format bench lock clean install install-test install-chart test-chart \
	test-images test-observability install-prometheus install-vllm test-vllm install-llamacpp test-llamacpp install-clients test-clients \
	install-web test-web install-loadtest loadtest test-loadtest images push kind

VENV := .venv/bin
# The bootstrap may have put a redis-server there (see scripts/bootstrap).
export PATH := $(CURDIR)/$(VENV):$(PATH)

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## start everything, ask the sample lecture two spoken questions, stop
	@$(VENV)/viva demo

run: install ## keep the stack up until Ctrl-C
	@$(VENV)/viva run

observe: install-prometheus ## the same, watched by Prometheus (which it fetches from Debian), and by Grafana where it is installed
	@$(VENV)/viva run --observe

models: install ## fetch the real speech models (Whisper, Piper); `make run` then uses them
	@$(VENV)/viva models

test: install-test ## run every test, on a real Redis and the real services
	@$(VENV)/pytest --quiet --instafail --numprocesses auto --maxprocesses 4 --dist loadfile

test-chart: install-chart ## run the tests of the Helm chart, with no cluster and no Docker
	@$(VENV)/pytest tests/chart

test-images: install-test ## install what each image holds into a new environment, and start it there
	@$(VENV)/pytest tests/images -m installs

test-vllm: install-vllm ## ask the real vLLM, on CPUs, behind the router (installs it beside the project: minutes, GB)
	@$(VENV)/pytest tests/vllm --timeout=900 -rP

test-llamacpp: install-llamacpp ## ask llama.cpp's and llama-cpp-python's servers behind the router (builds them beside the project: minutes)
	@$(VENV)/pytest tests/llamacpp --timeout=600

test-clients: install-clients ## talk to the stack with clients nobody here wrote: openai, pipecat, LiveKit (1.5 GB once)
	@$(VENV)/pytest tests/clients --timeout=600

test-observability: install-test install-prometheus ## ask every query of dashboards and alerts of a real Prometheus, which it fetches from Debian; raise an alert
	@$(VENV)/pytest tests/observability --timeout=240

test-web: install-web ## talk with the page in a real Chromium, through a microphone that plays a file
	@$(VENV)/pytest tests/web --timeout=600

loadtest: install-loadtest ## simulated callers, on a stack of their own or URL=https://…; SCENARIO=short, PAGE=8089 for Locust's page
	@$(VENV)/python -m loadtest $(or $(SCENARIO),short) $(if $(URL),--url "$(URL)") $(if $(PAGE),--page $(PAGE)) $(if $(OUT),--out "$(OUT)")

test-loadtest: install-loadtest ## let simulated callers ask a real stack, and read their report
	@$(VENV)/pytest tests/swarm --timeout=240

lint: install-test ## check the code's style and format
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check --quiet . || { echo "Some files are not formatted: make format"; exit 1; }

format: install-test ## format the code, and let ruff fix what it can
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

bench: ## list the measurements, each one command (they need what `make test` installs)
	@awk -F ' [|] ' '/^[|] `python -m / {gsub(/^[|] `|`$$/, "", $$1); sub(/ [|]$$/, "", $$2); printf "  $(VENV)/%s\n      %s\n", $$1, $$2}' benchmarks/README.md

lock: ## bring constraints.txt up to date with the pyproject files (UPGRADE=1: newest versions)
	@scripts/lock $(if $(UPGRADE),--upgrade)

images: ## build the container images (ENGINE=docker, podman or buildah; TAG=..., PLATFORM=...)
	@scripts/images build

push: ## push them: make push REGISTRY=registry.example.com/team
	@scripts/images push "$(REGISTRY)"

kind: ## a Kubernetes cluster on this machine with Viva in it, asked a question (needs kind, helm, kubectl)
	@scripts/kind

clean: ## remove the virtual environment and caches; recordings and models in .viva stay
	@rm -rf .venv .pytest_cache .ruff_cache .viva/demo .viva/install.log build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
	@find . -name '*.egg-info' -type d -prune -exec rm -rf {} + 2>/dev/null || true
	@if [ -d .viva ]; then echo "Kept .viva (recordings, history, models). Remove it by hand if you want them gone."; fi

install:
	@scripts/bootstrap

install-test:
	@scripts/bootstrap test

install-chart:
	@scripts/bootstrap chart

install-llamacpp: install-test
	@scripts/llamacpp_env

install-prometheus: install
	@scripts/prometheus_env

install-vllm: install-test
	@scripts/vllm_env

install-web:
	@scripts/bootstrap web

install-loadtest:
	@scripts/bootstrap loadtest

install-clients: install-test
	@scripts/clients_env
