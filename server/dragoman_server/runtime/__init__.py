"""Runs a bundle's graphs: key-value caches, decoding steps; the door to onnxruntime and to torch.

Knows rows and arrays, providers and devices. Does not know sequences, queues or requests. Importing
the package loads neither library: `runtimes` does, when it is known which one a bundle needs.
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
