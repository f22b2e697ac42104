"""Engines of a real model whose processor time is noted: as threads, or in processes of their own.

Knows how they are started. Does not know who asks for translations.
"""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dragoman_server.engine import (
    Engine,
    EngineMetrics,
    Engines,
    EngineThreads,
    Reports,
    Scheduler,
    WaitingQueue,
)
from dragoman_server.hosted import Recipe, make
from dragoman_server.hosting import EngineProcesses, Hosted, LoadedProcesses, LogStyle, spread
from tests.bench.watched_runner import SpentLog, WatchedRunner

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Parts:
    """What engines are built of."""

    count: int
    recipe: Recipe
    log: Path
    queue: WaitingQueue
    metrics: EngineMetrics


def watched(recipe: Recipe, path: Path, first: int, count: int, *, engines: int) -> Hosted:
    """Makes some of so many engines, where they are to run."""
    made, log = make(recipe, count), SpentLog(path, engines)
    runners = [
        WatchedRunner(runner, log.line(first + place)) for place, runner in enumerate(made.runners)
    ]
    return made._replace(runners=runners)


def in_threads(parts: Parts, reports: Reports) -> Engines:
    """Returns engines in this process."""
    recipe, queue = parts.recipe, parts.queue
    made = watched(recipe, parts.log, 0, parts.count, engines=parts.count)
    engines = [
        Engine(
            scheduler=Scheduler(
                queue,
                engine=index,
                max_batch_size=made.rows,
                max_encode_tokens=recipe.config.max_encode_tokens,
            ),
            search=made.make_search(),
            runner=runner,
            metrics=parts.metrics,
            deliver=reports.deliver,
        )
        for index, runner in enumerate(made.runners)
    ]
    return EngineThreads(engines, made.prepare, wait=queue.wait, all_died=reports.all_died)


def in_processes(parts: Parts, reports: Reports, *, processes: int) -> Engines:
    """Returns engines in so many processes."""
    # Their modules are this tree's.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    recipe, count = parts.recipe, parts.count
    makes: list[tuple[int, Callable[[], Hosted]]] = []
    first = 0
    for share in spread(count, processes):
        made = functools.partial(watched, recipe, parts.log, first, share, engines=count)
        makes.append((share, made))
        first += share
    return EngineProcesses(
        LoadedProcesses(makes, LogStyle(recipe.config.log_level, recipe.config.log_format)),
        parts.queue,
        reports,
        max_batch_size=recipe.shape.max_rows,
        max_encode_tokens=recipe.config.max_encode_tokens,
        metrics=parts.metrics,
    )
