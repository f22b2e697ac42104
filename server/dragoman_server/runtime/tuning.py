"""Loads a bundle's graphs for the CPU with as many threads, for as many engines, as are fastest.

Knows settings of it as numbers; knows nothing of queues or of the engines' rows.
"""

import logging

from dragoman_server.models import Bundle
from dragoman_server.runtime.kv_cache import KVCache
from dragoman_server.runtime.layout import Layout, choose, layouts
from dragoman_server.runtime.model_runner import (
    ModelRunner,
    Sessions,
    decoder_graph,
    load_graph,
    load_sessions,
)
from dragoman_server.runtime.shortlist import Shortlist
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.runtime.trial import POSITIONS, ROWS_PER_THREAD, Trial

_log = logging.getLogger(__name__)

TRIAL_SECONDS = 0.05


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
    return load_sessions(bundle, "cpu", shortlist=shortlist, **layout._asdict())


def _find_fastest(
    bundle: Bundle, cores: int, shortlist: Shortlist | None
) -> tuple[Layout, Sessions]:
    candidates = layouts(cores)
    tried = _Tried(bundle, candidates[0], shortlist)
    found = choose(candidates, tried.speed)
    chosen = next(iter(found))
    _log.info(
        "layout_chosen",
        extra={
            "engines": chosen.engines,
            "threads_per_engine": chosen.threads,
            "rows_per_second": {str(layout): round(rows) for layout, rows in found.items()},
        },
    )
    return chosen, tried.take(chosen)


class _Tried:
    """Layouts with a decoder each: the encoder of the first does for what is tried with them."""

    def __init__(self, bundle: Bundle, first: Layout, shortlist: Shortlist | None) -> None:
        self._bundle = bundle
        self._first = first
        self._shortlist = shortlist
        self._encoder, decoder, _ = _load(bundle, first, shortlist)
        self._decoders = {first: decoder}
        self._trials: dict[Layout, Trial] = {}

    def speed(self, layout: Layout) -> float:
        """Rows a second."""
        if layout not in self._trials:
            graph = decoder_graph(self._bundle.manifest, self._shortlist)
            decoder = self._decoders.get(layout) or load_graph(
                self._bundle, graph, "cpu", **layout._asdict()
            )
            self._decoders[layout] = decoder
            sessions = Sessions(self._encoder, decoder, self._shortlist)
            self._trials[layout] = _trial(self._bundle, sessions, layout)
        return self._trials[layout].rows_per_second(TRIAL_SECONDS)

    def take(self, layout: Layout) -> Sessions:
        """Returns what a layout runs, and lets go of the rest before more is loaded."""
        decoder = self._decoders[layout]
        self._trials.clear()
        self._decoders.clear()
        if layout != self._first:
            del self._encoder
            graph = self._bundle.manifest.encoder
            self._encoder = load_graph(self._bundle, graph, "cpu", **layout._asdict())
        return Sessions(self._encoder, decoder, self._shortlist)


def _trial(bundle: Bundle, sessions: Sessions, layout: Layout) -> Trial:
    rows = ROWS_PER_THREAD * layout.threads
    shape = cache_shape(
        bundle.manifest, max_rows=rows, target_capacity=POSITIONS, source_capacity=POSITIONS
    )
    runners = [ModelRunner(sessions, KVCache(shape)) for _ in range(layout.engines)]
    return Trial(runners, rows, bundle.manifest.special_tokens.end_id)
