"""Loads a bundle's graphs for the CPU with as many threads, for as many engines, as are fastest.

Knows settings of it as numbers; knows nothing of queues or of the engines' rows.
"""

import logging

from dragoman_server.models import Bundle
from dragoman_server.runtime.kv_cache import KVCache
from dragoman_server.runtime.layout import Layout, choose, layouts
from dragoman_server.runtime.model_runner import ModelRunner, Sessions, load_sessions
from dragoman_server.runtime.shortlist import Shortlist
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.runtime.trial import POSITIONS, ROWS_PER_THREAD, Trial

_log = logging.getLogger(__name__)

TRIAL_SECONDS = 0.1


def load_tuned(
    bundle: Bundle,
    *,
    cores: int,
    engines: int | None,
    threads: int | None,
    shortlist: Shortlist | None = None,
) -> tuple[Layout, Sessions]:
    """Returns how many engines there are with how many threads, and the sessions that they share.

    Args:
        bundle: What to load.
        cores: Of the machine.
        engines: What is asked for, if anything.
        threads: Of an engine, likewise. Where neither is given both are found by trying.
        shortlist: The bundle's, where rows choose among lists.

    Raises:
        BundleError: A graph cannot be loaded.
        ConfigError: The provider does not start.
    """
    if not (engines or threads):
        return _find_fastest(bundle, cores, shortlist)
    threads = threads or 1
    layout = Layout(engines or max(1, cores // threads), threads)
    return layout, _load(bundle, layout, shortlist)


def _load(bundle: Bundle, layout: Layout, shortlist: Shortlist | None) -> Sessions:
    return load_sessions(
        bundle, "cpu", engines=layout.engines, threads=layout.threads, shortlist=shortlist
    )


def _find_fastest(
    bundle: Bundle, cores: int, shortlist: Shortlist | None
) -> tuple[Layout, Sessions]:
    loaded: dict[Layout, Sessions] = {}
    trials: dict[Layout, Trial] = {}

    def speed(layout: Layout) -> float:
        if layout not in trials:
            loaded[layout] = _load(bundle, layout, shortlist)
            trials[layout] = _trial(bundle, loaded[layout], layout)
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
    return chosen, loaded.get(chosen) or _load(bundle, chosen, shortlist)  # an only one is untried


def _trial(bundle: Bundle, sessions: Sessions, layout: Layout) -> Trial:
    rows = ROWS_PER_THREAD * layout.threads
    shape = cache_shape(
        bundle.manifest, max_rows=rows, target_capacity=POSITIONS, source_capacity=POSITIONS
    )
    runners = [ModelRunner(sessions, KVCache(shape)) for _ in range(layout.engines)]
    return Trial(runners, rows, bundle.manifest.special_tokens.end_id)
