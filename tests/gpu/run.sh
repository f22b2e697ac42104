#!/usr/bin/env bash
# Checks and measures everything that needs a GPU, in one go. Run from the repository's root.
#
#   usage: tests/gpu/run.sh [CARRIED=build/gpu] [REPORT=gpu.json]
#
# Needs onnxruntime-gpu, pytest, numpy, protobuf, prometheus-client, sentencepiece, langcodes; the benchmark also
# torch with CUDA and transformers, and ctranslate2 if it is there. CARRIED is what
# `python -m tests.gpu.prepare` made on a machine with the export extra: nothing is exported here.
set -euo pipefail
carried=${1:-build/gpu} report=${2:-gpu.json}
export DRAGOMAN_GPU_CARRIED=$carried PYTHONPATH=$PWD:$PWD/server:$PWD/clients${PYTHONPATH:+:$PYTHONPATH}
if [[ ${DRAGOMAN_GPU_DEVICE:-cuda} == cuda ]]; then
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
fi
python3 -c 'import onnxruntime as o; print("onnxruntime", o.__version__, o.get_available_providers())'
status=0
python3 -m pytest -c tests/gpu/gpu.ini --rootdir . --confcutdir tests/gpu -p no:cacheprovider -s -m gpu \
  tests/gpu || status=$?
python3 -m tests.gpu.bench --json "$report" ${BENCH_FLAGS:-} || status=$?
exit "$status"
