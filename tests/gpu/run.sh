#!/usr/bin/env bash
# Everything that needs a GPU, in one go. Run from the repository's root where onnxruntime-gpu and the
# `dev` and `export` extras are installed.
set -euo pipefail
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
python3 -m pytest tests/gpu -m gpu -p no:cacheprovider
