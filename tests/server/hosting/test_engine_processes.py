"""Engines in real processes: the same translations, and nothing is lost when one of them ends."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from dragoman_server.engine import AsyncEngine, EngineMetrics, Reports, TimeLimit, WaitingQueue
from dragoman_server.errors import BackendError, BundleError, DragomanError, UnavailableError
from dragoman_server.hosting.engine_processes import EngineProcesses, LoadedProcesses, spread
from dragoman_server.hosting.messages import Hosted
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.sequence import FinishReason, TranslationOptions
from tests.server.engine.fakes import countdown
from tests.server.hosting.made import LOG, ROWS, broken, gone, hosted, unprepared
from tests.server.search.reference import translate, translate_with_beam

OPTIONS = TranslationOptions(2000)
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What processes load is made by this package."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def load(*makes: tuple[int, Callable[[], Hosted]]) -> LoadedProcesses:
    return LoadedProcesses(makes, LOG)


@asynccontextmanager
async def started(
    loaded: LoadedProcesses, metrics: Metrics | None = None
) -> AsyncIterator[AsyncEngine]:
    count = sum(loaded.engines)
    queue = WaitingQueue(max_queue_size=1000, engines=count)
    counted = EngineMetrics(metrics or Metrics(), "tiny")

    def make_engines(reports: Reports) -> EngineProcesses:
        return EngineProcesses(
            loaded, queue, reports, max_batch_size=ROWS, max_encode_tokens=50, metrics=counted
        )

    engine = AsyncEngine(queue, make_engines, max_rows=ROWS * count)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("engines", "processes", "counts"), [(4, 2, [2, 2]), (5, 2, [3, 2]), (3, 3, [1, 1, 1])]
)
def test_processes_have_as_many_engines_as_any_other_or_one_more(
    engines: int, processes: int, counts: list[int]
) -> None:
    assert spread(engines, processes) == counts


async def test_translations_are_those_of_engines_in_threads() -> None:
    loaded = load((2, partial(hosted, 2)), (1, partial(hosted, 1)))
    assert loaded.cache_bytes == 3000
    beams = TranslationOptions(30, beam_size=3)
    sources = [[1 + number % 12, number, 5] for number in range(120)]
    metrics = Metrics()
    async with started(loaded, metrics) as engine:
        assert engine.engine_count == 3
        assert engine.healthy
        greedy = engine.submit(sources, OPTIONS)
        searched = engine.submit(sources[:20], beams)
        results = [await future for future in greedy]
        for source, result in zip(sources, results, strict=True):
            expected = translate(source, OPTIONS)
            assert result.token_ids == expected.token_ids
            assert result.score == pytest.approx(expected.score)
        for source, future in zip(sources, searched, strict=False):
            assert (await future).token_ids == translate_with_beam(
                source, beams, countdown
            ).token_ids
        assert engine.requests_running == engine.requests_waiting == 0
        assert engine.kv_cache_usage == 0
    told = generate_latest(metrics.registry).decode()
    assert f'dragoman_source_tokens_total{{model="tiny"}} {3.0 * 140}' in told
    tokens = sum(len(result.token_ids) for result in results)
    counted = next(line for line in told.splitlines() if "target_tokens_total{" in line)
    assert float(counted.split()[-1]) > tokens


async def test_texts_that_nobody_waits_for_free_their_rows_wherever_they_are() -> None:
    async with started(load((1, partial(hosted, 1)))) as engine:
        running = engine.submit([[1999]] * ROWS, OPTIONS)
        await until(lambda: engine.requests_running == ROWS)
        waiting = engine.submit([[1999]], OPTIONS)
        for future in [*running, *waiting]:
            future.cancel()
        await until(lambda: engine.requests_running == 0)
        assert engine.requests_waiting == 0
        (future,) = engine.submit([[3, 1]], OPTIONS)
        assert (await future).finish_reason is FinishReason.STOP


async def test_tokens_so_far_are_told_after_each_step() -> None:
    seen: list[list[int]] = []
    async with started(load((1, partial(hosted, 1)))) as engine:
        (future,) = engine.submit([[5, 1]], OPTIONS, lambda _, tokens: seen.append(tokens))
        tokens = (await future).token_ids
    assert seen == [tokens[:length] for length in range(1, len(tokens) + 1)]


async def test_a_text_that_is_due_before_it_begins_ends_with_its_deadline() -> None:
    async with started(load((1, partial(hosted, 1)))) as engine:
        (future,) = engine.submit([[3, 1]], OPTIONS, limit=TimeLimit(0.0, 0.0))
        with pytest.raises(DragomanError, match="deadline"):
            await future


async def test_a_failed_step_ends_its_texts_and_the_engine_goes_on() -> None:
    async with started(load((1, partial(hosted, 1)))) as engine:
        (failing,) = engine.submit([[13, 1]], OPTIONS)
        with pytest.raises(BackendError, match="translating failed"):
            await failing
        (future,) = engine.submit([[3, 1]], OPTIONS)
        assert len((await future).token_ids) == 3
        assert engine.healthy


async def test_a_process_that_ends_takes_only_its_own_texts_with_it() -> None:
    async with started(load((1, partial(hosted, 1)), (1, partial(hosted, 1)))) as engine:
        (dying,) = engine.submit([[14, 1]], OPTIONS)
        with pytest.raises(BackendError, match="translating failed"):
            await dying
        await until(lambda: not engine.healthy)
        futures = engine.submit([[3, number] for number in range(30)], OPTIONS)
        assert [len((await future).token_ids) for future in futures] == [3] * 30


def test_a_terminal_signals_the_owner_alone_which_shares_its_session() -> None:
    """Else Linux may give engines as large a share of the cores as their owner."""
    loaded = load((1, partial(hosted, 1)))
    try:
        pid = loaded.processes[0]._process.pid
        assert os.getpgid(pid) == pid
        assert os.getsid(pid) == os.getsid(0)
    finally:
        loaded.close()


async def test_a_process_says_why_before_it_ends(capfd: pytest.CaptureFixture[str]) -> None:
    async with started(load((1, partial(hosted, 1)))) as engine:
        (dying,) = engine.submit([[15, 1]], OPTIONS)
        with pytest.raises(BackendError, match="translating failed"):
            await dying
    said = capfd.readouterr().err
    assert "engine_thread_died" in said
    assert "SystemExit" in said


async def test_nothing_waits_for_engines_that_are_all_gone() -> None:
    async with started(load((1, partial(hosted, 1)))) as engine:
        futures = engine.submit([[14, 1], *[[1000]] * 20], OPTIONS)
        for future in futures:
            with pytest.raises(BackendError):
                await future
        with pytest.raises(UnavailableError):
            engine.submit([[3, 1]], OPTIONS)


async def test_what_is_unfinished_when_it_is_closed_gets_unavailable() -> None:
    async with started(load((1, partial(hosted, 1)))) as engine:
        (future,) = engine.submit([[1999]], OPTIONS)
        await until(lambda: engine.requests_running == 1)
        await engine.close()
        with pytest.raises(UnavailableError):
            await future


async def test_all_that_engines_did_is_counted_however_soon_they_are_closed() -> None:
    metrics = Metrics()
    async with started(load((1, partial(hosted, 1))), metrics) as engine:
        first, running = engine.submit([[2, 1], [1999]], OPTIONS)
        await first  # its steps are told later, together with others
        await engine.close()
        with pytest.raises(UnavailableError):
            await running
    told = generate_latest(metrics.registry).decode().splitlines()
    assert 'dragoman_steps_total{model="tiny",phase="encode"} 1.0' in told
    assert 'dragoman_source_tokens_total{model="tiny"} 3.0' in told


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (broken, BundleError, "the graph is torn"),
        (gone, DragomanError, "ended before it was ready"),
    ],
)
def test_a_process_that_cannot_load_says_why(
    make: Callable[[], Hosted], error: type[DragomanError], message: str
) -> None:
    with pytest.raises(error, match=message):
        load((1, partial(hosted, 1)), (1, make))


async def test_a_process_that_cannot_be_prepared_says_why() -> None:
    with pytest.raises(BundleError, match="does not run here"):
        async with started(load((1, unprepared))):
            pass
