"""Connections to servers on which nothing is tried again: a refusal stays one."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import grpc

from dragoman.v1.translation_pb2_grpc import TranslationServiceStub

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub


async def open_stubs(
    stack: AsyncExitStack, addresses: Iterable[str]
) -> list["TranslationServiceAsyncStub"]:
    """Connects to each of the servers for as long as the stack is open."""
    stubs: list[TranslationServiceAsyncStub] = []
    for address in addresses:
        channel = grpc.aio.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        stubs.append(TranslationServiceStub(await stack.enter_async_context(channel)))
    return stubs
