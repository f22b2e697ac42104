"""How large an engine's caches are: rows and positions from settings, and bytes from those.

Pure arithmetic on the manifest. Knows nothing of providers or of how memory is taken.
"""

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.errors import ConfigError
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.sequence import MAX_BEAM_SIZE

DEFAULT_ROWS = 128
"""Where no setting says anything; decoding more at once gains little."""

DEFAULT_SHARE = 0.5
"""Of the memory that this process may take, once it holds the model's files: all that the caches of
all engines get where no setting says anything, even if they then have fewer rows than the widest
beam. The rest is for scratch memory, weights in a product's own order, and calls."""

DEFAULT_DEVICE_BYTES = 2 << 30
"""Of an engine whose caches are on a device, where no setting says anything: at once and whole, of
a memory whose size is not known. Rows for the widest beam there are all the same."""

MOST_ROWS = 512
"""That a memory budget alone makes; more must be asked for."""

FEWEST_POSITIONS = 2
"""A cache of one position would be taken for a prompt."""


def cache_shape(
    manifest: Manifest, *, max_rows: int, target_capacity: int, source_capacity: int
) -> CacheShape:
    """Returns the cache that a bundle's decoder wants, for so many rows and positions."""
    sizes, inputs = manifest.architecture, manifest.decoder.inputs
    # (sources, heads * shared rows); graphs in which no rows share anything have no such input
    query_index = next((tensor for tensor in inputs if tensor.name == "query_index"), None)
    state = next((tensor for tensor in inputs if tensor.name.startswith("self_state")), None)
    return CacheShape(
        layers=sizes.decoder_layers,
        max_rows=max_rows,
        heads=sizes.decoder_heads,
        target_capacity=max(target_capacity, FEWEST_POSITIONS),
        source_capacity=max(source_capacity, FEWEST_POSITIONS),
        head_dim=sizes.head_dim,
        data_type=inputs[-1].data_type,  # of a cross-attention cache; all caches are alike
        shared_rows=int(query_index.shape[1]) // sizes.decoder_heads if query_index else 1,
        state_width=int(state.shape[1]) if state else None,
    )


def engine_rows(
    manifest: Manifest,
    *,
    max_batch_size: int | None,
    kv_cache_memory: int | None,
    max_input_length: int,
    max_decoding_length: int,
    memory: float | None = None,
) -> int:
    """Returns the rows of an engine.

    Args:
        manifest: Of the bundle.
        max_batch_size: Rows that are asked for, if any.
        kv_cache_memory: Most bytes that an engine's caches may take, if there is a limit.
        max_input_length: Longest source, in tokens.
        max_decoding_length: Longest target, the start token not counted.
        memory: Bytes for each engine, of which its caches take DEFAULT_SHARE at most where neither
            rows nor a limit are asked for; None where they are on a device.

    Raises:
        ConfigError: The limit has no room for the rows, or for one.
    """
    row_bytes = cache_shape(
        manifest,
        max_rows=1,
        target_capacity=max_decoding_length + 1,  # the start token takes a position
        source_capacity=max_input_length,
    ).row_bytes
    if kv_cache_memory is None:
        if memory is None:
            room = max(DEFAULT_DEVICE_BYTES // row_bytes, MAX_BEAM_SIZE)
        else:
            room = max(int(DEFAULT_SHARE * memory / row_bytes), 1)
        return max_batch_size or min(DEFAULT_ROWS, room)
    allowed = kv_cache_memory // row_bytes
    wanted = max_batch_size or 1
    if wanted > allowed:
        what = f"max_batch_size {max_batch_size}" if max_batch_size else "a single row"
        raise ConfigError(
            f"{what} needs {wanted * row_bytes:,} bytes of cache, "
            f"{row_bytes:,} a row with max_input_length {max_input_length} and "
            f"max_decoding_length {max_decoding_length}; kv_cache_memory is "
            f"{kv_cache_memory:,}, which holds {allowed} rows"
        )
    return max_batch_size or min(allowed, MOST_ROWS)
