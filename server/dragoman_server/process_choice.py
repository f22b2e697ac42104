"""Whether engines serve better in processes of their own than as threads.

Many engines are tried; of few it is known. Knows engines' speeds, the sizes of models and the
machine's memory. Does not know what engines are made of.
"""

import functools
import logging
import math

from dragoman_server.errors import DragomanError
from dragoman_server.hosted import Recipe, load_processes, search_builder
from dragoman_server.hosting import LoadedProcesses, rows_per_second
from dragoman_server.machine import memory_bytes
from dragoman_server.runtime.layout import WORTHWHILE
from dragoman_server.runtime.prepared import Runners
from dragoman_server.service import file_bytes

_log = logging.getLogger(__name__)

FEWEST_ENGINES = 4
"""Fewer do not hold each other up in one interpreter, whatever the model."""

ENGINES_A_PROCESS = 4

SMALL_BYTES = 24 << 20
"""Of the files of a model whose texts take their engines about as long as the front end: even two
engines of it and a front end in the same interpreter hold each other up under load
(docs/performance.md). A trial of engines alone does not show that."""

MOST_BYTES = 256 << 20
"""Of the files of a model for which processes are tried: those of a larger one take much memory,
and the Python of its steps is nothing beside what they compute."""

PROCESS_BYTES = 64 << 20
"""Of memory that a process takes beside its weights and caches."""

MEMORY_SHARE = 0.25
"""Of what there is, which processes may take unasked beyond what threads do."""

TRIAL_SECONDS = 0.3

FULL_SPEED = 0.9
"""Where all engines together have so much of what each would have alone, nothing holds them up."""


def load_if_faster(recipe: Recipe, loaded: Runners) -> LoadedProcesses | None:
    """Loads engines in processes where threads hold each other up, or the front end.

    Args:
        recipe: How processes build their engines.
        loaded: The engines' runners in this process, which nobody uses yet.

    Returns:
        Processes that have loaded all engines; None where threads serve as well, where memory is
        short, or where it fails.
    """
    engines = len(loaded.runners)
    count = max(2, math.ceil(engines / ENGINES_A_PROCESS))
    size = file_bytes(recipe.bundle.manifest)
    # Weights are packed into as much again.
    needed = count * (2 * size + PROCESS_BYTES)
    if engines < count or size > MOST_BYTES or needed > MEMORY_SHARE * memory_bytes():
        return None
    try:
        if engines >= FEWEST_ENGINES:
            processes, found = _tried(recipe, loaded, count)
        elif size <= SMALL_BYTES and not recipe.config.workers:
            processes, found = load_processes(recipe, engines, count), {}
        else:
            return None
    except DragomanError as error:
        _log.warning("processes_trial_failed", extra={"reason": str(error)})
        return None
    _log.info(
        "processes_chosen",
        extra={
            "engine_processes": count if processes else 0,
            "rows_per_second": {name: round(rows) for name, rows in found.items()},
        },
    )
    return processes


def _tried(
    recipe: Recipe, loaded: Runners, count: int
) -> tuple[LoadedProcesses | None, dict[str, float]]:
    """Returns so many processes if they are faster, and the rows a second of what was tried."""
    engines = len(loaded.runners)
    token_id = recipe.bundle.manifest.special_tokens.end_id
    rows = loaded.shape.max_rows
    speed = functools.partial(
        rows_per_second,
        make_search=search_builder(recipe.bundle, recipe.limits, rows),
        rows=rows,
        token_id=token_id,
        seconds=TRIAL_SECONDS,
    )
    alone, threads = speed(loaded.runners[:1]), speed(loaded.runners)
    found = {"one engine": alone, "threads": threads}
    if threads >= FULL_SPEED * engines * alone:
        return None, found
    processes = load_processes(recipe, engines, count)
    try:
        apart = processes.rows_per_second(token_id, TRIAL_SECONDS)
    except BaseException:
        processes.close()
        raise
    found[f"{count} processes"] = apart
    if apart < WORTHWHILE * threads:
        processes.close()
        return None, found
    return processes, found
