"""Tiny bundles that PyTorch runs, loaded once, and runners of them."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.pytorch.graphs import Graphs
from dragoman_server.runtime.pytorch.recorded_runner import RecordedRunner, Vocabularies
from dragoman_server.runtime.pytorch.recording import Step
from dragoman_server.runtime.pytorch.runner import TorchRunner
from dragoman_server.runtime.sizing import cache_shape

ROWS, CAPACITY = 18, 60

CPU = torch.device("cpu")


class FakeRecorder:
    """Repeats steps as they were given to it, on the CPU, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.recorded = 0

    def start(self) -> None:
        self.log.append("start")

    def staging(self, words: int) -> Tensor:
        self.log.append("staging")
        return torch.zeros(words, dtype=torch.int64)

    def record(self, step: Step) -> Step:
        number, self.recorded = self.recorded, self.recorded + 1
        self.log.append(f"record {number}")
        step()

        def replay() -> None:
            self.log.append(f"replay {number}")
            step()

        return replay

    def wait(self) -> None:
        self.log.append("wait")


Make = Callable[[Graphs, CacheShape, Bundle], TorchRunner | RecordedRunner]


class Loaded(NamedTuple):
    """A bundle, its graphs, and what makes a runner of them."""

    bundle: Bundle
    graphs: Graphs
    make: Make

    def runner(self) -> TorchRunner | RecordedRunner:
        return self.make(self.graphs, shape_of(self.bundle), self.bundle)

    @property
    def start_id(self) -> int:
        return self.bundle.manifest.special_tokens.decoder_start_id


def shape_of(bundle: Bundle, rows: int = ROWS, capacity: int = CAPACITY) -> CacheShape:
    return cache_shape(
        bundle.manifest, max_rows=rows, target_capacity=capacity, source_capacity=capacity
    )


def on_cpu(graphs: Graphs, shape: CacheShape, _: Bundle) -> TorchRunner:
    return TorchRunner(graphs, shape)


def in_fixed_shapes(graphs: Graphs, shape: CacheShape, _: Bundle) -> TorchRunner:
    return TorchRunner(graphs, shape, fixed_shapes=True)


def recorded(graphs: Graphs, shape: CacheShape, bundle: Bundle) -> RecordedRunner:
    """As on a GPU, warmed up."""
    vocabulary = bundle.manifest.architecture.vocabulary_size
    runner = RecordedRunner(
        graphs, shape, Vocabularies(vocabulary, vocabulary), FakeRecorder(), device=CPU
    )
    runner.warm_up(0)
    return runner
