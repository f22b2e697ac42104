# make demo   translates a dozen sentences from a fresh clone, end to end
# make train-demo  trains a toy in minutes on a corpus that it makes, exports it, translates with it
# make serve  the same server, left running
# make lint   formatting, lint, types and import contracts
# make test   that, then every test
# make attack-test  the attacks that take longer, on a server in a process of its own; then all of
#             them on one that asks who calls and has several models
# make fault-test  the faults that take longer, and 100,000 fuzzed messages without and with front-end processes
# make image-test  the container images, built and run; needs root, buildah, iproute2, mmdebstrap, runc
# make libtorch-test  what runs in C++ alone, built and run: examples/libtorch and the settings of
#             examples/triton_server; needs CMake and a compiler
# make bench  speed beside CTranslate2, transformers and Optimum, written into docs/benchmarks,
#             the page of this machine; DATA=DIR takes the test sets there
# make ray-test  the tests of `dragoman corpora`, those on Ray too
# make protos regenerates clients/dragoman/v1 from protos/, make go-protos clients/go/v1

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CHECKPOINT ?= export/checkpoints/marian-en-de
PRECISION ?= float32
BUNDLE ?= build/bundles/$(notdir $(CHECKPOINT))-$(PRECISION)

TOY := build/train-demo

BENCH := HF_HUB_DISABLE_PROGRESS_BARS=1 $(BIN)/python -m tests.bench

# Both calls of pytest have the same exports.
EXPORTS := build/test-exports
PYTEST := $(BIN)/pytest --exports=$(EXPORTS)

# Containers often set it: each process of a run would rewrite the assertions of every test's module anew.
unexport PYTHONDONTWRITEBYTECODE

PROTOC := PATH=$(BIN):$$PATH $(BIN)/python -m grpc_tools.protoc -I protos

.PHONY: demo train-demo serve lint test parity-test attack-test fault-test image-test libtorch-test bench ray-test protos go-protos clean

demo: $(BUNDLE)/bundle.json
	$(BIN)/python examples/demo.py --bundle $(BUNDLE)

# So small a model gains nothing from a second thread.
train-demo: $(VENV)/installed
	$(BIN)/python examples/number_phrases.py $(TOY)/corpus
	OMP_NUM_THREADS=1 $(BIN)/python examples/train_transformer.py --output $(TOY)/model \
		--source $(TOY)/corpus/train.en --target $(TOY)/corpus/train.de \
		--source-language en --target-language de --vocabulary 300 \
		--dim 96 --heads 4 --layers 2 --hidden 192 \
		--batch 64 --steps 900 --warmup 200 --learning-rate 3e-3
	$(BIN)/dragoman export $(TOY)/model --output $(TOY)/bundle --name numbers --force \
		--sentences $(TOY)/corpus/examples.en
	$(BIN)/python examples/demo.py --bundle $(TOY)/bundle --sentences $(TOY)/corpus/examples.en

serve: $(BUNDLE)/bundle.json
	$(BIN)/dragoman serve --bundle $(BUNDLE) --host 127.0.0.1 --port 50051 --prometheus-port 9464

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Side by side, then what wants the machine to itself.
test: lint
	rm -rf $(EXPORTS)
	$(PYTEST) -m "not alone and not attack and not fault and not libtorch" -n auto --maxprocesses=4 --dist=worksteal --cov --cov-report= --cov-fail-under=0
	$(PYTEST) -m "alone and not attack and not fault" --cov --cov-append --cov-report=term:skip-covered

attack-test: $(VENV)/installed
	$(PYTEST) tests/attacks -m attack --timeout=600
	ATTACKED=guarded $(PYTEST) tests/attacks -m "not alone" --timeout=600

# With all of the test sets, of which `make test` takes parts. About ten minutes.
parity-test: $(VENV)/installed
	WHOLE_TEST_SETS=1 $(PYTEST) tests/integration/test_parity.py tests/integration/test_independence.py \
		tests/integration/test_corpus.py tests/integration/test_terminology.py --timeout=3600

fault-test: $(VENV)/installed
	$(PYTEST) tests/faults -m fault --timeout=900 -s

# Needs no engine and no registry. What is built stays in build/image-test, 20 GB, until `make clean`.
image-test: $(VENV)/installed
	$(BIN)/pytest tests/image --timeout=3600

# tritonclient has the message that Triton reads settings as. What else it wants stays away, as it wants
# older versions than ours.
libtorch-test: $(VENV)/installed
	$(BIN)/pip install -q --no-deps --upgrade --target build/tritonclient tritonclient==2.73.0
	$(BIN)/pytest tests/examples -m libtorch --timeout=600

# Takes about three hours; quick parts first.
bench: $(VENV)/bench-installed
	$(BENCH).peaks --json build/bench/peaks.json
	$(BENCH).offline $(DATA:%=--data %) --json build/bench/offline.json
	$(BENCH).offline $(DATA:%=--data %) --model base-256k --beam 1 --system dragoman ctranslate2 \
		--json build/bench/offline-256k.json
	$(BENCH).memory $(DATA:%=--data %) --reuse
	$(BENCH).served $(DATA:%=--data %) --reuse --json build/bench/served.json
	$(BENCH).latency $(DATA:%=--data %) --reuse --json build/bench/latency.json
	$(BENCH).front_end --json build/bench/front_end.json
	$(BENCH).load_peaks $(DATA:%=--data %) --reuse --json build/bench/load.json
	$(BENCH).growth --reuse --json build/bench/growth.json
	$(BENCH).document $(patsubst %,build/bench/%.json,offline offline-256k served load front_end latency growth peaks)

ray-test: $(VENV)/ray-installed
	$(BIN)/pytest tests/clients/corpora

# --pyi files come from mypy-protobuf: its stubs are the ones that mypy's strict mode accepts.
protos: $(VENV)/installed
	$(PROTOC) --python_out=clients --mypy_out=clients dragoman/v1/bundle.proto
	$(PROTOC) --python_out=clients --mypy_out=clients --grpc_python_out=clients --mypy_grpc_out=clients \
		dragoman/v1/admin.proto dragoman/v1/translation.proto

# Needs protoc-gen-go 1.36.11 and protoc-gen-go-grpc 1.6.1 on the PATH.
go-protos: $(VENV)/installed
	$(PROTOC) --go_out=clients/go --go_opt=module=dragoman --go-grpc_out=clients/go \
		--go-grpc_opt=module=dragoman dragoman/v1/admin.proto dragoman/v1/translation.proto
	cp clients/service_config.json clients/go/v1/

$(BUNDLE)/bundle.json: $(VENV)/installed
	$(BIN)/dragoman export $(CHECKPOINT) --output $(BUNDLE) --precision $(PRECISION) --force

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[server,export,load,http,documents,dev]'
	touch $@

$(VENV)/bench-installed: $(VENV)/installed
	$(BIN)/pip install -q -c constraints.txt -e '.[server,export,load,http,documents,dev,bench]'
	touch $@

$(VENV)/ray-installed: $(VENV)/installed
	$(BIN)/pip install -q -c constraints.txt -e '.[server,export,load,http,documents,dev,ray]'
	touch $@

clean:
	rm -rf build $(VENV)
