"""Carried bundles on the device, ready to be stepped, whichever runtime runs them.

Knows what the checks and the benchmark need of a runtime. Does not know which there are.
"""

from typing import NamedTuple, Protocol

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.engine.attention_threads import Attend
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.runner import Runner
from dragoman_server.runtime.sizing import cache_shape
from tests.gpu.carried import MAX_LENGTH, CarriedBundle


class RuntimeUnderTest(Protocol):
    """A library that runs bundles on DEVICE."""

    def runners(self, bundle: Bundle, shape: CacheShape) -> Runners:
        """One engine's, as the server makes it: its steps are recorded when it is prepared."""

    def unrecorded(self, bundle: Bundle, shape: CacheShape) -> Runners:
        """Likewise, but no step is ever recorded."""

    def attend(self, bundle: Bundle) -> Attend:
        """Returns what finds attention weights."""


class Loaded(NamedTuple):
    """A manifest and a runner that is prepared."""

    manifest: Manifest
    runner: Runner


def load(
    runtime: RuntimeUnderTest,
    carried: CarriedBundle,
    max_rows: int,
    *,
    longest_source: int,
    recorded: bool = True,
) -> Loaded:
    """Loads a bundle and prepares its runner on this thread."""
    bundle, shape = opened(carried, max_rows, longest_source)
    runners = (runtime.runners if recorded else runtime.unrecorded)(bundle, shape)
    runners.prepare[0]()
    return Loaded(bundle.manifest, runners.runners[0])


def opened(carried: CarriedBundle, max_rows: int, longest_source: int) -> tuple[Bundle, CacheShape]:
    """Returns a bundle and the shape of its caches."""
    bundle = Bundle.load(carried.path)
    shape = cache_shape(
        bundle.manifest,
        max_rows=max_rows,
        target_capacity=MAX_LENGTH + 1,
        source_capacity=longest_source,
    )
    return bundle, shape
