"""PyTorch, on a GPU or on the CPU in its place."""

import functools

import torch
from torch import Tensor

from dragoman_server.engine.attention_threads import Attend
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.attention_runner import AttentionRunner
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.pytorch.graphs import load_graphs
from dragoman_server.runtime.pytorch.loading import (
    attention_session,
    load_runners,
    recorded_runners,
)
from dragoman_server.runtime.pytorch.recording import Step
from tests.gpu.carried import DEVICE


class EagerRecorder:
    """Records nothing: runs each step as it comes. See Recorder."""

    def start(self) -> None:
        """See Recorder."""
        self.wait()

    def staging(self, words: int) -> Tensor:
        """See Recorder."""
        return torch.zeros(words, dtype=torch.int64, pin_memory=DEVICE == "cuda")

    def record(self, step: Step) -> Step:
        """See Recorder."""
        return step

    def wait(self) -> None:
        """See Recorder."""
        if DEVICE == "cuda":
            torch.cuda.synchronize()


class Torch:
    """See RuntimeUnderTest."""

    def runners(self, bundle: Bundle, shape: CacheShape) -> Runners:
        """See RuntimeUnderTest. The CPU records nothing."""
        if DEVICE == "cpu":
            return self.unrecorded(bundle, shape)
        return load_runners(bundle, DEVICE, lambda _: shape, cores=1)

    def unrecorded(self, bundle: Bundle, shape: CacheShape) -> Runners:
        """See RuntimeUnderTest."""
        device = torch.device(DEVICE)
        graphs = load_graphs(bundle, device)
        return recorded_runners(bundle, graphs, shape, [EagerRecorder()], device)

    def attend(self, bundle: Bundle) -> Attend:
        """See RuntimeUnderTest."""
        return AttentionRunner(bundle, functools.partial(attention_session, provider=DEVICE)).run
