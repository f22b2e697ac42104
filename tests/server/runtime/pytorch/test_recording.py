"""What is asked of CUDA to record a step, of a CUDA that only remembers it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from dragoman_server.runtime.pytorch.recording import WARM_UPS, CudaRecorder

POOL = (0, 1)


class FakeCuda:
    """Streams and graphs that note what becomes of them; kernels run when they are captured."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def synchronize(self) -> None:
        self.log.append("synchronize")

    def replay(self) -> None:
        self.log.append("replay")

    @contextmanager
    def capture(self, graph: object, **settings: Any) -> Iterator[None]:
        assert graph is self
        assert settings == {"pool": POOL, "stream": self, "capture_error_mode": "thread_local"}
        self.log.append("capture")
        yield
        self.log.append("captured")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    monkeypatch.setattr(torch.cuda, "Stream", lambda: fake)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: fake)
    monkeypatch.setattr(torch.cuda, "graph", fake.capture)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: POOL)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: fake.log.append("all is done"))
    monkeypatch.setattr(torch.cuda, "set_stream", lambda _: fake.log.append("own stream"))
    return fake


def test_a_step_is_run_before_it_is_captured_and_replayed_from_then_on(cuda: FakeCuda) -> None:
    recorder = CudaRecorder()
    recorder.start()
    replay = recorder.record(lambda: cuda.log.append("step"))
    replay()
    recorder.wait()
    warm_up = ["step"] * WARM_UPS
    assert cuda.log == [
        "all is done", "own stream", *warm_up, "synchronize",
        "capture", "step", "captured", "replay", "synchronize",
    ]  # fmt: skip


def test_recordings_share_one_pool_of_memory(cuda: FakeCuda) -> None:
    """As `capture` asserts of each."""
    recorder = CudaRecorder()
    for _ in range(3):
        recorder.record(lambda: None)
    assert cuda.log.count("captured") == 3
