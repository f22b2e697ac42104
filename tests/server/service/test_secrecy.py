"""Texts appear in no line of the log, no metric, no span and no error, whatever goes wrong.

Each is a random word here, which would be found wherever it appears, as it is or encoded.
"""

import asyncio
import base64
import io
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.errors import BackendError, OverloadError, QueueFullError
from dragoman_server.monitoring import CALLS_LOG
from dragoman_server.monitoring.logs import JsonFormatter, TextFormatter
from tests.server.collector import Collector
from tests.server.service.harness import OPENMETRICS, SERVICE, Running, read, running

TEXT, PREFIX, MARK = (f"text{secrets.token_hex(16)}" for _ in range(3))
"""What is translated, what its translation begins with, and what callers say beside it."""

CALLER = (("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),)
OPTIONS = DecodingOptions(target_prefix=PREFIX)
GOOD = TranslateTextRequest(contents=[TEXT])
WRONG = [
    TranslateTextRequest(contents=[f"{TEXT} " * 50], segmentation=SEGMENTATION_NONE),
    TranslateTextRequest(contents=[f"{TEXT}\0"]),
    TranslateTextRequest(contents=[TEXT], options=DecodingOptions(beam_size=99)),
    TranslateTextRequest(contents=[TEXT], options=DecodingOptions(target_prefix=PREFIX * 99)),
    TranslateTextRequest(contents=[TEXT] * 2000),
    TranslateTextRequest(contents=[TEXT], model="other"),
    TranslateTextRequest(contents=[TEXT], target_language_code="xx"),
]


def forms(secret: str) -> Iterator[str]:
    yield secret
    yield secret.encode().hex()
    for before in (b"", b"-", b"--"):  # where it begins among base64's threes
        yield base64.b64encode(before + secret.encode()).decode()[4:-4]


def found(haystack: str) -> list[str]:
    """The secrets that are somewhere in a text."""
    return [each for each in (TEXT, PREFIX, MARK) if any(form in haystack for form in forms(each))]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the server writes, in both forms."""
    lines = io.StringIO()
    loggers = [logging.getLogger(name) for name in (None, "dragoman_server", CALLS_LOG)]
    levels = [logger.level for logger in loggers]
    handlers = []
    for formatter in (JsonFormatter(), TextFormatter()):
        handler = logging.StreamHandler(lines)
        handler.setFormatter(formatter)
        loggers[0].addHandler(handler)
        handlers.append(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield lines
    for handler in handlers:
        loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
async def server(log: io.StringIO, collector: Collector) -> AsyncIterator[Running]:
    assert not found(log.getvalue())
    async with running(
        access_log="calls", otlp_endpoint=collector.endpoint, trace_sampling=1.0
    ) as started:
        yield started


async def told(call: Awaitable[object]) -> str:
    """All that a client is told by an error; its own answer may have its text."""
    try:
        await call
    except aio.AioRpcError as error:
        return repr((error.details(), error.initial_metadata(), error.trailing_metadata()))
    return ""


def unary(server: Running, request: TranslateTextRequest) -> Awaitable[object]:
    return server.stub.TranslateText(request, metadata=(*CALLER, ("x-note", MARK)))


async def fails(server: Running, error: Exception) -> str:
    """A call whose text the engines cannot translate."""
    before = len(server.engine.texts)
    call = asyncio.ensure_future(told(unary(server, GOOD)))
    texts = await server.engine.has_texts(before + 1)
    texts[-1].fail(error)
    return await call


async def refused(server: Running, error: OverloadError) -> str:
    server.engine.refusal = error
    said = await told(unary(server, GOOD))
    server.engine.refusal = None
    return said


async def streams(server: Running) -> str:
    """Partial results, failures, wrong texts and a stream that is broken off."""
    call = server.stub.StreamTranslateText(metadata=(*CALLER, ("x-note", MARK)))
    wanted = StreamTranslateTextRequest(id="1", content=TEXT, partial_results=True)
    before = len(server.engine.texts)
    await call.write(wanted)
    texts = await server.engine.has_texts(before + 1)
    texts[-1].partial(1)
    assert (await read(call)).partial_text == TEXT
    texts[-1].fail(ValueError(TEXT))
    said: str = repr((await read(call)).error)
    for number, text in enumerate([f"{TEXT} " * 50, f"{TEXT}\0"]):
        wrong = StreamTranslateTextRequest(
            id=f"w{number}", content=text, segmentation=SEGMENTATION_NONE
        )
        await call.write(wrong)
        said += repr((await read(call)).error)
    await call.write(StreamTranslateTextRequest(id="2", content=TEXT))
    texts = await server.engine.has_texts(before + 2)
    call.cancel()
    await server.engine.until(texts[-1].future.cancelled)
    broken: aio.StreamStreamCall[bytes, bytes] = server.channel.stream_stream(
        f"/{SERVICE}/StreamTranslateText"
    )()
    await broken.write(b"\xff" + TEXT.encode())
    assert await broken.code() is grpc.StatusCode.INVALID_ARGUMENT
    said += repr((await broken.details(), await broken.trailing_metadata()))
    return said


async def test_a_text_is_nowhere_but_in_its_answer(
    server: Running, log: io.StringIO, collector: Collector
) -> None:
    said = await fails(server, ValueError(TEXT))
    said += await fails(server, BackendError(TEXT))
    said += await refused(server, QueueFullError("the queue is full", retry_after_seconds=1))
    said += await told(server.call_raw(b"\xff" + TEXT.encode()))
    said += await streams(server)
    server.engine.echo = True
    for request in (GOOD, TranslateTextRequest(contents=[TEXT], options=OPTIONS), *WRONG):
        said += await told(unary(server, request))
    pages = server.scrape() + server.scrape(OPENMETRICS)
    await server.application.close()
    spans = repr(collector.requests)
    assert said.count("ErrorInfo") > len(WRONG)  # what is looked through is there
    assert "request_failed" in log.getvalue()
    assert log.getvalue().count('"event": "call"') > len(WRONG)
    assert "dragoman_requests_total" in pages
    assert len(collector.spans) > len(WRONG)
    for where in (said, log.getvalue(), pages, spans):
        assert found(where) == []
    assert found(f"x{TEXT}") == [TEXT]
