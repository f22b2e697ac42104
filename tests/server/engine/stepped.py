"""An engine on a fake model, stepped by hand."""

import random
from collections.abc import Callable

from dragoman_server.engine.engine import Engine, Progress
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.search.search import Search
from dragoman_server.sequence import Completion, Outcome, Sequence
from tests.server.engine.fakes import (
    END_ID,
    START_ID,
    VOCABULARY,
    FakeRunner,
    Model,
    countdown,
)


class Bench:
    """Takes sequences in any order; keeps what becomes of each.

    Time passes while the engine encodes and, by the number of rows, while it decodes.
    """

    def __init__(
        self,
        *,
        max_batch_size: int = 4,
        max_encode_tokens: int = 20,
        model: Model = countdown,
        encode_seconds: float = 0.0,
        decode_seconds: Callable[[int], float] = lambda _: 0.0,
    ) -> None:
        self.now = 0.0
        self.queue = WaitingQueue(max_queue_size=1000, engines=1)
        self.runner = FakeRunner(
            max_batch_size,
            model,
            encoding=lambda _: self._pass(encode_seconds),
            decoding=lambda rows: self._pass(decode_seconds(rows)),
        )
        self.metrics = Metrics()
        self.outcomes: dict[Sequence, Outcome] = {}
        self.partial: list[list[int]] = []
        self.engine = Engine(
            scheduler=Scheduler(
                self.queue,
                engine=0,
                max_batch_size=max_batch_size,
                max_encode_tokens=max_encode_tokens,
            ),
            search=Search(
                max_rows=max_batch_size,
                max_length=100,
                decoder_start_id=START_ID,
                end_id=END_ID,
                vocabulary_size=VOCABULARY,
            ),
            runner=self.runner,
            metrics=EngineMetrics(self.metrics, "tiny"),
            deliver=self._deliver,
            clock=lambda: self.now,
        )

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def _deliver(self, progress: Progress) -> None:
        for finished, outcome in progress.finished:
            assert finished not in self.outcomes, "a sequence ended twice"
            self.outcomes[finished] = outcome
        self.partial.extend(tokens for _, tokens in progress.partial)

    def arrive_at_random(self, sequences: list[Sequence], chance: random.Random) -> None:
        """Puts some, steps a little, and so on until all have arrived."""
        waiting = list(sequences)
        while waiting:
            arriving = chance.randrange(8)
            self.queue.put(waiting[:arriving])
            waiting = waiting[arriving:]
            for _ in range(chance.randrange(4)):
                self.engine.step()

    def run(self) -> None:
        while self.engine.step():
            pass

    def completion(self, of: Sequence) -> Completion:
        outcome = self.outcomes[of]
        assert isinstance(outcome, Completion)
        return outcome

    def sample(self, name: str, **labels: str) -> float | None:
        labels["model"] = "tiny"
        return self.metrics.registry.get_sample_value(f"dragoman_{name}", labels)
