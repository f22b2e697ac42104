import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from dragoman_server.engine.async_engine import STALL_SECONDS, AsyncEngine
from dragoman_server.engine.deadline import TimeLimit
from dragoman_server.engine.engine import Engine
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.engine_threads import NICENESS, EngineThreads
from dragoman_server.engine.engines import Reports
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.sender import Priority, Sender
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.errors import (
    BackendError,
    DeadlineError,
    QueueFullError,
    UnavailableError,
    WouldExpireError,
)
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.search.search import Search
from dragoman_server.sequence import Completion, TranslationOptions
from tests.server.engine.fakes import END_ID, START_ID, FakeRunner
from tests.server.search.reference import translate

OPTIONS = TranslationOptions(100)
ROWS = 4


class Clock:
    """Stands still unless it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def build(
    runners: list[FakeRunner],
    *,
    max_queue_size: int = 100,
    prepare: Sequence[Callable[[], None]] = (),
    clock: Callable[[], float] = time.monotonic,
    count_expired: Callable[[], None] | None = None,
) -> AsyncEngine:
    queue = WaitingQueue(max_queue_size=max_queue_size, engines=len(runners))
    metrics = EngineMetrics(Metrics(), "tiny")

    def make_engines(reports: Reports) -> EngineThreads:
        engines = [
            Engine(
                scheduler=Scheduler(queue, engine=index, max_batch_size=ROWS, max_encode_tokens=50),
                search=Search(
                    max_rows=ROWS, max_length=100, decoder_start_id=START_ID, end_id=END_ID
                ),
                runner=runner,
                metrics=metrics,
                deliver=reports.deliver,
                clock=clock,
            )
            for index, runner in enumerate(runners)
        ]
        return EngineThreads(
            engines, prepare, wait=queue.wait, all_died=reports.all_died, clock=clock
        )

    return AsyncEngine(
        queue,
        make_engines,
        max_rows=ROWS * len(runners),
        clock=clock,
        count_expired=count_expired,
    )


@pytest.fixture
def runners() -> list[FakeRunner]:
    return [FakeRunner(ROWS), FakeRunner(ROWS)]


@pytest.fixture
async def engine(runners: list[FakeRunner]) -> AsyncIterator[AsyncEngine]:
    subject = build(runners, max_queue_size=40)
    await subject.start()
    yield subject
    for runner in runners:
        runner.may_decode.set()
    await subject.close()


# The engines run in threads of their own: the loop turns until they have got there.
async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_engines_are_prepared_one_by_one_on_their_own_threads(
    runners: list[FakeRunner],
) -> None:
    names: list[str] = []

    def prepare() -> None:
        names.append(threading.current_thread().name)

    engine = build(runners, prepare=[prepare, prepare])
    await engine.start()
    assert names == ["engine-0", "engine-1"]
    await engine.close()


async def test_requests_for_the_same_texts_are_begun_together(runners: list[FakeRunner]) -> None:
    engine = build(runners[:1])
    await engine.start()
    try:
        await until(lambda: engine._queue._waiters > 0)
        futures = [
            engine.submit([[3, 1, 2]], OPTIONS, sender=Sender(comes_with_others=True))
            for _ in range(ROWS)
        ]
        for (future,) in futures:
            assert (await future).token_ids == translate([3, 1, 2], OPTIONS).token_ids
        assert runners[0].encoded_per_step == [3 * ROWS]
    finally:
        await engine.close()


async def test_engines_give_way_to_the_event_loop(runners: list[FakeRunner]) -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)  # of the thread, on Linux

    found: list[int] = []
    engine = build(runners, prepare=[lambda: found.append(priority())] * 2)
    await engine.start()
    assert found == [min(priority() + NICENESS, 19)] * 2
    await engine.close()


async def test_an_engine_that_cannot_be_prepared_does_not_start(runners: list[FakeRunner]) -> None:
    def fail() -> None:
        raise BackendError("no device")

    engine = build(runners, prepare=[lambda: None, fail])
    with pytest.raises(BackendError, match="no device"):
        await engine.start()
    assert not engine.healthy
    await engine.close()


async def test_every_text_gets_its_own_translation(engine: AsyncEngine) -> None:
    sources = [[1 + i % 9, i] for i in range(40)]
    completions = await asyncio.gather(*engine.submit(sources, OPTIONS))
    expected = [translate(source, OPTIONS)[:2] for source in sources]
    assert [completion[:2] for completion in completions] == expected


async def test_the_longest_text_of_a_call_starts_first() -> None:
    runner = FakeRunner(ROWS)
    runner.may_decode.clear()
    engine = build([runner])
    await engine.start()
    sources = [[1], [3, 3, 3], [2, 2]]
    futures = engine.submit(sources, OPTIONS)
    await until(lambda: all(map(bool, runner.sources[:3])))
    assert [len(source) for source in runner.sources[:3]] == [3, 2, 1]
    runner.may_decode.set()
    completions = await asyncio.gather(*futures)
    assert [c.token_ids for c in completions] == [translate(s, OPTIONS)[0] for s in sources]
    await engine.close()


async def test_each_text_may_have_options_of_its_own(engine: AsyncEngine) -> None:
    options = [TranslationOptions(longest) for longest in (3, 100, 5)]
    completions = await asyncio.gather(*engine.submit([[9], [9], [9]], options))
    assert [len(completion.token_ids) for completion in completions] == [3, 9, 5]


async def test_a_cancelled_future_frees_its_rows(
    engine: AsyncEngine, runners: list[FakeRunner]
) -> None:
    for runner in runners:
        runner.may_decode.clear()
    futures = engine.submit([[90, 1], [90, 2]], OPTIONS)
    await until(lambda: engine.requests_running == 2)
    await until(lambda: engine.kv_cache_usage == pytest.approx(2 / 8))  # a moment later
    for future in futures:
        future.cancel()
    for runner in runners:
        runner.may_decode.set()
    await until(lambda: engine.requests_running == 0)


async def test_a_cancelled_future_leaves_the_queue(
    engine: AsyncEngine, runners: list[FakeRunner]
) -> None:
    for runner in runners:
        runner.may_decode.clear()
    running = engine.submit([[5]] * 8, OPTIONS)
    await until(lambda: engine.requests_running == 8)
    waiting = engine.submit([[5]] * 3, OPTIONS)
    assert engine.requests_waiting == 3
    waiting[1].cancel()
    await until(lambda: engine.requests_waiting == 2)
    for runner in runners:
        runner.may_decode.set()
    await asyncio.gather(*running, waiting[0], waiting[2])


async def test_bulk_is_told_apart(engine: AsyncEngine, runners: list[FakeRunner]) -> None:
    for runner in runners:
        runner.may_decode.clear()
    bulk = Sender(priority=Priority.BULK)
    futures = engine.submit([[5]] * 11, OPTIONS, sender=bulk)
    await until(lambda: engine.requests_running == 8)
    futures += engine.submit([[5]] * 2, OPTIONS)
    assert (engine.bulk_running, engine.bulk_waiting, engine.requests_waiting) == (8, 3, 5)
    for runner in runners:
        runner.may_decode.set()
    await asyncio.gather(*futures)
    await until(lambda: engine.bulk_running == 0)


async def test_a_full_queue_refuses_at_once(engine: AsyncEngine) -> None:
    with pytest.raises(QueueFullError):
        engine.submit([[5]] * 41, OPTIONS)
    assert engine.requests_waiting == 0


async def test_partial_tokens_arrive_on_the_event_loop(engine: AsyncEngine) -> None:
    seen: dict[int, list[list[int]]] = {0: [], 1: []}
    futures = engine.submit(
        [[6], [5]], OPTIONS, on_partial=lambda index, token_ids: seen[index].append(token_ids)
    )
    for index, future in enumerate(futures):
        token_ids = (await future).token_ids
        assert seen[index] == [token_ids[: n + 1] for n in range(len(token_ids))] != []


async def test_a_failing_backend_is_told_to_the_caller(
    engine: AsyncEngine, runners: list[FakeRunner]
) -> None:
    for runner in runners:
        runner.fails = RuntimeError("broken")
    (future,) = engine.submit([[6]], OPTIONS)
    with pytest.raises(BackendError):
        await future
    assert engine.healthy


class ThreadDeath(BaseException):
    """Not an Exception: no step survives it."""


async def test_a_dead_thread_is_unhealthy_and_its_texts_are_told(
    engine: AsyncEngine, runners: list[FakeRunner]
) -> None:
    for runner in runners:
        runner.fails = ThreadDeath()
    (future,) = engine.submit([[6]], OPTIONS)
    with pytest.raises(BackendError):
        await future
    await until(lambda: not engine.healthy)


async def test_texts_that_wait_for_dead_engines_are_told(
    engine: AsyncEngine, runners: list[FakeRunner]
) -> None:
    for runner in runners:
        runner.fails = ThreadDeath()
    for future in engine.submit([[6]] * 40, OPTIONS):
        with pytest.raises(BackendError):
            await future
    with pytest.raises(UnavailableError):
        engine.submit([[6]], OPTIONS)


async def test_closing_ends_every_future(runners: list[FakeRunner]) -> None:
    subject = build(runners)
    await subject.start()
    for runner in runners:
        runner.may_decode.clear()
    futures = subject.submit([[90]] * 20, OPTIONS)
    await until(lambda: subject.requests_running == 8)
    closing = asyncio.create_task(subject.close())
    await asyncio.sleep(0)
    for runner in runners:
        runner.may_decode.set()
    await closing
    for future in futures:
        with pytest.raises(UnavailableError):
            await future
    with pytest.raises(UnavailableError):
        subject.submit([[1]], OPTIONS)


async def test_an_engine_that_was_not_started_refuses(runners: list[FakeRunner]) -> None:
    with pytest.raises(UnavailableError):
        build(runners).submit([[1]], OPTIONS)


class Held:
    """An engine of four rows whose steps wait until they may go on, at a standing clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.runner = FakeRunner(ROWS)
        self.expired = 0
        self.engine = build([self.runner], clock=self.clock, count_expired=self._count)

    def _count(self) -> None:
        self.expired += 1

    async def fill(self, *, waiting: int = 0) -> list[asyncio.Future[Completion]]:
        """Takes all the rows, and so many more texts that wait."""
        self.runner.may_decode.clear()
        futures = self.engine.submit([[5]] * ROWS, OPTIONS)
        await until(lambda: self.engine.requests_running == ROWS)
        return futures + self.engine.submit([[5]] * waiting, OPTIONS) if waiting else futures

    def learn(self, step_seconds: float) -> None:
        """Lets it believe that it knows what a step takes."""
        for _ in range(200):
            self.engine._engines.step_costs[0].observe(ROWS, step_seconds)
            self.engine._forecast.observe_texts([(1, 9)])

    def due_in(self, seconds: float) -> TimeLimit:
        return TimeLimit(self.clock.now + seconds, self.clock.now + seconds)


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    subject = Held()
    await subject.engine.start()
    yield subject
    subject.runner.may_decode.set()
    await subject.engine.close()


async def test_what_would_end_after_it_is_due_is_refused_and_the_others_are_not(
    held: Held,
) -> None:
    others = await held.fill(waiting=3)
    held.learn(step_seconds=1.0)
    with pytest.raises(WouldExpireError, match=r"its deadline is in 5\.00 s"):
        held.engine.submit([[5]], OPTIONS, limit=held.due_in(5))
    assert held.engine.requests_waiting == 3
    others += held.engine.submit([[5]], OPTIONS, limit=held.due_in(60))
    others += held.engine.submit([[5]], OPTIONS, limit=TimeLimit(deadline=held.clock.now + 1))
    others += held.engine.submit([[5]], OPTIONS)
    held.runner.may_decode.set()
    completions = await asyncio.gather(*others)
    assert {tuple(completion.token_ids) for completion in completions} == {
        tuple(translate([5], OPTIONS)[0])
    }


async def test_room_is_refused_before_a_text_is_known(held: Held) -> None:
    await held.fill()
    held.engine.check_room(held.due_in(1))
    held.learn(step_seconds=1.0)
    held.clock.now += 1
    with pytest.raises(WouldExpireError):
        held.engine.check_room(held.due_in(1))
    held.engine.check_room(held.due_in(60))
    held.engine.check_room(TimeLimit(deadline=0.0))
    held.engine.submit([[5]] * 100, OPTIONS)
    held.clock.now += 1
    with pytest.raises(QueueFullError):
        held.engine.check_room(held.due_in(60))


async def test_an_idle_engine_tries_what_may_be_in_time(held: Held) -> None:
    held.learn(step_seconds=1.0)
    for _ in range(50):
        held.engine._forecast._margin.observe(100.0)
    held.engine.check_room(held.due_in(11))
    (future,) = held.engine.submit([[5]], OPTIONS, limit=held.due_in(50))
    assert (await future).token_ids == translate([5], OPTIONS)[0]


async def test_what_expired_in_the_queue_never_starts_though_nobody_cancelled_it(
    held: Held,
) -> None:
    running = await held.fill()
    doomed = held.engine.submit([[7, 7]] * 3, OPTIONS, limit=held.due_in(1))
    after = held.engine.submit([[3]], OPTIONS, limit=held.due_in(3))
    held.clock.now += 2
    held.runner.may_decode.set()
    for future in doomed:
        with pytest.raises(DeadlineError):
            await future
    completions = await asyncio.gather(*running, *after)
    assert len(completions) == ROWS + 1
    assert sum(held.runner.encoded_per_step) == ROWS + 1
    assert held.expired == 0  # the engine counts those that it finds


async def test_what_is_cancelled_in_the_queue_at_its_deadline_counts_as_expired(
    held: Held,
) -> None:
    await held.fill()
    early, late = held.engine.submit([[5]] * 2, OPTIONS, limit=held.due_in(1))
    early.cancel()
    await until(lambda: held.engine.requests_waiting == 1)
    held.clock.now += 1
    late.cancel()
    await until(lambda: held.engine.requests_waiting == 0)
    assert held.expired == 1


async def test_a_running_text_that_is_cancelled_at_its_deadline_does_not(held: Held) -> None:
    held.runner.may_decode.clear()
    (future,) = held.engine.submit([[5]], OPTIONS, limit=held.due_in(1))
    await until(lambda: held.engine.requests_running == 1)
    held.clock.now += 1
    future.cancel()
    held.runner.may_decode.set()
    await until(lambda: held.engine.requests_running == 0)
    assert held.expired == 0


async def test_the_forecast_learns_from_what_becomes_of_requests(held: Held) -> None:
    held.learn(step_seconds=1.0)
    margin = held.engine._forecast.margin
    (future,) = held.engine.submit([[5]], OPTIONS)
    await future
    await until(lambda: held.engine._forecast.margin < margin)
    margin = held.engine._forecast.margin
    await held.fill()
    (future,) = held.engine.submit([[5]], OPTIONS, limit=held.due_in(100))
    held.clock.now += 100
    future.cancel()
    await until(lambda: held.engine._forecast.margin > margin)


async def test_the_predicted_seconds_are_those_of_a_usual_text(held: Held) -> None:
    assert held.engine.predicted_seconds == 0
    held.learn(step_seconds=1.0)
    assert held.engine.predicted_seconds == pytest.approx(10.0)


async def test_an_engine_learns_from_its_own_steps_and_texts(engine: AsyncEngine) -> None:
    for _ in range(5):
        await asyncio.gather(*engine.submit([[30, index] for index in range(20)], OPTIONS))
    assert engine.predicted_seconds > 0


async def test_a_step_that_does_not_end_is_a_stall_and_idling_is_none(
    runners: list[FakeRunner],
) -> None:
    clock = Clock()
    subject = build(runners, clock=clock)
    await subject.start()
    clock.now += 2 * STALL_SECONDS
    assert not subject.stalled
    for runner in runners:
        runner.may_decode.clear()
    (future,) = subject.submit([[6]], OPTIONS)
    await until(lambda: any(runner.is_held for runner in runners))
    assert not subject.stalled
    clock.now += STALL_SECONDS + 1
    await until(lambda: subject.stalled)
    for runner in runners:
        runner.may_decode.set()
    await future
    await until(lambda: not subject.stalled)
    await subject.close()


async def test_who_wants_to_know_is_told_how_long_everything_took(engine: AsyncEngine) -> None:
    (timed,) = engine.submit([[3]], OPTIONS, wants_timing=True)
    (other,) = engine.submit([[3]], OPTIONS)
    timing = (await timed).timing
    assert timing is not None
    assert list(timing) == sorted(timing)
    assert timing.arrived_at < timing.ended_at <= time.monotonic()
    assert (await other).timing is None
