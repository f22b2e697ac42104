"""Callers who must say who they are are counted apart; nobody else is counted by name."""

from collections.abc import AsyncIterator, Callable

import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import (
    PRIORITY_BULK,
    SEGMENTATION_NONE,
    ListModelsRequest,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.access.keys import new_key
from tests.server.service.harness import SERVICE, Running, failure_of, read, running
from tests.server.service.test_access import KEY, bearer, entries, entry

OTHER_KEY = new_key()

REQUEST = TranslateTextRequest(contents=["a b", "", "cde"])
BULK = TranslateTextRequest(contents=["a"], priority=PRIORITY_BULK)

Counts = Callable[..., dict[tuple[str, ...], float]]


@pytest.fixture
async def guarded() -> AsyncIterator[Running]:
    """Lets one caller do everything, and another little."""
    limited = entry(OTHER_KEY, "other", texts_per_second=0.01, burst_seconds=200)
    async with running(api_key_entries=entries(entry(), limited)) as server:
        server.engine.echo = True
        yield server


@pytest.fixture
def counts(guarded: Running) -> Counts:
    """What a scrape says of callers, by these labels, less what is 0."""

    def read_counts(name: str, *labels: str) -> dict[tuple[str, ...], float]:
        return {
            tuple(sample.labels[label] for label in labels): sample.value
            for family in guarded.metrics.registry.collect()
            for sample in family.samples
            if sample.name == f"dragoman_caller_{name}_total" and sample.value
        }

    return read_counts


async def test_calls_count_for_their_callers_by_class_and_end(
    guarded: Running, counts: Counts
) -> None:
    stub = guarded.stub
    await stub.TranslateText(REQUEST, metadata=bearer())
    await stub.TranslateText(BULK, metadata=bearer())
    await stub.TranslateText(BULK, metadata=bearer(OTHER_KEY))
    await stub.ListModels(ListModelsRequest(), metadata=bearer())
    long = TranslateTextRequest(contents=["a " * 50], segmentation=SEGMENTATION_NONE)
    await failure_of(stub.TranslateText(long, metadata=bearer()))
    assert counts("requests", "caller", "priority", "code") == {
        ("acme", "interactive", "OK"): 1,
        ("acme", "bulk", "OK"): 1,
        ("other", "bulk", "OK"): 1,
        ("acme", "", "OK"): 1,
        ("acme", "interactive", "INVALID_ARGUMENT"): 1,
    }
    assert counts("texts", "caller", "priority") == {
        ("acme", "interactive"): 3,
        ("acme", "bulk"): 1,
        ("other", "bulk"): 1,
    }
    assert counts("code_points", "caller", "priority")["acme", "interactive"] == 6
    assert counts("target_tokens", "caller", "priority")["acme", "interactive"] == 3


async def test_texts_of_a_stream_count_one_by_one(guarded: Running, counts: Counts) -> None:
    call = guarded.stub.StreamTranslateText(metadata=bearer())
    wrong = StreamTranslateTextRequest(id="2", content="a\0")
    bulk = StreamTranslateTextRequest(id="3", content="b c", priority=PRIORITY_BULK)
    for each in (StreamTranslateTextRequest(id="1", content="a"), wrong, bulk):
        await call.write(each)
        await read(call)
    await call.done_writing()
    assert await call.read() is not None  # the end
    assert counts("requests", "caller", "priority", "code") == {
        ("acme", "interactive", "OK"): 1,
        ("acme", "interactive", "INVALID_ARGUMENT"): 1,
        ("acme", "bulk", "OK"): 1,
    }
    assert counts("target_tokens", "caller", "priority") == {
        ("acme", "interactive"): 1,
        ("acme", "bulk"): 2,
    }


async def test_a_stream_that_is_broken_off_counts_as_a_request(
    guarded: Running, counts: Counts
) -> None:
    method: aio.StreamStreamMultiCallable[bytes, bytes] = guarded.channel.stream_stream(
        f"/{SERVICE}/StreamTranslateText"
    )
    call = method(metadata=bearer())
    await call.write(b"\xff")
    await failure_of(call.read())
    assert counts("requests", "caller", "priority", "code") == {("acme", "", "INVALID_ARGUMENT"): 1}


async def test_refusals_count_by_their_cause(guarded: Running, counts: Counts) -> None:
    stub = guarded.stub
    await stub.TranslateText(TranslateTextRequest(contents=["a"] * 2), metadata=bearer(OTHER_KEY))
    await failure_of(stub.TranslateText(REQUEST, metadata=bearer(OTHER_KEY)))  # unread
    call = stub.StreamTranslateText(metadata=bearer(OTHER_KEY))
    await call.write(StreamTranslateTextRequest(id="1", content="a"))
    assert (await read(call)).HasField("error")
    call.cancel()
    guarded.engine.room = 0
    await failure_of(stub.TranslateText(REQUEST, metadata=bearer()))
    assert counts("refusals", "caller", "cause") == {
        ("other", "RATE_LIMITED"): 2,
        ("acme", "QUEUE_FULL"): 1,
    }
    assert counts("requests", "caller", "code")["other", "RESOURCE_EXHAUSTED"] >= 1


async def test_who_is_not_known_has_no_name(guarded: Running, counts: Counts) -> None:
    await failure_of(guarded.stub.TranslateText(REQUEST))
    await failure_of(guarded.stub.TranslateText(REQUEST, metadata=bearer(new_key())))
    assert guarded.sample("dragoman_requests_total", code="UNAUTHENTICATED") == 2
    assert counts("requests", "caller") == {}


async def test_where_nobody_must_say_who_calls_nothing_is_counted(server: Running) -> None:
    server.engine.echo = True
    await server.stub.TranslateText(REQUEST, metadata=bearer())
    page = server.scrape()
    assert 'dragoman_requests_total{code="OK",model="tiny"} 1.0' in page
    assert "dragoman_caller_requests_total{" not in page
    assert KEY not in page
