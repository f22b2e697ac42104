"""What engines tell, and what comes, within a turn of the event loop is taken in together."""

import asyncio
from collections.abc import Callable
from typing import cast

from dragoman_server.engine import EngineMetrics, Progress, Reports, WaitingQueue
from dragoman_server.errors import BackendError
from dragoman_server.hosting.engine_processes import EngineProcesses, LoadedProcesses
from dragoman_server.hosting.messages import Admit, Ended, Report, Work
from dragoman_server.monitoring import Metrics
from dragoman_server.sequence import Sequence
from tests.server.engine.fakes import sequence

ROWS = 16
WORTHWHILE = 2


class Process:
    """A process that is told texts, and tells what a test says. Its engine runs in no time."""

    def __init__(self) -> None:
        self.lives = True
        self.given: list[list[int]] = []
        """Numbers of the texts of each batch."""
        self.report: Callable[[Report], None]
        self.died: Callable[[], None]

    async def start(self, report: Callable[[Report], None], died: Callable[[], None]) -> None:
        self.report, self.died = report, died

    def send(self, message: object) -> None:
        assert isinstance(message, Admit)
        self.given.append([number for number, *_ in message.texts])

    def end(self, *numbers: int, has_begun: bool = False, work: Work | None = None) -> None:
        ended: list[Ended] = [(each, ([7], "STOP", -1.0), 1.0, 2.0, 3.0, 4.0) for each in numbers]
        self.report(Report(0, has_begun, ended, [], 0, work))


class Engines:
    """Of processes, with one engine each."""

    def __init__(self, processes: int) -> None:
        self.processes = [Process() for _ in range(processes)]
        self.engines = [1] * processes
        self.told: list[Progress] = []
        self.queue = WaitingQueue(max_queue_size=999, engines=processes)
        self.metrics = Metrics()
        self.subject = EngineProcesses(
            cast("LoadedProcesses", self),
            self.queue,
            Reports(self.told.append, self.told.append, lambda: None),
            max_batch_size=ROWS,
            max_encode_tokens=999,
            metrics=EngineMetrics(self.metrics, "tiny"),
        )

    async def come(self, texts: int) -> list[Sequence]:
        """Puts texts into the queue, and lets the loop turn."""
        sequences = [sequence([1]) for _ in range(texts)]
        self.queue.put(sequences)
        self.subject.came()
        await asyncio.sleep(0)
        return sequences

    def counted(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"dragoman_{name}", {"model": "tiny"})


async def started(processes: int) -> Engines:
    engines = Engines(processes)
    await engines.subject.start()
    return engines


async def test_what_engines_tell_in_a_turn_is_told_on_at_once() -> None:
    engines = await started(2)
    texts = await engines.come(4)
    first, second = engines.processes
    assert (first.given, second.given) == ([[0, 1]], [[0, 1]])
    first.end(0, has_begun=True)
    second.end(1, 0)
    assert not engines.told
    await asyncio.sleep(0)
    (progress,) = engines.told
    assert [text for text, _ in progress.finished] == [texts[0], texts[3], texts[2]]
    assert engines.subject.running == engines.subject.rows == 1
    assert engines.counted("target_tokens_total") == 3
    assert engines.counted("time_to_first_token_seconds_count") == 3
    assert texts[0].ended_at == 4.0


async def test_an_engine_gets_more_once_it_has_begun_and_enough_rows_are_free() -> None:
    engines = await started(1)
    (process,) = engines.processes
    await engines.come(ROWS + 4)
    assert process.given == [list(range(ROWS))]
    process.end(*range(WORTHWHILE))
    await asyncio.sleep(0)
    assert len(process.given) == 1  # it has not begun
    process.end(has_begun=True)
    await asyncio.sleep(0)
    assert process.given[1:] == [[ROWS, ROWS + 1]]
    process.end(WORTHWHILE, has_begun=True)
    await asyncio.sleep(0)
    assert len(process.given) == 2  # for one row
    process.end(WORTHWHILE + 1)
    await asyncio.sleep(0)
    assert process.given[2:] == [[ROWS + 2, ROWS + 3]]


async def test_what_steps_take_is_learned_by_all_engines_together() -> None:
    engines = await started(2)
    first, second = engines.processes
    first.end(work=Work([], 0, [2] * 10, [0.25] * 10, 5.0))
    second.end(work=Work([0.125], 9, [2] * 30, [0.25] * 30, 15.0))
    await asyncio.sleep(0)
    (line,) = engines.subject.step_costs
    assert line.count == 40
    assert line.at(2) == 0.5
    assert engines.counted("batch_rows_count") == 40
    assert engines.counted("source_tokens_total") == 9


async def test_what_a_process_told_before_it_ended_counts() -> None:
    engines = await started(2)
    texts = await engines.come(4)
    process = engines.processes[0]
    process.end(0)
    process.lives = False
    process.died()
    ended = dict(outcome for progress in engines.told for outcome in progress.finished)
    assert set(ended) == {texts[0], texts[1]}
    assert not isinstance(ended[texts[0]], BackendError)
    assert isinstance(ended[texts[1]], BackendError)
