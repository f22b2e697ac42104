"""A process with engines: started by host_process.py, lives until it is told to stop.

    python -m dragoman_server.hosting.host FD

FD is its end of a socket pair. Each engine has a thread here, and is given its texts. Knows engines
and messages. Does not know the queue.
"""

import faulthandler
import functools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from socket import socket
from typing import NoReturn

from dragoman_server.engine import SWITCH_INTERVAL_SECONDS, Engine, give_way
from dragoman_server.errors import BackendError, DragomanError
from dragoman_server.hosting.inbox import Inbox, InboxScheduler
from dragoman_server.hosting.messages import (
    OPTIONS_KEPT,
    Admit,
    Cancel,
    Failed,
    Hosted,
    Load,
    Loaded,
    Prepare,
    Prepared,
    Stop,
    Text,
    Tried,
    Try,
    unpack_options,
)
from dragoman_server.hosting.reporter import Reporter
from dragoman_server.hosting.trial import rows_per_second
from dragoman_server.link import Unpacker, pack
from dragoman_server.memory import collect_seldom, save_address_space
from dragoman_server.monitoring import LAST_LINES_SECONDS, STDERR, LineWriter, configure_logging
from dragoman_server.sequence import Sequence
from dragoman_server.signals import ignore_all

_log = logging.getLogger("dragoman_server.hosting.host")  # as a program its name is __main__

_BYTES = 1 << 18

LAST_STEP_SECONDS = 0.5
"""For engines that are told to stop to end their step, and to tell what they did."""


class Host:
    """The engines of this process, and the texts that they hold.

    Args:
        end: Its end of the socket pair.
    """

    def __init__(self, end: socket) -> None:
        self._end = end
        self._sending = threading.Lock()
        self._lines = LineWriter(STDERR)
        self._engines: list[HostEngine] = []
        self._hosted: Hosted | None = None

    def run(self) -> None:
        """Does what the owner of the queue says, until it says Stop or is gone."""
        unpacker = Unpacker()
        while data := self._end.recv(_BYTES):
            for message in unpacker.feed(data):
                if isinstance(message, Stop):
                    self._stop()
                    return
                self._obey(message)

    def _obey(self, message: object) -> None:
        match message:
            case Admit(engine, texts):
                self._engines[engine].admit(texts)
            case Cancel(engine, number):
                self._engines[engine].cancel(number)
            case Load():
                self._answer(lambda: self._load(message))
            case Try():
                self._answer(lambda: self._try(message))
            case Prepare():
                self._answer(self._prepare)

    def _answer(self, work: Callable[[], Loaded | Tried | Prepared]) -> None:
        try:
            self.send(work())
        except DragomanError as error:
            self.send(Failed(error))
        except Exception:  # noqa: BLE001  whatever it is, the server cannot start
            _log.exception("engine_process_failed")
            self.send(Failed(BackendError("an engine's process failed; the log says why")))

    def _load(self, load: Load) -> Loaded:
        configure_logging(load.log.level, load.log.format, self._lines)
        self._hosted = load.make()
        return Loaded(self._hosted.cache_bytes)

    def _try(self, trial: Try) -> Tried:
        hosted = self._hosted
        assert hosted is not None
        return Tried(
            rows_per_second(
                hosted.runners,
                hosted.make_search,
                rows=hosted.rows,
                token_id=trial.token_id,
                seconds=trial.seconds,
            )
        )

    def _prepare(self) -> Prepared:
        hosted = self._hosted
        assert hosted is not None
        self._engines = [HostEngine(index, hosted, self) for index in range(len(hosted.runners))]
        for engine in self._engines:
            engine.start()
        collect_seldom()
        return Prepared()

    def _stop(self) -> None:
        """Ends the engines, as soon as they can."""
        for engine in self._engines:
            engine.close()
        end = time.monotonic() + LAST_STEP_SECONDS
        for engine in self._engines:
            engine.join(max(0.0, end - time.monotonic()))

    def send(self, message: object) -> None:
        """Tells the owner something. Any thread may; nobody hears it once that is gone."""
        packed = pack([message])
        try:
            with self._sending:
                self._end.sendall(packed)
        except OSError:
            self.leave(0)  # who would take translations is gone

    def leave(self, code: int) -> NoReturn:
        """Ends the process, whatever its threads are about, once its log is written."""
        self._lines.drain(LAST_LINES_SECONDS)
        os._exit(code)


class HostEngine:
    """An engine, its thread, and what it is given."""

    def __init__(self, index: int, hosted: Hosted, host: Host) -> None:
        self._host = host
        self._inbox = Inbox()
        self._reporter = Reporter(index, host.send)
        self._prepare = hosted.prepare[index]
        self._unpack_options = functools.lru_cache(OPTIONS_KEPT)(unpack_options)
        self._engine = Engine(
            scheduler=InboxScheduler(
                self._inbox,
                begun=self._reporter.begun,
                stepped=self._reporter.stepped,
                decided=self._reporter.tell,
            ),
            search=hosted.make_search(),
            runner=hosted.runners[index],
            metrics=self._reporter,
            deliver=self._reporter.deliver,
        )
        self._thread = threading.Thread(target=self._live, name=f"engine-{index}", daemon=True)
        self._ready: Future[None] = Future()

    def start(self) -> None:
        """Starts the thread; returns once it is prepared."""
        self._thread.start()
        self._ready.result()

    def admit(self, texts: list[Text]) -> None:
        """Gives the engine texts that are to be encoded together."""
        batch: list[Sequence] = []
        for number, source_ids, options, wants_partial, wants_timing, deadline, arrived_at in texts:
            sequence = Sequence(
                source_ids,
                self._unpack_options(options),
                wants_partial=wants_partial,
                wants_timing=wants_timing,
                deadline=deadline,
                arrived_at=arrived_at,
            )
            self._reporter.hold(number, sequence)
            batch.append(sequence)
        self._inbox.put(batch)

    def cancel(self, number: int) -> None:
        """Frees a text's rows, or never begins with it."""
        sequence = self._reporter.held(number)
        if sequence is not None:
            self._inbox.cancel(sequence)
            self._engine.cancel(sequence)

    def close(self) -> None:
        """Makes it end after its running step."""
        self._inbox.close()

    def join(self, seconds: float) -> None:
        """Waits so long for it to end."""
        self._thread.join(seconds)

    def _live(self) -> None:
        """A thread's life."""
        give_way()
        try:
            self._prepare()
        except BaseException as error:  # noqa: BLE001 somebody waits for it
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        try:
            while self._inbox.wait():
                while not self._inbox.is_closed and self._engine.step():
                    pass
                self._reporter.rest()
        except BaseException:  # noqa: BLE001 the process ends here, whatever it was
            _log.critical("engine_thread_died", exc_info=True)
            self._host.leave(1)


def main(argv: list[str]) -> NoReturn:
    """Runs the engines that are told over the socket whose descriptor is given."""
    ignore_all()  # the owner of the queue says what they mean
    faulthandler.enable(STDERR, all_threads=False)
    save_address_space()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    host = Host(socket(fileno=int(argv[0])))
    host.run()
    host.leave(0)


if __name__ == "__main__":
    main(sys.argv[1:])
