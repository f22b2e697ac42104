"""Connections to servers on which nothing is tried again: a refusal stays one."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import yaml

from dragoman.v1.translation_pb2_grpc import TranslationServiceStub
from dragoman_server.access.keys import hash_of, new_key

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub

Metadata = tuple[tuple[str, str], ...]


def make_callers(file: Path, *names: str) -> dict[str, Metadata]:
    """Writes a key file that lets callers do everything; returns what each shows with its calls."""
    keys = {name: new_key() for name in names}
    grant = {"methods": ["*"], "models": ["*"]}
    entries = [{"name": name, "sha256": hash_of(key)} | grant for name, key in keys.items()]
    file.write_text(yaml.safe_dump(entries))
    return {name: (("x-api-key", key),) for name, key in keys.items()}


async def open_stubs(
    stack: AsyncExitStack, addresses: Iterable[str]
) -> list["TranslationServiceAsyncStub"]:
    """Connects to each of the servers for as long as the stack is open."""
    stubs: list[TranslationServiceAsyncStub] = []
    for address in addresses:
        channel = grpc.aio.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        stubs.append(TranslationServiceStub(await stack.enter_async_context(channel)))
    return stubs
