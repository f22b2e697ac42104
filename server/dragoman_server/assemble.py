"""Builds a model of a bundle: sessions, caches, one engine per thread around one queue."""

import functools
import logging
from typing import NamedTuple

import numpy as np

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits
from dragoman_server.config import Config
from dragoman_server.engine import (
    AsyncEngine,
    Engine,
    EngineMetrics,
    EngineThreads,
    Reports,
    Scheduler,
    Share,
    Turns,
    WaitingQueue,
)
from dragoman_server.errors import ConfigError
from dragoman_server.machine import cpu_count
from dragoman_server.models import Bundle, load_tokenizer, word_continuations
from dragoman_server.monitoring import Metrics
from dragoman_server.pool import Found, LoadedModel
from dragoman_server.processes import ModelSetup
from dragoman_server.runtime import CacheShape
from dragoman_server.runtime.attention_runner import AttentionRunner
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.runtimes import Chosen, choose
from dragoman_server.search import Search, WordContinuations
from dragoman_server.service import (
    check_room,
    describe_model,
    engine_caches,
    file_bytes,
    longest_target,
    model_limits,
)

_log = logging.getLogger(__name__)

THREADS_PER_CORE = 16
FEWEST_THREADS = 64
"""Engines and their threads that may be asked for: more only wait for each other, for minutes."""

VERSION_LENGTH = 12
"""Hexadecimal digits of a manifest's SHA-256 that are the version of a bundle without another."""


class Allotment(NamedTuple):
    """What a model gets of the machine."""

    memory: int | None = None
    """Bytes for its files and caches; None for all that there is."""
    turns: Turns | None = None
    """Hands the cores out to all models; None where there is one."""
    weight: float = 1.0
    """Beside models of weight 1 it gets so many times their processor time."""
    layout: Layout | None = None
    """Its engines and their threads, where it is loaded beside others that are busy; else it is
    tried out what is fastest."""


WHOLE = Allotment()


class BuiltEngine(NamedTuple):
    """The engines of a model, behind one queue."""

    engine: AsyncEngine
    provider: str
    """That they run on."""
    layout: Layout
    """How many there are, and the threads of each."""


class Loader:
    """Loads bundles as the settings say.

    Args:
        config: The settings.
        metrics: Where engines count.
        turns: Hands the cores out to all models; None where there is only one.
    """

    def __init__(self, config: Config, metrics: Metrics, turns: Turns | None = None) -> None:
        self._config = config
        self._metrics = metrics
        self._turns = turns

    def __call__(
        self,
        found: Found,
        number: int,
        memory: int | None = None,
        *,
        beside: bool = False,
        like: LoadedModel | None = None,
    ) -> LoadedModel:
        """Loads a bundle; starts nothing. See pool.Load.

        Raises:
            BundleError: It is damaged, or a graph cannot be loaded.
            ConfigError: The provider is not there or has no room, or there are too many threads.
        """
        bundle = Bundle.load(found.source.path)
        manifest = bundle.manifest
        check_room(manifest, 0, memory)  # before its files are read
        # What others do meanwhile would disturb what is tried out, and that them.
        layout = like.layout if like else Layout(cpu_count(), 1) if beside else None
        weight = self._config.model_weights.get(manifest.name, 1.0)
        allotment = Allotment(memory, self._turns, weight, layout)
        chosen = choose(manifest, self._config.runtime, self._config.provider)
        limits = model_limits(manifest, self._config, memory, provider=chosen.provider)
        built = build_engine(bundle, self._config, limits, self._metrics, allotment, chosen=chosen)
        version = found.version or bundle.digest[:VERSION_LENGTH]
        model = describe_model(manifest, limits, built.provider, version)
        setup = ModelSetup(number, manifest, model, functools.partial(load_tokenizer, bundle))
        size = file_bytes(manifest) + built.engine.kv_cache_bytes
        return LoadedModel(setup, built.engine, built.layout, size, bundle)


def build_engine(
    bundle: Bundle,
    config: Config,
    limits: Limits,
    metrics: Metrics,
    allotment: Allotment = WHOLE,
    *,
    chosen: Chosen | None = None,
) -> BuiltEngine:
    """Loads the graphs and builds the engines; starts nothing.

    Args:
        bundle: What to run.
        config: How to run it.
        limits: Longest source and target, which size the caches.
        metrics: Where the engines count.
        allotment: What they get of the machine.
        chosen: What runs the bundle, where that is settled; else the settings say it.

    Raises:
        BundleError: a graph cannot be loaded.
        ConfigError: the provider is not there or has no room, or there are too many threads.
    """
    manifest = bundle.manifest
    _check_threads(config, cpu_count())
    chosen = chosen or choose(manifest, config.runtime, config.provider)
    loaded = _load_runners(bundle, config, limits, chosen, allotment)
    runners, rows = loaded.runners, loaded.shape.max_rows
    queue = WaitingQueue(max_queue_size=config.max_queue_size, engines=len(runners))
    engine_metrics = EngineMetrics(metrics, manifest.name)
    continuations = functools.cache(lambda: np.array(word_continuations(bundle), np.bool_))

    def make_engines(reports: Reports) -> EngineThreads:
        engines = [
            Engine(
                scheduler=Scheduler(
                    queue,
                    engine=index,
                    max_batch_size=rows,
                    max_encode_tokens=config.max_encode_tokens,
                ),
                search=_search(manifest, rows, limits, continuations),
                runner=runner,
                metrics=engine_metrics,
                deliver=reports.deliver,
            )
            for index, runner in enumerate(runners)
        ]
        return EngineThreads(
            engines,
            loaded.prepare,
            wait=queue.wait,
            all_died=reports.all_died,
            # A device's steps wait for the device: it is shared by the device's own scheduler.
            turns=allotment.turns if chosen.provider == "cpu" else None,
            share=Share(allotment.weight, loaded.layout.threads),
        )

    engine = AsyncEngine(
        queue,
        make_engines,
        max_rows=len(runners) * rows,
        kv_cache_bytes=loaded.cache_bytes,
        count_expired=engine_metrics.expired,
        attend=_attention(bundle, chosen).run if manifest.HasField("attention") else None,
    )
    return BuiltEngine(engine, chosen.provider, loaded.layout)


def _attention(bundle: Bundle, chosen: Chosen) -> AttentionRunner:
    load = functools.partial(chosen.runtime.attention_session, provider=chosen.provider)
    return AttentionRunner(bundle, load)


def _check_threads(config: Config, cores: int) -> None:
    engines, threads = config.engines or 1, config.threads_per_engine or 1
    most = max(FEWEST_THREADS, cores * THREADS_PER_CORE)
    if engines * threads > most:
        raise ConfigError(
            f"engines {engines} times threads_per_engine {threads} are {engines * threads:,} "
            f"threads; allowed with {cores} cores: at most {most:,}"
        )


def _load_runners(
    bundle: Bundle, config: Config, limits: Limits, chosen: Chosen, allotment: Allotment
) -> Runners:
    manifest, memory = bundle.manifest, allotment.memory

    def shape(engines: int) -> CacheShape:
        each = engine_caches(
            manifest, config, limits, engines=engines, memory=memory, provider=chosen.provider
        )
        check_room(manifest, engines * each.max_rows * each.row_bytes, memory)
        return each

    engines, threads = config.engines, config.threads_per_engine
    if allotment.layout is not None and not (engines or threads):
        engines, threads = allotment.layout
    loaded = chosen.runtime.load_runners(
        bundle,
        chosen.provider,
        shape,
        cores=cpu_count(),
        engines=engines,
        threads=threads,
        fixed_shapes=config.fixed_batch_shapes,
    )
    _log.info(
        "caches_allocated",
        extra={
            "model": manifest.name,
            "engines": len(loaded.runners),
            "rows": loaded.shape.max_rows,
            "row_bytes": loaded.shape.row_bytes,
            "bytes": loaded.cache_bytes,
        },
    )
    return loaded


def _search(
    manifest: Manifest, rows: int, limits: Limits, continuations: WordContinuations
) -> Search:
    special = manifest.special_tokens
    return Search(
        max_rows=rows,
        max_length=longest_target(manifest, limits),
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        vocabulary_size=manifest.architecture.vocabulary_size,
        continuations=continuations,
    )
