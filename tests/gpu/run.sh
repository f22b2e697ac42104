#!/usr/bin/env bash
# Checks and measures everything that needs a GPU, or more CPU cores than most have, in one go. Run from the
# repository's root.
#
#   usage: tests/gpu/run.sh [CARRIED=build/gpu] [REPORT=gpu.json]
#
# PyTorch's part comes first and needs torch with CUDA, numpy, protobuf and pytest, and nothing else. onnxruntime's
# needs onnxruntime-gpu, and is left out where there is no onnxruntime. The benchmark takes transformers and ctranslate2
# too where they are there. CARRIED is what `python -m tests.gpu.prepare` made on a machine with the export extra,
# the directory or the archive of it: nothing is exported here.
set -euo pipefail
carried=${1:-build/gpu} report=${2:-gpu.json}
if [[ -f $carried ]]; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  python3 -m tarfile --extract "$carried" "$unpacked"
  carried=$unpacked
fi
export DRAGOMAN_GPU_CARRIED=$carried PYTHONPATH=$PWD:$PWD/server:$PWD/clients${PYTHONPATH:+:$PYTHONPATH}
if [[ ${DRAGOMAN_GPU_DEVICE:-cuda} == cuda ]]; then
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
fi
python3 -c 'import torch; print("torch", torch.__version__, "with a GPU:", torch.cuda.is_available())'
status=0
check() {
  python3 -m pytest -c tests/gpu/gpu.ini --rootdir . --confcutdir tests/gpu -p no:cacheprovider -s -m gpu "$1" || status=$?
}
check tests/gpu/test_torch_cuda.py
if python3 -c 'import onnxruntime as o; print("onnxruntime", o.__version__, o.get_available_providers())'; then
  check tests/gpu/test_cuda.py
else
  echo "no onnxruntime here: its part is left out"
fi
python3 -m tests.gpu.bench --json "$report" ${BENCH_FLAGS:-} || status=$?
# The CPU's cores, last: what time is left, without a GPU.
timeout --kill-after=10 240 python3 -m tests.gpu.scaling --seconds "${SCALING_SECONDS:-150}" || status=$?
exit "$status"
