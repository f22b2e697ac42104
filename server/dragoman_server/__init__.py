"""Serves a model bundle over gRPC, batching at every decoding step."""

import os

# onnxruntime sends usage data to its maker unless it finds this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# gRPC's core would write a line for each client that fails, and wait for who reads it. Read when
# grpc is imported, which nothing above has done.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
