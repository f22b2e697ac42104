"""What clients are told of the loaded model: its languages and what a request may ask of it.

Does not know how it is run.
"""

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits, Model
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError, NoRoomError
from dragoman_server.machine import cpu_count, memory_bytes
from dragoman_server.models import runtime_of
from dragoman_server.runtime import CacheShape, cache_shape, engine_rows
from dragoman_server.sequence import MAX_BEAM_SIZE


def model_limits(
    manifest: Manifest, config: Config, memory: int | None = None, *, provider: str = "cpu"
) -> Limits:
    """Returns the limits that the settings and the model's positions leave.

    Args:
        manifest: The model's.
        config: The settings.
        memory: Bytes that its files and caches may take; None for all that there is.
        provider: That runs it.

    Raises:
        ConfigError: A setting asks for more than the model has.
    """
    positions = manifest.architecture.max_positions
    forced = max((len(each.target_prefix_ids) for each in manifest.target_languages), default=0)
    limits = Limits(
        # More texts than the queue holds could never be taken, however often they are sent.
        max_contents=min(config.max_contents, config.max_queue_size),
        max_code_points=config.max_code_points,
        max_input_length=_within("max_input_length", config.max_input_length, positions),
        max_decoding_length=_within(
            "max_decoding_length",
            config.max_decoding_length,
            positions - 1 - forced,  # the start token takes a position
        ),
        max_stream_texts=config.max_stream_texts,
    )
    # A beam is never split, and needs enough candidates.
    engines = most_engines(config, provider)
    rows = batch_rows(manifest, config, limits, engines=engines, memory=memory, provider=provider)
    limits.max_beam_size = min(MAX_BEAM_SIZE, rows, _widest_beam(manifest))
    return limits


def batch_rows(
    manifest: Manifest,
    config: Config,
    limits: Limits,
    *,
    engines: int,
    memory: int | None = None,
    provider: str = "cpu",
) -> int:
    """Returns the rows of an engine, of which there are so many; the rest as in model_limits.

    Raises:
        ConfigError: The memory for caches has no room for what is asked.
    """
    on_host = None
    if provider == "cpu":
        on_host = _memory_left(manifest, memory_bytes() if memory is None else memory) / engines
    return engine_rows(
        manifest,
        max_batch_size=config.max_batch_size,
        kv_cache_memory=config.kv_cache_memory,
        max_input_length=limits.max_input_length,
        max_decoding_length=longest_target(manifest, limits),
        memory=on_host,
    )


def engine_caches(
    manifest: Manifest,
    config: Config,
    limits: Limits,
    *,
    engines: int,
    memory: int | None = None,
    provider: str = "cpu",
) -> CacheShape:
    """Returns the caches of an engine, of which there are so many; the rest as in model_limits.

    Raises:
        ConfigError: The memory for caches has no room for what is asked.
    """
    return cache_shape(
        manifest,
        max_rows=batch_rows(
            manifest, config, limits, engines=engines, memory=memory, provider=provider
        ),
        target_capacity=longest_target(manifest, limits) + 1,  # the start token takes a position
        source_capacity=limits.max_input_length,
    )


def most_engines(config: Config, provider: str = "cpu") -> int:
    """Returns the engines that there may be once the fastest layout is found."""
    cores = cpu_count() if provider == "cpu" else 1
    return config.engines or max(1, cores // (config.threads_per_engine or 1))


def _memory_left(manifest: Manifest, memory: int) -> int:
    """Bytes that the model's files leave of the memory."""
    return max(0, memory - file_bytes(manifest))


def file_bytes(manifest: Manifest) -> int:
    """Returns the bytes of all the bundle's files, which a loaded model keeps in memory."""
    return sum(file.size_bytes for file in manifest.files)


def check_room(manifest: Manifest, cache_bytes: int, memory: int | None) -> None:
    """Raises NoRoomError where a model's files and caches are more than the memory it may take."""
    files = file_bytes(manifest)
    if memory is not None and files + cache_bytes > memory:
        raise NoRoomError(
            f"model {manifest.name} needs {files:,} bytes for its files and {cache_bytes:,} for "
            f"caches; models_memory leaves it {memory:,}: unload another, or lower max_batch_size "
            "or the lengths",
            needed_bytes=files + cache_bytes,
        )


def longest_target(manifest: Manifest, limits: Limits) -> int:
    """Returns the most tokens of a target, those that the model is told with counted."""
    forced = max((len(each.target_prefix_ids) for each in manifest.target_languages), default=0)
    return limits.max_decoding_length + forced


def describe_model(
    manifest: Manifest,
    limits: Limits,
    provider: str,
    version: str = "",
    *,
    shortlist: bool = False,
) -> Model:
    """Returns the model as ListModels tells it."""
    return Model(
        name=manifest.name,
        version=version,
        architecture=manifest.architecture.family,
        source_language_codes=[each.language_code for each in manifest.source_languages],
        target_language_codes=[each.language_code for each in manifest.target_languages],
        precision=manifest.precision,
        runtime=runtime_of(manifest),
        provider=provider,
        limits=limits,
        shortlist=shortlist,
    )


def _widest_beam(manifest: Manifest) -> int:
    """That the candidates of a step suffice for: twice its width and one."""
    candidates = manifest.candidate_count
    return (candidates - 1) // 2 if candidates else MAX_BEAM_SIZE


def _within(setting: str, asked: int | None, highest: int) -> int:
    if asked is not None and asked > highest:
        raise ConfigError(f"{setting} is {asked}; this model allows 1 to {highest}")
    return highest if asked is None else asked
