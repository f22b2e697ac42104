"""The life of a front-end process, here in the tests' own."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.link import Link
from dragoman_server.processes import worker
from dragoman_server.processes.messages import Drain, Drained, NotStarted, Setup, Started, Stop
from dragoman_server.processes.worker import Worker
from tests.server.service.fakes import FakeTokenizer
from tests.server.service.harness import make_config, make_front_end_setup


class Supervisor:
    """The engines' process."""

    def __init__(self, link: Link, messages: asyncio.Queue[object], run: asyncio.Task[int]) -> None:
        self.link = link
        self.run = run
        self._messages = messages

    async def hears(self) -> object:
        async with asyncio.timeout(60):
            return await self._messages.get()


class Reader:
    def __init__(self, messages: asyncio.Queue[object]) -> None:
        self._messages = messages

    def received(self, message: object) -> None:
        self._messages.put_nowait(message)

    def lost(self) -> None:
        self._messages.put_nowait(None)


@pytest.fixture(autouse=True)
def unchanged_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "configure_logging", lambda *_: None)


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    ours, theirs = socket.socketpair()
    messages: asyncio.Queue[object] = asyncio.Queue()
    run = asyncio.create_task(Worker().run(theirs))
    link = await Link.open(ours, Reader(messages))
    yield Supervisor(link, messages, run)
    link.close()
    await run


def setup(config: Config) -> Setup:
    return make_front_end_setup(config, FakeTokenizer)


async def test_it_starts_drains_and_stops_as_told(supervisor: Supervisor) -> None:
    supervisor.link.send(setup(make_config()))
    assert await supervisor.hears() == Started()
    supervisor.link.send(Drain())
    assert await supervisor.hears() == Drained(in_time=True)
    supervisor.link.send(Stop())
    assert await supervisor.run == 0


async def test_what_keeps_it_from_starting_is_its_last_word(supervisor: Supervisor) -> None:
    supervisor.link.send(setup(make_config(host="203.0.113.7")))
    message = await supervisor.hears()
    assert isinstance(message, NotStarted)
    assert isinstance(message.error, ConfigError)
    assert await supervisor.run == 1


async def test_it_ends_with_the_engines_process(supervisor: Supervisor) -> None:
    supervisor.link.send(setup(make_config()))
    assert await supervisor.hears() == Started()
    supervisor.link.close()
    assert await supervisor.run == 1
