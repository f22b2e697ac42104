"""Builds the engine of a bundle: sessions, caches, one engine per thread around one queue."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits
from dragoman_server.async_engine import AsyncEngine
from dragoman_server.bundle import Bundle
from dragoman_server.config import Config
from dragoman_server.engine import Engine, Progress
from dragoman_server.engine_metrics import EngineMetrics
from dragoman_server.kv_cache import CacheShape, KVCache
from dragoman_server.layout import Layout, choose, layouts
from dragoman_server.metrics import Metrics
from dragoman_server.model_runner import ModelRunner, Sessions, load_sessions
from dragoman_server.scheduler import Scheduler
from dragoman_server.search import Search
from dragoman_server.trial import POSITIONS, ROWS, Trial
from dragoman_server.waiting_queue import WaitingQueue

_log = logging.getLogger(__name__)

TRIAL_SECONDS = 0.1


def cpu_count(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Returns the CPUs that this process may use: its affinity, cut by its container's quota."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = cgroup.read_text().split()
    except (OSError, ValueError):
        return allowed
    if quota == "max":
        return allowed
    return max(1, min(allowed, int(quota) // int(period)))


def build_engine(
    bundle: Bundle, config: Config, limits: Limits, metrics: Metrics
) -> tuple[AsyncEngine, Sessions]:
    """Loads the graphs and builds the engines; starts nothing.

    Args:
        bundle: What to run.
        config: How to run it.
        limits: Longest source and target, which size the caches.
        metrics: Where the engines count.

    Raises:
        BundleError: a graph cannot be loaded.
        ConfigError: the provider is not there.
    """
    count, sessions = _load(bundle, config)
    queue = WaitingQueue(max_queue_size=config.max_queue_size, engines=count)
    shape = cache_shape(
        bundle.manifest,
        max_rows=config.max_batch_size,
        target_capacity=limits.max_decoding_length + 1,  # the start token takes a position
        source_capacity=limits.max_input_length,
    )
    caches = [KVCache(shape) for _ in range(count)]
    runners = [_warm_runner(bundle, sessions, cache) for cache in caches]
    engine_metrics = EngineMetrics(metrics)

    def make_engines(deliver: Callable[[Progress], None]) -> list[Engine]:
        return [
            Engine(
                scheduler=Scheduler(
                    queue,
                    engine=index,
                    max_batch_size=config.max_batch_size,
                    max_encode_tokens=config.max_encode_tokens,
                ),
                search=_search(bundle, config, limits),
                runner=runner,
                metrics=engine_metrics,
                deliver=deliver,
            )
            for index, runner in enumerate(runners)
        ]

    engine = AsyncEngine(
        queue,
        make_engines,
        max_rows=count * config.max_batch_size,
        kv_cache_bytes=sum(cache.size_bytes for cache in caches),
    )
    return engine, sessions


def _load(bundle: Bundle, config: Config) -> tuple[int, Sessions]:
    """Returns the number of engines, and the sessions that they share."""
    threads = config.threads_per_engine
    sessions = load_sessions(bundle, config.provider, threads=threads or 1)
    if config.engines or sessions.provider != "cpu":
        return config.engines or 1, sessions
    cores = cpu_count()
    if threads:
        return max(1, cores // threads), sessions
    return _find_fastest(bundle, cores, sessions)


def _find_fastest(bundle: Bundle, cores: int, one_thread: Sessions) -> tuple[int, Sessions]:
    """Tries engines of one and of more threads; see `_load`."""
    loaded = {1: one_thread}
    trials: dict[Layout, Trial] = {}

    def speed(layout: Layout) -> float:
        if layout not in trials:
            if layout.threads not in loaded:
                loaded[layout.threads] = load_sessions(bundle, "cpu", threads=layout.threads)
            trials[layout] = _trial(bundle, loaded[layout.threads], layout.engines)
        return trials[layout].rows_per_second(TRIAL_SECONDS)

    found = choose(layouts(cores), speed)
    chosen = next(iter(found))
    _log.info(
        "layout_chosen",
        extra={
            "engines": chosen.engines,
            "threads_per_engine": chosen.threads,
            "rows_per_second": {str(layout): round(rows) for layout, rows in found.items()},
        },
    )
    return chosen.engines, loaded[chosen.threads]


def _trial(bundle: Bundle, sessions: Sessions, engines: int) -> Trial:
    shape = cache_shape(
        bundle.manifest, max_rows=ROWS, target_capacity=POSITIONS, source_capacity=POSITIONS
    )
    runners = [ModelRunner(sessions, KVCache(shape)) for _ in range(engines)]
    return Trial(runners, bundle.manifest.special_tokens.end_id)


def _warm_runner(bundle: Bundle, sessions: Sessions, cache: KVCache) -> ModelRunner:
    runner = ModelRunner(sessions, cache)
    runner.warm_up(bundle.manifest.special_tokens.end_id)
    return runner


def cache_shape(
    manifest: Manifest, *, max_rows: int, target_capacity: int, source_capacity: int
) -> CacheShape:
    """Returns the cache that a bundle's decoder wants, for so many rows and positions."""
    sizes, caches = manifest.architecture, manifest.decoder.inputs
    return CacheShape(
        layers=sizes.decoder_layers,
        max_rows=max_rows,
        heads=sizes.decoder_heads,
        target_capacity=target_capacity,
        source_capacity=source_capacity,
        head_dim=sizes.head_dim,
        data_type=caches[-1].data_type,  # the last input is a cache, and all caches are alike
    )


def _search(bundle: Bundle, config: Config, limits: Limits) -> Search:
    special = bundle.manifest.special_tokens
    return Search(
        max_rows=config.max_batch_size,
        max_length=limits.max_decoding_length,
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        vocabulary_size=bundle.manifest.architecture.vocabulary_size,
    )
