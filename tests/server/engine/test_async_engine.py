import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from dragoman_server.async_engine import AsyncEngine
from dragoman_server.engine import Engine, Progress
from dragoman_server.engine_metrics import EngineMetrics
from dragoman_server.errors import BackendError, QueueFullError, UnavailableError
from dragoman_server.metrics import Metrics
from dragoman_server.scheduler import Scheduler
from dragoman_server.search import Search
from dragoman_server.sequence import TranslationOptions
from dragoman_server.waiting_queue import WaitingQueue
from tests.server.engine.fakes import END_ID, START_ID, FakeRunner
from tests.server.engine.reference import translate

OPTIONS = TranslationOptions(100)
ROWS = 4


def build(
    runners: list[FakeRunner],
    *,
    max_queue_size: int = 100,
    prepare: Sequence[Callable[[], None]] = (),
) -> AsyncEngine:
    queue = WaitingQueue(max_queue_size=max_queue_size, engines=len(runners))
    metrics = EngineMetrics(Metrics())

    def make_engines(deliver: Callable[[Progress], None]) -> list[Engine]:
        return [
            Engine(
                scheduler=Scheduler(queue, engine=index, max_batch_size=ROWS, max_encode_tokens=50),
                search=Search(
                    max_rows=ROWS, max_length=100, decoder_start_id=START_ID, end_id=END_ID
                ),
                runner=runner,
                metrics=metrics,
                deliver=deliver,
            )
            for index, runner in enumerate(runners)
        ]

    return AsyncEngine(queue, make_engines, max_rows=ROWS * len(runners), prepare=prepare)


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
    async with asyncio.timeout(30):
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
    await until(lambda: bool(runner.sources[0]))
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
    assert engine.kv_cache_usage == pytest.approx(2 / 8)
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


async def test_a_full_queue_refuses_at_once(engine: AsyncEngine) -> None:
    with pytest.raises(QueueFullError):
        engine.submit([[5]] * 41, OPTIONS)
    assert engine.requests_waiting == 0


async def test_partial_tokens_arrive_on_the_event_loop(engine: AsyncEngine) -> None:
    seen: list[list[int]] = []
    (future,) = engine.submit([[6]], OPTIONS, on_partial=seen.append)
    completion = await future
    assert seen == [completion.token_ids[:n] for n in range(1, 7)]


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
