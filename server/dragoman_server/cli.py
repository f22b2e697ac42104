"""`dragoman serve`: builds the parts, hands them to `Application`, turns signals into its stop.

Does not know what the parts do. Wrong settings, bundles, ports and certificates end here as one
line on stderr and exit code 2; every other end is the last line of the log.
"""

import asyncio
import faulthandler
import functools
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress

import uvloop

from dragoman_server.access import warn_of_clear_text
from dragoman_server.application import Application
from dragoman_server.config import Config
from dragoman_server.ending import BY_SIGNAL, FAILED, NOT_STARTED, Ending, LastWord
from dragoman_server.engine import Turns
from dragoman_server.errors import DragomanError
from dragoman_server.machine import cpu_count
from dragoman_server.memory import collect_seldom, keep_loaded, save_address_space
from dragoman_server.models import read_manifest
from dragoman_server.monitoring import (
    LAST_LINES_SECONDS,
    STDERR,
    LineWriter,
    Metrics,
    configure_logging,
)
from dragoman_server.playground import Playground
from dragoman_server.pool import (
    Administration,
    Follower,
    Found,
    MemoryBudget,
    ModelPool,
    find_bundle,
    find_bundles,
)
from dragoman_server.processes import Setup, build_front_end
from dragoman_server.service import AdminServer
from dragoman_server.settings import load_config
from dragoman_server.signals import Signals

OVERTIME_SECONDS = 10.0
"""After the time for draining a process that has not ended hangs, and is ended."""


def main(argv: Sequence[str]) -> int:
    """Serves until SIGTERM or another signal of its kind.

    Returns:
        0 after every accepted request was answered; 1 where time ran out first or the engine
        died; 2 where the server could not start.
    """
    _open_standard_streams()
    lines = LineWriter(STDERR)
    try:
        config = load_config(argv, os.environ)
        configure_logging(config.log_level, config.log_format, lines)
        if not faulthandler.is_enabled():
            faulthandler.enable(STDERR, all_threads=False)  # says where a library crashed
        save_address_space()
        return _Serving(config).run()
    except DragomanError as error:
        lines.write(f"dragoman serve: {error}\n")
        lines.drain(LAST_LINES_SECONDS)
        return NOT_STARTED


def _open_standard_streams() -> None:
    """Opens what of stdin, stdout and stderr is closed, or sockets would get their descriptors."""
    for descriptor in (0, 1, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest that is free
        os.set_inheritable(descriptor, True)  # by front-end processes


class _Serving:
    """The process of a server."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._application: Application | None = None
        self._last_word = LastWord()
        self._signals = Signals(self._leave)
        seconds = config.drain_timeout_seconds + OVERTIME_SECONDS
        self._overtime = threading.Timer(seconds, self._last_word.leave, [_HANGS, self._kill])
        self._overtime.daemon = True

    def run(self) -> int:
        """Returns the exit code, once the log says why."""
        with self._signals.heard():
            try:
                ending, error = uvloop.run(self._serve()), None
            except DragomanError:
                raise
            except Exception as failure:  # noqa: BLE001  whatever it is, it is the end
                ending, error = self._failed(failure), failure
            finally:
                self._overtime.cancel()
            return self._last_word.say(ending, error)

    async def _serve(self) -> Ending:
        stop = asyncio.Event()
        # In a thread: a signal is heard whatever onnxruntime is about.
        application = self._application = await asyncio.to_thread(_build, self._config)
        if self._config.workers:
            collect_seldom()
        else:
            keep_loaded()
        self._signals.drain_with(functools.partial(self._drain, stop))
        ending = await application.run(stop)
        told = self._signals.told
        return ending._replace(reason=told) if told and not ending.exit_code else ending

    def _drain(self, stop: asyncio.Event) -> None:
        stop.set()
        with suppress(RuntimeError):  # no room for a thread
            self._overtime.start()

    def _failed(self, error: Exception) -> Ending:
        if self._application is not None and self._application.has_served:
            return Ending("failed", FAILED)
        # Nobody has sent a text yet that the message could quote.
        return Ending(f"could not start: {type(error).__name__}: {error}", NOT_STARTED)

    def _leave(self, number: int, reason: str) -> None:
        code = BY_SIGNAL + number if number else 0
        self._last_word.leave(Ending(reason, code), self._kill)

    def _kill(self) -> None:
        if self._application is not None:
            self._application.kill()


_HANGS = Ending("drain_hangs", FAILED)


def _build(config: Config) -> Application:
    given = [find_bundle(path) for path in config.bundle]
    for path in config.bundle:
        read_manifest(path)
    followed = [] if config.models is None else find_bundles(config.models)
    found = [*given, *followed]
    # Not before it is known what is to be loaded: onnxruntime takes a second to import.
    from dragoman_server.assemble import Loader  # noqa: PLC0415

    playground = Playground(config) if config.playground else None
    metrics = Metrics()
    budget = MemoryBudget.of(config, len(found))
    loader = Loader(config, metrics, None if budget.total is None else Turns(cpu_count()))
    pool = ModelPool(loader, budget, unloads=config.models_full == "unload")
    pool.begin(found, all_must_load=config.models is None)
    warn_of_clear_text(config)
    front_end = build_front_end(Setup(config, *pool.setup()), pool.engine_of, metrics.record)
    pool.attach(front_end)
    admin = None
    if config.models is not None and config.admin_port is not None:
        administration = Administration(config.models, pool)
        admin = AdminServer(config, administration, metrics.record, front_end.access)
    return Application(
        config,
        models=pool,
        admin=admin,
        playground=playground,
        front_end=front_end,
        metrics=metrics,
        follow=_following(config, pool, followed),
    )


def _following(
    config: Config, pool: ModelPool, seen: list[Found]
) -> Callable[[], Coroutine[None, None, None]] | None:
    """Returns what looks for new bundles, if anybody is to."""
    if config.models is None or not config.models_poll_seconds:
        return None
    return functools.partial(Follower(config.models, pool, seen).run, config.models_poll_seconds)
