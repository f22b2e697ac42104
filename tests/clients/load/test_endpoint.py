"""Whatever becomes of a call, its samples end."""

import asyncio
import itertools
import threading

import grpc
import pytest

from dragoman.load.answers import Answer
from dragoman.load.endpoint import Connection, Endpoint
from dragoman.load.sentences import Sentences
from dragoman.options import Options

CASES = [
    (RuntimeError("a bug"), "INTERNAL"),
    (asyncio.CancelledError(), "CANCELLED"),
    (
        grpc.aio.AioRpcError(
            grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "gone"
        ),
        "UNAVAILABLE",
    ),
]


@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda each: type(each).__name__)
def test_a_call_that_breaks_is_reported(error: BaseException, status: str) -> None:
    answers: list[Answer] = []
    came = threading.Event()

    def on_answers(found: list[Answer]) -> None:
        answers.extend(found)
        came.set()

    async def call(*_: object, **__: object) -> None:
        raise error

    connection = Connection("127.0.0.1:1")
    endpoint = Endpoint(connection, Sentences("", ["a"]), Options(), on_answers)
    endpoint.start()
    endpoint._calls = itertools.repeat(call)  # type: ignore[arg-type]
    endpoint.send([7], [0])
    assert came.wait(60)
    endpoint.close()
    assert [(answer.response_id, answer.status) for answer in answers] == [(7, status)]
