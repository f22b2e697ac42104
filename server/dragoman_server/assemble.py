"""Builds the engine of a bundle: sessions, caches, one engine per thread around one queue."""

import logging
from collections.abc import Callable

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits
from dragoman_server.config import Config
from dragoman_server.engine import (
    AsyncEngine,
    Engine,
    EngineMetrics,
    Progress,
    Scheduler,
    WaitingQueue,
)
from dragoman_server.errors import ConfigError
from dragoman_server.machine import cpu_count
from dragoman_server.models import Bundle
from dragoman_server.monitoring import Metrics
from dragoman_server.runtime import cache_shape
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.model_runner import available_providers, choose_provider
from dragoman_server.runtime.runners import Runners, load_runners
from dragoman_server.search import Search
from dragoman_server.service import batch_rows, longest_target

_log = logging.getLogger(__name__)

THREADS_PER_CORE = 16
FEWEST_THREADS = 64
"""Engines and their threads that may be asked for: more only wait for each other, for minutes."""


def build_engine(
    bundle: Bundle, config: Config, limits: Limits, metrics: Metrics
) -> tuple[AsyncEngine, str]:
    """Loads the graphs and builds the engines; starts nothing.

    Args:
        bundle: What to run.
        config: How to run it.
        limits: Longest source and target, which size the caches.
        metrics: Where the engines count.

    Returns:
        The engines, and the provider that they run on.

    Raises:
        BundleError: a graph cannot be loaded.
        ConfigError: the provider is not there or has no room, or there are too many threads.
    """
    manifest = bundle.manifest
    _check_threads(config, cpu_count())
    provider = choose_provider(
        config.provider, available=available_providers(), made_for=manifest.providers
    )
    runners, prepare, shape, cache_bytes = _load_runners(bundle, config, limits, provider)
    rows = shape.max_rows
    queue = WaitingQueue(max_queue_size=config.max_queue_size, engines=len(runners))
    engine_metrics = EngineMetrics(metrics)

    def make_engines(deliver: Callable[[Progress], None]) -> list[Engine]:
        return [
            Engine(
                scheduler=Scheduler(
                    queue,
                    engine=index,
                    max_batch_size=rows,
                    max_encode_tokens=config.max_encode_tokens,
                ),
                search=_search(manifest, rows, limits),
                runner=runner,
                metrics=engine_metrics,
                deliver=deliver,
            )
            for index, runner in enumerate(runners)
        ]

    engine = AsyncEngine(
        queue,
        make_engines,
        max_rows=len(runners) * rows,
        kv_cache_bytes=cache_bytes,
        prepare=prepare,
        count_expired=engine_metrics.expired,
    )
    return engine, provider


def _check_threads(config: Config, cores: int) -> None:
    engines, threads = config.engines or 1, config.threads_per_engine or 1
    most = max(FEWEST_THREADS, cores * THREADS_PER_CORE)
    if engines * threads > most:
        raise ConfigError(
            f"engines {engines} times threads_per_engine {threads} are {engines * threads:,} "
            f"threads; allowed with {cores} cores: at most {most:,}"
        )


def _load_runners(bundle: Bundle, config: Config, limits: Limits, provider: str) -> Runners:
    def shape(engines: int) -> CacheShape:
        return cache_shape(
            bundle.manifest,
            max_rows=batch_rows(bundle.manifest, config, limits, engines=engines),
            target_capacity=longest_target(bundle.manifest, limits)
            + 1,  # the start token takes a position
            source_capacity=limits.max_input_length,
        )

    loaded = load_runners(
        bundle,
        provider,
        shape,
        cores=cpu_count(),
        engines=config.engines,
        threads=config.threads_per_engine,
    )
    _log.info(
        "caches_allocated",
        extra={
            "engines": len(loaded.runners),
            "rows": loaded.shape.max_rows,
            "row_bytes": loaded.shape.row_bytes,
            "bytes": loaded.cache_bytes,
        },
    )
    return loaded


def _search(manifest: Manifest, rows: int, limits: Limits) -> Search:
    special = manifest.special_tokens
    return Search(
        max_rows=rows,
        max_length=longest_target(manifest, limits),
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        vocabulary_size=manifest.architecture.vocabulary_size,
    )
