"""Turns a trained checkpoint into a model bundle."""

import os

# onnxruntime sends usage data to its maker unless it finds this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
