"""What a front end knows of the engines in another process."""

import asyncio

import pytest

from dragoman_server.errors import QueueFullError, UnavailableError
from dragoman_server.processes.messages import Cancel, Refused, Settled, Submit
from dragoman_server.processes.remote_engine import RemoteEngine
from dragoman_server.sequence import Completion, FinishReason, TranslationOptions

DONE = Completion([5], FinishReason.STOP, -0.5)
MODEL = 7
OPTIONS = TranslationOptions(max_decoding_length=9)


class Sent(list[object]):
    """Is the other process."""

    def __call__(self, message: object) -> None:
        self.append(message)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def engine(sent: Sent) -> RemoteEngine:
    return RemoteEngine(MODEL, sent)


async def test_texts_end_one_by_one(engine: RemoteEngine, sent: Sent) -> None:
    first, second = engine.submit([[1, 0], [2, 0]], OPTIONS)
    (message,) = sent
    assert isinstance(message, Submit)
    assert (message.model, message.source_ids, message.options) == (
        MODEL,
        [[1, 0], [2, 0]],
        [OPTIONS] * 2,
    )
    engine.receive(Settled(MODEL, message.request, 1, DONE))
    assert await second == DONE
    assert not first.done()
    engine.receive(Settled(MODEL, message.request, 0, DONE))
    assert await first == DONE


async def test_a_refusal_is_every_texts(engine: RemoteEngine, sent: Sent) -> None:
    futures = engine.submit([[1, 0], [2, 0]], OPTIONS)
    message = sent[0]
    assert isinstance(message, Submit)
    error = QueueFullError("full", retry_after_seconds=0.5)
    engine.receive(Refused(MODEL, message.request, error))
    for future in futures:
        with pytest.raises(QueueFullError, match="full"):
            await future


async def test_cancelling_is_told_and_a_late_answer_is_ignored(
    engine: RemoteEngine, sent: Sent
) -> None:
    (future,) = engine.submit([[1, 0]], OPTIONS)
    message = sent[0]
    assert isinstance(message, Submit)
    future.cancel()
    engine.receive(Settled(MODEL, message.request, 0, DONE))
    await asyncio.wait([future])
    assert future.cancelled()
    assert sent[1:] == [Cancel(MODEL, message.request, 0)]
    engine.receive(Settled(MODEL, message.request, 0, DONE))


async def test_what_is_unfinished_when_the_engines_go_is_unavailable(engine: RemoteEngine) -> None:
    (future,) = engine.submit([[1, 0]], OPTIONS)
    engine.close()
    with pytest.raises(UnavailableError, match="stopped"):
        await future
    with pytest.raises(UnavailableError, match="stopped"):
        engine.submit([[1, 0]], OPTIONS)
