"""Serves a model bundle over gRPC, batching at every decoding step."""
