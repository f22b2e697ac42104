"""Steps that a GPU records once and replays: no call of its host but one.

Knows CUDA graphs, streams and pinned memory. Does not know what a step is.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Step = Callable[[], None]

WARM_UPS = 2
"""Runs before a step is recorded: libraries choose kernels and allocate then."""


class Recorder(Protocol):
    """Runs on one thread, which `start` is called on."""

    def start(self) -> None:
        """Waits for all that was sent to the device so far; what follows runs in an order."""

    def staging(self, words: int) -> Tensor:
        """Returns host memory that the device reads and writes by itself, (words,) int64 zeros."""

    def record(self, step: Step) -> Step:
        """Runs a step, whose memory is the same each time, and returns what repeats it."""

    def wait(self) -> None:
        """Waits for all that this thread sent to the device."""


class CudaRecorder:
    """Of one engine, on the first GPU. Its recordings share scratch memory: one runs at a time."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def start(self) -> None:
        """See Recorder. Gives the thread a stream of its own, so that engines do not queue."""
        torch.cuda.synchronize()
        torch.cuda.set_stream(self._stream)

    def staging(self, words: int) -> Tensor:
        """See Recorder."""
        return torch.zeros(words, dtype=torch.int64, pin_memory=True)

    def record(self, step: Step) -> Step:
        """See Recorder."""
        for _ in range(WARM_UPS):
            step()
        self.wait()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(
            graph,
            pool=self._pool,
            stream=self._stream,
            capture_error_mode="thread_local",  # other threads go on allocating
        ):
            step()
        return graph.replay

    def wait(self) -> None:
        """See Recorder."""
        self._stream.synchronize()
