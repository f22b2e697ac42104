"""Builds a model of a bundle: sessions, caches, one engine per thread around one queue."""

import functools
import logging
from collections.abc import Callable
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits
from dragoman_server.config import Config
from dragoman_server.engine import (
    AsyncEngine,
    Engine,
    EngineMetrics,
    Engines,
    EngineThreads,
    Reports,
    Scheduler,
    Share,
    Turns,
    WaitingQueue,
)
from dragoman_server.errors import ConfigError
from dragoman_server.hosted import Recipe, layout_of, load_processes, search_builder
from dragoman_server.hosting import EngineProcesses, LoadedProcesses
from dragoman_server.machine import cpu_count
from dragoman_server.models import Bundle, load_tokenizer
from dragoman_server.monitoring import Metrics
from dragoman_server.pool import Found, LoadedModel
from dragoman_server.process_choice import load_if_faster
from dragoman_server.processes import ModelSetup
from dragoman_server.runtime import CacheShape
from dragoman_server.runtime.attention_runner import AttentionRunner
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.runtimes import Chosen, choose
from dragoman_server.service import (
    check_room,
    describe_model,
    engine_caches,
    file_bytes,
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
    processes: int = 0
    """Over which these engines are spread, where nothing is tried out nor asked for."""


WHOLE = Allotment()


class BuiltEngine(NamedTuple):
    """The engines of a model, behind one queue."""

    engine: AsyncEngine
    provider: str
    """That they run on."""
    layout: Layout
    """How many there are, and the threads of each."""
    processes: int
    """Over which they are spread; 0 where they are this process's own threads."""


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
        processes = like.processes if like else 0
        allotment = Allotment(memory, self._turns, weight, layout, processes)
        chosen = choose(manifest, self._config.runtime, self._config.provider)
        limits = model_limits(manifest, self._config, memory, provider=chosen.provider)
        built = build_engine(bundle, self._config, limits, self._metrics, allotment, chosen=chosen)
        version = found.version or bundle.digest[:VERSION_LENGTH]
        model = describe_model(
            manifest, limits, built.provider, version, shortlist=self._config.shortlist
        )
        setup = ModelSetup(number, manifest, model, functools.partial(load_tokenizer, bundle))
        size = file_bytes(manifest) + built.engine.kv_cache_bytes
        return LoadedModel(setup, built.engine, built.layout, size, bundle, built.processes)


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
    engine_metrics = EngineMetrics(metrics, manifest.name)
    order = _Order(bundle, config, limits, allotment, chosen)
    processes = config.engine_processes
    if processes := allotment.processes if processes is None else processes:
        built = _in_asked_processes(order, engine_metrics, processes)
    else:
        built = _where_fastest(order, engine_metrics)
    engine = AsyncEngine(
        built.queue,
        built.make_engines,
        max_rows=built.layout.engines * built.rows,
        kv_cache_bytes=built.cache_bytes,
        count_expired=engine_metrics.expired,
        attend=_attention(bundle, chosen).run if manifest.HasField("attention") else None,
    )
    return BuiltEngine(engine, chosen.provider, built.layout, built.processes)


class _Order(NamedTuple):
    """What is to be built; see build_engine."""

    bundle: Bundle
    config: Config
    limits: Limits
    allotment: Allotment
    chosen: Chosen

    def shape(self, engines: int) -> CacheShape:
        """Returns the caches of each of so many engines, for which there is room."""
        manifest, memory = self.bundle.manifest, self.allotment.memory
        provider = self.chosen.provider
        each = engine_caches(
            manifest, self.config, self.limits, engines=engines, memory=memory, provider=provider
        )
        check_room(manifest, engines * each.max_rows * each.row_bytes, memory)
        return each


class _Built(NamedTuple):
    """Loaded engines, and the queue that they take from."""

    queue: WaitingQueue
    make_engines: Callable[[Reports], Engines]
    layout: Layout
    rows: int
    """Of each engine."""
    cache_bytes: int
    processes: int = 0
    """Over which they are spread."""


def _where_fastest(order: _Order, metrics: EngineMetrics) -> _Built:
    bundle, config, limits, allotment, chosen = order
    loaded = _load_runners(order)
    asked = (config.engines, config.threads_per_engine, config.engine_processes, allotment.layout)
    is_tried = chosen.name == "onnxruntime" and chosen.provider == "cpu" and not allotment.turns
    if is_tried and asked == (None, None, None, None):
        recipe = Recipe(bundle, config, limits, loaded.layout.threads, loaded.shape)
        if processes := load_if_faster(recipe, loaded):
            return _in_processes(order, metrics, processes, loaded.layout, loaded.shape)
    return _in_threads(order, metrics, loaded)


def _in_threads(order: _Order, metrics: EngineMetrics, loaded: Runners) -> _Built:
    bundle, config, limits, allotment, chosen = order
    runners, rows = loaded.runners, loaded.shape.max_rows
    queue = WaitingQueue(max_queue_size=config.max_queue_size, engines=len(runners))
    build_search = search_builder(bundle, limits, rows)

    def make_engines(reports: Reports) -> EngineThreads:
        engines = [
            Engine(
                scheduler=Scheduler(
                    queue,
                    engine=index,
                    max_batch_size=rows,
                    max_encode_tokens=config.max_encode_tokens,
                ),
                search=build_search(),
                runner=runner,
                metrics=metrics,
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

    return _Built(queue, make_engines, loaded.layout, rows, loaded.cache_bytes)


def _in_asked_processes(order: _Order, metrics: EngineMetrics, processes: int) -> _Built:
    bundle, config, limits, allotment, chosen = order
    is_alone = allotment.turns is None
    asked = layout_of(config, processes, chosen, cpu_count(), is_alone=is_alone)
    layout = allotment.layout if allotment.processes and allotment.layout else asked
    shape = order.shape(layout.engines)
    recipe = Recipe(bundle, config, limits, layout.threads, shape)
    loaded = load_processes(recipe, layout.engines, processes)
    _log_caches(bundle.manifest, layout.engines, shape, loaded.cache_bytes)
    return _in_processes(order, metrics, loaded, layout, shape)


def _in_processes(
    order: _Order,
    metrics: EngineMetrics,
    loaded: LoadedProcesses,
    layout: Layout,
    shape: CacheShape,
) -> _Built:
    config = order.config
    queue = WaitingQueue(max_queue_size=config.max_queue_size, engines=layout.engines)

    def make_engines(reports: Reports) -> EngineProcesses:
        return EngineProcesses(
            loaded,
            queue,
            reports,
            max_batch_size=shape.max_rows,
            max_encode_tokens=config.max_encode_tokens,
            metrics=metrics,
        )

    count = len(loaded.processes)
    return _Built(queue, make_engines, layout, shape.max_rows, loaded.cache_bytes, count)


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


def _load_runners(order: _Order) -> Runners:
    bundle, config, _, allotment, chosen = order
    engines, threads = config.engines, config.threads_per_engine
    if allotment.layout is not None and not (engines or threads):
        engines, threads = allotment.layout.engines, allotment.layout.threads
    loaded = chosen.runtime.load_runners(
        bundle,
        chosen.provider,
        order.shape,
        cores=cpu_count(),
        engines=engines,
        threads=threads,
        fixed_shapes=config.fixed_batch_shapes,
        with_shortlist=config.shortlist,
    )
    _log_caches(bundle.manifest, len(loaded.runners), loaded.shape, loaded.cache_bytes)
    return loaded


def _log_caches(manifest: Manifest, engines: int, shape: CacheShape, cache_bytes: int) -> None:
    _log.info(
        "caches_allocated",
        extra={
            "model": manifest.name,
            "engines": engines,
            "rows": shape.max_rows,
            "row_bytes": shape.row_bytes,
            "bytes": cache_bytes,
        },
    )
