"""Whatever hypothesis makes of the wire's messages, the service says what is documented.

By a server in this process, around an engine that says at once what it is given.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from grpc import aio
from hypothesis import given
from hypothesis import strategies as st

from dragoman.v1.translation_pb2 import (
    DecodingOptions,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    TranslateTextResponse,
)
from tests.faults.traffic import DOCUMENTED, STREAM, UNARY
from tests.server.service.harness import Running, running

Kind = TypeVar("Kind", bound=Message)

WRITE_FAILED = "Internal error from Core"
"""What grpc.aio says itself where the server ended a stream before all was written."""


def made(kind: type[Kind], fields: Mapping[str, Any]) -> Kind:
    return kind(**fields)


INT32 = st.integers(-(2**31), 2**31 - 1)
FEW = st.integers(0, 20)
TEXT = st.text(max_size=60)
# Each field is absent, as it should be, or anything.
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "beam_size": FEW | INT32,
        "max_decoding_length": FEW | INT32,
        "min_decoding_length": FEW | INT32,
        "return_scores": st.booleans(),
        "length_penalty": st.floats(),
        "num_hypotheses": FEW | INT32,
        "early_stopping": FEW | INT32,
        "repetition_penalty": st.floats(),
        "no_repeat_ngram_size": FEW | INT32,
        "suppress_sequences": st.lists(TEXT, max_size=3),
        "target_prefix": TEXT,
        "max_length_factor": st.floats(),
        "sampling_topk": FEW | INT32,
        "sampling_topp": st.floats(),
        "sampling_temperature": st.floats(),
        "seed": st.integers(-(2**63), 2**63 - 1),
        "return_token_scores": st.booleans(),
    },
).map(partial(made, DecodingOptions))
COMMON = {
    "source_language_code": st.sampled_from(["", "en", "de"]) | TEXT,
    "target_language_code": st.sampled_from(["", "en", "de"]) | TEXT,
    "model": st.sampled_from(["", "tiny"]) | TEXT,
    "options": OPTIONS,
}
REQUESTS = st.fixed_dictionaries({"contents": st.lists(TEXT, max_size=5)}, optional=COMMON).map(
    partial(made, TranslateTextRequest)
)
TEXTS = st.fixed_dictionaries(
    {"id": st.sampled_from("abc") | TEXT, "content": TEXT},
    optional=COMMON | {"partial_results": st.booleans()},
).map(partial(made, StreamTranslateTextRequest))

Ask = Callable[[Running], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def ask() -> Any:
    """Runs a question to a server that all examples share."""
    with asyncio.Runner() as runner:
        context = running()
        server = runner.run(context.__aenter__())
        server.engine.echo = True
        yield lambda question: runner.run(question(server))
        runner.run(context.__aexit__(None, None, None))


async def code_of(call: "aio.UnaryUnaryCall[bytes, bytes]") -> grpc.StatusCode:
    async with asyncio.timeout(60):
        return await call.code()


@given(st.binary(max_size=200), st.sampled_from(list(UNARY)))
def test_bytes_are_no_message_or_one(ask: Callable[[Ask], None], content: bytes, path: str) -> None:
    async def question(server: Running) -> None:
        method: aio.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(path)
        assert await code_of(method(content)) in DOCUMENTED

    ask(question)


@given(REQUESTS)
def test_any_request_is_answered_or_told_what_is_wrong(
    ask: Callable[[Ask], None], request_of_texts: TranslateTextRequest
) -> None:
    async def question(server: Running) -> None:
        call = server.call_raw(request_of_texts.SerializeToString())
        code = await code_of(call)
        assert code in DOCUMENTED
        if code is grpc.StatusCode.OK:
            answer = TranslateTextResponse.FromString(await call)
            assert len(answer.translations) == len(request_of_texts.contents)

    ask(question)


@given(st.lists(TEXTS, max_size=4))
def test_any_stream_ends_as_documented(
    ask: Callable[[Ask], None], texts: list[StreamTranslateTextRequest]
) -> None:
    async def question(server: Running) -> None:
        call: aio.StreamStreamCall[bytes, bytes] = server.channel.stream_stream(STREAM)()
        try:
            async with asyncio.timeout(60):
                for text in texts:
                    await call.write(text.SerializeToString())
                await call.done_writing()
                answers = [answer async for answer in call]
        except (aio.AioRpcError, asyncio.InvalidStateError):
            assert await call.code() in DOCUMENTED or await call.details() == WRITE_FAILED
        else:
            assert await call.code() is grpc.StatusCode.OK
            assert len(answers) >= len(texts)

    ask(question)
