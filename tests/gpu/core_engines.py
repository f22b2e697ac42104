"""Engines of a carried bundle on the CPU, each of one thread: as threads, or in processes.

As the server has them, but for its settings, which need libraries that a bare machine lacks.
"""

import functools
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal

from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.engine.engine import Engine
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.engine_threads import EngineThreads
from dragoman_server.engine.engines import Engines, Reports
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.hosting import EngineProcesses, Hosted, LoadedProcesses, LogStyle
from dragoman_server.models.bundle import Bundle
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.search.search import Search
from tests.gpu.bare import ROOT
from tests.gpu.carried import MAX_LENGTH

System = Literal["threads", "processes"]

LOADERS = {
    "onnx": "dragoman_server.runtime.runners",
    "torchscript": "dragoman_server.runtime.pytorch.loading",
}
"""By the format of the graphs."""

ROWS = 128
MAX_ENCODE_TOKENS = 512
"""As the server has by default."""

SITE = ROOT / "tests/gpu/site"


def hosted(path: Path, graph_format: str, longest_source: int, engines: int) -> Hosted:
    """Loads a bundle for so many engines, in whatever process they are."""
    bundle = Bundle.load(path)
    special = bundle.manifest.special_tokens
    shape = cache_shape(
        bundle.manifest,
        max_rows=ROWS,
        target_capacity=MAX_LENGTH + 1,
        source_capacity=longest_source,
    )
    loaded = import_module(LOADERS[graph_format]).load_runners(
        bundle, "cpu", lambda _: shape, cores=engines, engines=engines, threads=1
    )
    make_search = functools.partial(
        Search,
        max_rows=ROWS,
        max_length=MAX_LENGTH,
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
    )
    return Hosted(loaded.runners, make_search, ROWS, loaded.prepare, loaded.cache_bytes)


def on_cores(make: Callable[[int], Hosted], engines: int, system: System) -> AsyncEngine:
    """Returns so many engines behind one queue, not started yet.

    Args:
        make: Loads for so many engines; it is pickled where these have processes.
        engines: How many.
        system: Where they are.
    """
    queue = WaitingQueue(max_queue_size=1 << 20, engines=engines)
    metrics = EngineMetrics(Metrics(), "carried")
    if system == "threads":
        build = _in_threads(make(engines), queue, metrics)
    else:
        build = _in_processes(make, engines, queue, metrics)
    return AsyncEngine(queue, build, max_rows=engines * ROWS)


def _in_threads(
    made: Hosted, queue: WaitingQueue, metrics: EngineMetrics
) -> Callable[[Reports], Engines]:
    def build(reports: Reports) -> EngineThreads:
        engines = [
            Engine(
                scheduler=Scheduler(
                    queue, engine=index, max_batch_size=ROWS, max_encode_tokens=MAX_ENCODE_TOKENS
                ),
                search=made.make_search(),
                runner=runner,
                metrics=metrics,
                deliver=reports.deliver,
            )
            for index, runner in enumerate(made.runners)
        ]
        return EngineThreads(engines, made.prepare, wait=queue.wait, all_died=reports.all_died)

    return build


def _in_processes(
    make: Callable[[int], Hosted], engines: int, queue: WaitingQueue, metrics: EngineMetrics
) -> Callable[[Reports], Engines]:
    # What they load is this tree's, and what this machine lacks they lack too.
    own = [str(path) for path in (SITE, ROOT, ROOT / "server", ROOT / "clients")]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*own, *sys.path]))
    one = functools.partial(make, 1)
    loaded = LoadedProcesses([(1, one)] * engines, LogStyle("warning", "text"))

    def build(reports: Reports) -> EngineProcesses:
        return EngineProcesses(
            loaded,
            queue,
            reports,
            max_batch_size=ROWS,
            max_encode_tokens=MAX_ENCODE_TOKENS,
            metrics=metrics,
        )

    return build
