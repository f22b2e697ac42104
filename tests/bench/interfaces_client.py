"""Calls a server through one of its interfaces, in a closed loop.

    python -m tests.bench.interfaces_client --way deepl --target HOST:PORT --texts 1 --seconds 5

Prints a line once it is warm, waits for one on its standard input, and then prints the requests
that were answered within the time. Of HTTP it reads no more than it takes to see an answer's end.
"""

import argparse
import asyncio
import functools
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import uvloop
from grpc import aio

from dragoman.v1.translation_pb2 import TranslateTextRequest
from tests.bench.front_end_client import CALLS, CONNECTIONS, SENTENCE, WARM_UP_SECONDS

HTML = "text/html"

Ask = Callable[[], Awaitable[object]]
"""Makes one request."""


class Way(NamedTuple):
    """One interface."""

    interface: str
    """Of front_end_server.py."""
    path: str
    request: Callable[[list[str]], bytes]
    most_texts: int = 1_000_000


def _native(texts: list[str], mime_type: str = "") -> bytes:
    return TranslateTextRequest(contents=texts, mime_type=mime_type).SerializeToString()


def _google(texts: list[str], mime_type: str = "text/plain") -> bytes:
    from google.cloud.translate_v3 import types  # noqa: PLC0415  an extra

    request = types.TranslateTextRequest.pb()(
        parent="projects/acme/locations/global",
        contents=texts,
        mime_type=mime_type,
        source_language_code="en",
        target_language_code="de",
    )
    return bytes(request.SerializeToString())


def _riva(texts: list[str]) -> bytes:
    from riva.client.proto import (  # type: ignore[import-untyped]  # noqa: PLC0415  an extra
        riva_nmt_pb2 as riva,
    )

    request = riva.TranslateTextRequest(texts=texts, source_language="en", target_language="de")
    return bytes(request.SerializeToString())


def _libretranslate(texts: list[str]) -> bytes:
    return json.dumps({"q": texts, "source": "en", "target": "de"}).encode()


def _deepl(texts: list[str]) -> bytes:
    return json.dumps({"text": texts, "source_lang": "EN", "target_lang": "DE"}).encode()


def _openai(texts: list[str], *, stream: bool = False) -> bytes:
    messages = [{"role": "user", "content": " ".join(texts)}]
    return json.dumps({"model": "", "messages": messages, "stream": stream}).encode()


NATIVE = "/dragoman.v1.TranslationService/TranslateText"
GOOGLE = "/google.cloud.translation.v3.TranslationService/TranslateText"

WAYS = {
    "native": Way("native", NATIVE, _native),
    "native, HTML": Way("native", NATIVE, lambda texts: _native(texts, HTML)),
    "google": Way("google", GOOGLE, _google),
    "google, HTML": Way("google", GOOGLE, lambda texts: _google(texts, HTML)),
    "riva": Way("riva", "/nvidia.riva.nmt.RivaTranslation/TranslateText", _riva),
    "libretranslate": Way("http", "/translate", _libretranslate),
    "deepl": Way("http", "/v2/translate", _deepl),
    "openai": Way("http", "/v1/chat/completions", _openai, 1),
    "openai, streamed": Way(
        "http", "/v1/chat/completions", lambda texts: _openai(texts, stream=True), 1
    ),
}


@asynccontextmanager
async def _over_grpc(target: str, way: Way, request: bytes) -> AsyncIterator[list[Ask]]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as channels:
        asks: list[Ask] = []
        for _ in range(CONNECTIONS):
            channel = aio.insecure_channel(target, options=options)
            await channels.enter_async_context(channel)
            call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(way.path)
            asks += [functools.partial(call, request)] * (CALLS // CONNECTIONS)
        yield asks


@asynccontextmanager
async def _over_http(target: str, way: Way, request: bytes) -> AsyncIterator[list[Ask]]:
    host, port = target.split(":")
    head = f"POST {way.path} HTTP/1.1\r\nhost: {target}\r\ncontent-type: application/json\r\n"
    message = f"{head}content-length: {len(request)}\r\n\r\n".encode() + request
    connections = [await asyncio.open_connection(host, port) for _ in range(CALLS)]

    def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Ask:
        async def one() -> None:
            writer.write(message)
            told = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b" 200 " not in told:
                raise RuntimeError(told.decode())
            length = told.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if length:
                await reader.readexactly(int(length))
            else:
                await reader.readuntil(b"\r\n0\r\n\r\n")

        return one

    yield [ask(*connection) for connection in connections]
    for _, writer in connections:
        writer.close()


async def _drive(asks: list[Ask], seconds: float) -> int:
    ends, answered = time.monotonic() + seconds, 0

    async def again_and_again(ask: Ask) -> None:
        nonlocal answered
        while time.monotonic() < ends:
            await ask()
            answered += 1

    await asyncio.gather(*map(again_and_again, asks))
    return answered


async def _run(target: str, way: Way, texts: int, seconds: float) -> None:
    over = _over_http if way.interface == "http" else _over_grpc
    async with over(target, way, way.request([SENTENCE] * texts)) as asks:
        await _drive(asks, WARM_UP_SECONDS)
        print("warm", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(await _drive(asks, seconds), flush=True)


def main() -> None:
    """Drives one server once."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--way", choices=WAYS, required=True, help="interface")
    add("--target", required=True, help="HOST:PORT of the server")
    add("--texts", type=int, default=1, help="of each request")
    add("--seconds", type=float, default=5.0, help="to measure for")
    arguments = parser.parse_args()
    uvloop.run(_run(arguments.target, WAYS[arguments.way], arguments.texts, arguments.seconds))


if __name__ == "__main__":
    main()
