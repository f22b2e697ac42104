"""Runs a bundle's graphs: sessions, key-value caches, decoding steps; the only door to onnxruntime.

Knows rows and arrays, providers and devices. Does not know sequences, queues or requests. Importing
the package loads no onnxruntime: `runners` and `model_runner` do, which take a second.
"""

from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.runner import Runner
from dragoman_server.runtime.sizing import cache_shape, engine_rows

__all__ = [
    "CacheShape",
    "Runner",
    "cache_shape",
    "engine_rows",
]
