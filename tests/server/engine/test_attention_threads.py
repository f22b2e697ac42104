"""Passes over finished translations, beside engines of a model without weights."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from dragoman_server.engine.attention_threads import AttentionThreads
from dragoman_server.errors import BackendError, DragomanError, InvalidArgumentError
from dragoman_server.sequence import (
    Attention,
    Completion,
    Finished,
    FinishReason,
    TranslationOptions,
)
from dragoman_server.sequence import Sequence as Text

OPTIONS = TranslationOptions(9, return_alignment=True)


class Attending:
    """Its weights are the source; it may be held back, and fail."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.may_end = threading.Event()
        self.may_end.set()
        self.fails: Exception | None = None

    def __call__(self, finished: Sequence[Finished]) -> list[Attention | DragomanError]:
        self.passes.append([each.source_ids[0] for each in finished])
        assert self.may_end.wait(timeout=60)
        if self.fails is not None:
            raise self.fails
        return [self._outcome(each) for each in finished]

    def _outcome(self, each: Finished) -> Attention | DragomanError:
        if each.source_ids == [99]:
            return InvalidArgumentError("too much", field="return_alignment", reason="TOO_MUCH")
        return Attention(alignment=np.array([each.source_ids], np.float32))


def settle(threads: AttentionThreads, source: int) -> asyncio.Future[Completion]:
    future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
    completion = Completion([source], FinishReason.STOP, None)
    threads.settle(Text([source], OPTIONS), completion, future)
    return future


async def test_each_text_gets_its_own_weights() -> None:
    threads = AttentionThreads(Attending(), 2)
    completions = await asyncio.gather(*(settle(threads, source) for source in range(40)))
    for source, completion in enumerate(completions):
        assert completion.token_ids == [source]
        assert completion.attention is not None
        assert completion.attention.alignment is not None
        assert completion.attention.alignment.tolist() == [[source]]
    threads.close()


async def test_what_ends_while_a_pass_runs_goes_through_the_next_one_together() -> None:
    attending = Attending()
    attending.may_end.clear()
    threads = AttentionThreads(attending, 1)
    first = settle(threads, 1)
    await asyncio.sleep(0)
    later = [settle(threads, source) for source in (2, 3, 4)]
    later[1].cancel()
    attending.may_end.set()
    await asyncio.gather(first, later[0], later[2])
    assert attending.passes == [[1], [2, 4]]
    threads.close()


async def test_a_text_that_is_refused_leaves_the_others_alone() -> None:
    threads = AttentionThreads(Attending(), 1)
    outcomes = await asyncio.gather(
        *(settle(threads, source) for source in (1, 99, 2)), return_exceptions=True
    )
    assert isinstance(outcomes[0], Completion)
    assert isinstance(outcomes[2], Completion)
    assert isinstance(outcomes[1], InvalidArgumentError)
    threads.close()


@pytest.mark.parametrize("error", [RuntimeError("broken"), BackendError("the bundle is gone")])
async def test_a_pass_that_fails_is_told_and_the_next_one_runs(error: Exception) -> None:
    attending = Attending()
    attending.fails = error
    threads = AttentionThreads(attending, 1)
    with pytest.raises(BackendError):
        await settle(threads, 1)
    attending.fails = None
    assert (await settle(threads, 2)).attention is not None
    threads.close()


async def test_nothing_begins_once_it_is_closed() -> None:
    attending = Attending()
    threads = AttentionThreads(attending, 1)
    threads.close()
    future = settle(threads, 1)
    await asyncio.sleep(0)
    assert not attending.passes
    assert not future.done()  # the engine says why
