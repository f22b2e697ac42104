"""The runners of a bundle's engines, with what prepares each of them on its engine's thread.

Knows that runners are warmed up. Does not know what they run on, nor which library runs it.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from dragoman_server.errors import BundleError, DragomanError
from dragoman_server.models import Bundle
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.runner import Runner


class Runners(NamedTuple):
    """One runner for each engine."""

    runners: list[Runner]

    prepare: list[Callable[[], None]]
    """To be called once for each runner, on its engine's thread, before anything else."""

    shape: CacheShape
    """Of each one's caches."""

    cache_bytes: int
    """Of all of them together."""

    layout: Layout
    """How many there are, and the CPU threads of each."""


class WarmRunner(Runner, Protocol):
    """A runner that is warmed up before its first step."""

    def warm_up(self, token_id: int) -> None:
        """Runs every graph once, on rows that nobody holds yet."""


def prepared(
    bundle: Bundle,
    made: Sequence[WarmRunner],
    shape: CacheShape,
    cache_bytes: int,
    layout: Layout,
) -> Runners:
    """Returns runners that `prepare` warms up, with the bundle's end token."""
    token_id = bundle.manifest.special_tokens.end_id
    prepare = [functools.partial(_warm_up, runner, token_id) for runner in made]
    return Runners(list(made), list(prepare), shape, cache_bytes, layout)


def _warm_up(runner: WarmRunner, token_id: int) -> None:
    try:
        runner.warm_up(token_id)
    except DragomanError:
        raise
    except Exception as error:  # exceptions of what runs the graphs share no other root
        raise BundleError(f"the bundle's graphs do not run here: {error}") from error
