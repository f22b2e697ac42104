"""onnxruntime with its CUDA provider, or its CPU provider in its place."""

import functools
from pathlib import Path

from dragoman_server.engine.attention_threads import Attend
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.attention_runner import AttentionRunner
from dragoman_server.runtime.attention_session import load_attention
from dragoman_server.runtime.device import OrtDevice, OrtGraph
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.runners import device_runners
from tests.gpu.carried import DEVICE


class EagerDevice(OrtDevice):
    """A device whose decoder is never recorded."""

    def load_recorded(self, path: Path) -> OrtGraph:
        """Loads it as any other graph."""
        return self.load(path)


class Onnxruntime:
    """See RuntimeUnderTest."""

    def runners(self, bundle: Bundle, shape: CacheShape) -> Runners:
        """See RuntimeUnderTest."""
        return device_runners(bundle, OrtDevice(DEVICE), shape, 1)

    def unrecorded(self, bundle: Bundle, shape: CacheShape) -> Runners:
        """See RuntimeUnderTest."""
        return device_runners(bundle, EagerDevice(DEVICE), shape, 1)

    def attend(self, bundle: Bundle) -> Attend:
        """See RuntimeUnderTest."""
        return AttentionRunner(
            bundle, functools.partial(load_attention, device=OrtDevice(DEVICE))
        ).run
