"""A carried bundle on the device, ready to be stepped."""

from pathlib import Path
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.device import Device, OrtDevice, OrtGraph
from dragoman_server.runtime.device_runner import DeviceRunner
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.runners import device_runners
from dragoman_server.runtime.sizing import cache_shape
from tests.gpu.carried import DEVICE, DIRECTORY, MAX_LENGTH


class Loaded(NamedTuple):
    """A manifest and a runner that has recorded its steps."""

    manifest: Manifest
    runner: DeviceRunner


class EagerDevice(OrtDevice):
    """A device whose decoder is never recorded."""

    def load_recorded(self, path: Path) -> OrtGraph:
        """Loads it as any other graph."""
        return self.load(path)


def load(
    precision: str, max_rows: int, *, longest_source: int = 100, device: Device | None = None
) -> Loaded:
    """Loads the carried bundle of a precision and records its steps on this thread."""
    manifest, runners = load_unprepared(
        precision, max_rows, longest_source=longest_source, device=device
    )
    runners.prepare[0]()
    (runner,) = runners.runners
    assert isinstance(runner, DeviceRunner)
    return Loaded(manifest, runner)


def load_unprepared(
    precision: str, max_rows: int, *, longest_source: int = 100, device: Device | None = None
) -> tuple[Manifest, Runners]:
    """Likewise, and leaves the recording to the thread that runs the engine."""
    bundle = Bundle.load(DIRECTORY / precision)
    shape = cache_shape(
        bundle.manifest,
        max_rows=max_rows,
        target_capacity=MAX_LENGTH + 1,
        source_capacity=longest_source,
    )
    return bundle.manifest, device_runners(bundle, device or OrtDevice(DEVICE), shape, 1)
