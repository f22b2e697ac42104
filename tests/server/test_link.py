"""Messages arrive whole, once and in order, however the bytes are cut."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from dragoman_server.link import Link


class Listener:
    def __init__(self) -> None:
        self.messages: list[object] = []
        self.is_lost = asyncio.Event()
        self.came = asyncio.Event()

    def received(self, message: object) -> None:
        self.messages.append(message)
        self.came.set()

    def lost(self) -> None:
        self.is_lost.set()

    async def has(self, count: int) -> list[object]:
        async with asyncio.timeout(60):
            while len(self.messages) < count:
                self.came.clear()
                await self.came.wait()
        return self.messages


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Link, Listener]]:
    ours, theirs = socket.socketpair()
    listener = Listener()
    sender, receiver = await Link.open(ours, Listener()), await Link.open(theirs, listener)
    yield sender, listener
    sender.close()
    receiver.close()
    await listener.is_lost.wait()


async def test_small_and_large_messages_arrive_in_order(ends: tuple[Link, Listener]) -> None:
    sender, listener = ends
    sent: list[object] = [1, "x" * 3_000_000, {"a": [2]}, "y" * 70_000]
    for message in sent[:2]:
        sender.send(message)
    await asyncio.sleep(0)
    for message in sent[2:]:
        sender.send(message)
    assert await listener.has(4) == sent


async def test_what_was_sent_before_closing_arrives(ends: tuple[Link, Listener]) -> None:
    sender, listener = ends
    sender.send("last words")
    sender.close()
    assert await listener.has(1) == ["last words"]
    await listener.is_lost.wait()
    sender.send("to nobody")  # says nothing
    await asyncio.sleep(0)


async def test_bytes_that_come_one_by_one_make_the_same_messages() -> None:
    listener = Listener()
    ours, theirs = socket.socketpair()
    sender = await Link.open(ours, Listener())
    sender.send("a")
    sender.send("b")
    sender.close()
    theirs.setblocking(False)
    received = b""
    while chunk := await asyncio.get_running_loop().sock_recv(theirs, 4096):
        received += chunk
    theirs.close()
    link = Link(listener)
    for index in range(len(received)):
        link.data_received(received[index : index + 1])
    assert listener.messages == ["a", "b"]
