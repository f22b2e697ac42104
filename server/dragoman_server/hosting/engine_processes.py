"""The engines of a model in processes of their own: see engine.Engines.

A process has several engines, each in a thread, and one copy of what they share. Knows which engine
is in which process; does not know what engines do.
"""

import asyncio
import functools
import time
from collections.abc import Callable
from collections.abc import Sequence as ListOf

from dragoman_server.engine import (
    EngineGroup,
    EngineMetrics,
    Line,
    Progress,
    Reports,
    WaitingQueue,
)
from dragoman_server.engine.scheduler import WORTHWHILE_SHARE
from dragoman_server.errors import BackendError
from dragoman_server.hosting.host_process import HostProcess
from dragoman_server.hosting.hosted_engine import Costs, HostedEngine
from dragoman_server.hosting.messages import (
    OPTIONS_KEPT,
    Hosted,
    Load,
    Loaded,
    LogStyle,
    Report,
    Tried,
    Try,
    pack_options,
)
from dragoman_server.sequence import Completion, Outcome, Sequence


def spread(engines: int, processes: int) -> list[int]:
    """Returns how many of the engines each process has: as many as any other, or one more."""
    few, more = divmod(engines, processes)
    return [few + (index < more) for index in range(processes)]


class LoadedProcesses:
    """Processes that have loaded what their engines need, and wait to be started.

    Args:
        processes: What each one's engines are made of, made there; and how many these are.
        log: What their logs are like.

    Raises:
        DragomanError: One of them cannot load.
    """

    def __init__(
        self,
        processes: ListOf[tuple[int, Callable[[], Hosted]]],
        log: LogStyle,
    ) -> None:
        self.engines = [count for count, _ in processes]
        self.processes: list[HostProcess] = []
        try:
            for _, make in processes:
                self.processes.append(HostProcess.spawn())
                self.processes[-1].tell(Load(make, log))
            self.cache_bytes = sum(self._loaded(each).cache_bytes for each in self.processes)
        except BaseException:
            self.close()
            raise

    def rows_per_second(self, token_id: int, seconds: float) -> float:
        """Returns the rows that all engines decode a second; see trial.py.

        Raises:
            DragomanError: A process is gone.
        """
        for process in self.processes:
            process.tell(Try(token_id, seconds))
        tried = [process.answer() for process in self.processes]
        return sum(each.rows_per_second for each in tried if isinstance(each, Tried))

    @staticmethod
    def _loaded(process: HostProcess) -> Loaded:
        answer = process.answer()
        assert isinstance(answer, Loaded)
        return answer

    def close(self) -> None:
        """Ends them."""
        for process in self.processes:
            process.stop()
            process.kill()


class EngineProcesses(EngineGroup[HostedEngine]):
    """Built anywhere, then used on the event loop that starts it.

    What engines tell and what comes within a turn of the event loop is taken in together: the more
    there is to do, the less each of it costs.

    Args:
        loaded: The processes.
        queue: What the engines take from.
        reports: Where they tell what they have done.
        max_batch_size: Rows of each.
        max_encode_tokens: Most source tokens that each encodes at once.
        metrics: Where their steps and texts are counted.
    """

    def __init__(
        self,
        loaded: LoadedProcesses,
        queue: WaitingQueue,
        reports: Reports,
        *,
        max_batch_size: int,
        max_encode_tokens: int,
        metrics: EngineMetrics,
    ) -> None:
        self._processes = loaded.processes
        self._queue = queue
        self._metrics = metrics
        self._settle, self._all_died = reports.settle, reports.all_died
        self._by_process: list[list[HostedEngine]] = []
        super().__init__([])
        self._worthwhile_rows = int(max_batch_size * WORTHWHILE_SHARE)
        costs = Costs.of(sum(loaded.engines))
        pack = functools.lru_cache(OPTIONS_KEPT)(pack_options)
        for process, count in zip(loaded.processes, loaded.engines, strict=True):
            engines = [
                HostedEngine(
                    len(self._engines) + place,
                    place,
                    queue,
                    max_batch_size=max_batch_size,
                    max_encode_tokens=max_encode_tokens,
                    worthwhile_rows=self._worthwhile_rows,
                    metrics=metrics,
                    costs=costs,
                    pack_options=pack,
                    send=process.send,
                    settle=reports.settle,
                )
                for place in range(count)
            ]
            self._by_process.append(engines)
            self._engines += engines
        self._costs = costs
        self._told: list[tuple[HostedEngine, Report]] = []
        """In this turn of the event loop."""
        self._is_turning = False
        self._has_started = self._is_closing = False

    @property
    def healthy(self) -> bool:
        """Whether every process is alive."""
        return self._has_started and all(process.lives for process in self._processes)

    @property
    def step_costs(self) -> list[Line]:
        """What decoding steps take: all engines learn it together."""
        return [self._costs.line]

    async def start(self) -> None:
        """Starts the engines; returns once all are prepared.

        Raises:
            DragomanError: One could not be prepared.
        """
        await asyncio.gather(
            *(
                process.start(
                    functools.partial(self._receive, engines),
                    functools.partial(self._lose, engines),
                )
                for process, engines in zip(self._processes, self._by_process, strict=True)
            )
        )
        self._has_started = True

    def came(self) -> None:
        """Offers what has come to the engines, once all is there that comes together."""
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def close(self) -> None:
        """Ends the processes."""
        self._is_closing = True
        for process in self._processes:
            process.stop()

    async def join(self) -> None:
        """Returns once all have ended, and forgets the engines and whom they tell."""
        await asyncio.gather(*(process.ended() for process in self._processes))
        self._take_in()
        self._engines.clear()
        self._by_process.clear()
        self._settle, self._all_died = _ignore, _nothing

    def _receive(self, engines: ListOf[HostedEngine], report: Report) -> None:
        self._told.append((engines[report.engine], report))
        self.came()

    def _turn(self) -> None:
        """Takes in what engines told, and offers what waits to those who have room."""
        self._is_turning = False
        self._take_in()
        if self._is_closing:
            return
        queue = self._queue
        if not len(queue):
            return
        least = queue.least_free_rows(self._worthwhile_rows, time.monotonic())
        for engine in sorted([each for each in self._engines if each.takes(least)], key=_rows):
            engine.offer()
            if not len(queue):
                return

    def _take_in(self) -> None:
        if not self._told:
            return
        told, self._told = self._told, []
        now = time.monotonic()
        finished: list[tuple[Sequence, Outcome]] = []
        partial: list[tuple[Sequence, list[int]]] = []
        for engine, report in told:
            progress = engine.receive(report, now)
            finished += progress.finished
            partial += progress.partial
        translated = [
            (sequence, len(outcome.token_ids))
            for sequence, outcome in finished
            if isinstance(outcome, Completion) and outcome.is_translated
        ]
        if translated:
            self._metrics.finished(translated)
        if finished or partial:
            self._settle(Progress(finished, partial))

    def _lose(self, engines: ListOf[HostedEngine]) -> None:
        """Engines are gone with their process."""
        self._take_in()
        for engine in engines:
            self._settle(engine.abandon(BackendError("the engine's process ended")))
        if not any(process.lives for process in self._processes):
            self._is_closing = True
            self._all_died()
        else:
            self.came()


def _rows(engine: HostedEngine) -> int:
    return engine.rows


def _ignore(_: Progress) -> None:
    pass


def _nothing() -> None:
    pass
