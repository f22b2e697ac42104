"""A server with more to do than it can: who is refused, how fast, and who never notices."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from dragoman import AsyncClient, DeadlineExceededError, Translation
from tests.integration.conftest import Bundles, everyday_sentences
from tests.integration.served import Served

pytestmark = pytest.mark.alone

LONG = 500
"""Target tokens of the texts that keep the server busy for seconds."""

HOPELESS = 50


@pytest.fixture
def small(bundles: Bundles) -> Iterator[Served]:
    """A server of one engine and two rows, which has seen no text."""
    with Served(bundles["int8"], engines=1, max_batch_size=2) as served:
        yield served


def occupy(client: AsyncClient, texts: int) -> "asyncio.Future[list[Translation]]":
    """Keeps the server busy, with calls of one text: a call of many would let others go first."""
    calls = (
        client.translate(
            "Good morning!", min_decoding_length=LONG, max_decoding_length=LONG, timeout=None
        )
        for _ in range(texts)
    )
    return asyncio.gather(*calls)


async def until_waiting(server: Served, texts: int) -> None:
    while await asyncio.to_thread(server.metric, "requests_waiting") < texts:
        pass


async def test_what_expires_in_the_queue_never_starts(small: Served) -> None:
    async with AsyncClient(small.address) as client:
        busy = occupy(client, 24)  # too few to predict anything from
        await until_waiting(small, 20)
        with pytest.raises(DeadlineExceededError):
            await client.translate("Good morning!", timeout=0.5)
        assert not busy.done(), "the server was no longer busy"
        await busy
    assert small.metric("requests_expired_total") == 1
    assert small.metric("target_tokens_total") == 24 * LONG


async def test_hopeless_requests_are_refused_at_once_and_the_others_are_all_right(
    small: Served,
) -> None:
    sentences = everyday_sentences()[:200]
    async with AsyncClient(small.address) as client:
        alone = await client.translate(sentences)
        busy = occupy(client, 24)
        await until_waiting(small, 20)
        others = asyncio.create_task(client.translate(sentences))
        seconds: list[float] = []
        while len(seconds) < HOPELESS:
            began = time.monotonic()
            with pytest.raises(DeadlineExceededError) as caught:
                await client.translate("Good morning!", timeout=0.5)
            took = time.monotonic() - began
            if took >= 0.5 and caught.value.reason != "WOULD_EXPIRE":
                continue  # the machine stood still, and nobody has heard what the server said
            seconds.append(took)
            assert caught.value.reason == "WOULD_EXPIRE"
            assert caught.value.retry_after is not None
        assert not busy.done(), "the server was no longer busy"
        assert sorted(seconds)[HOPELESS // 2] < 0.1
        assert await others == alone
        await busy
    assert small.metric("refusals_total", cause="WOULD_EXPIRE") >= HOPELESS
    assert small.metric("requests_expired_total") == 0


async def test_a_small_call_does_not_wait_for_a_large_one(small: Served) -> None:
    async with AsyncClient(small.address) as client:
        large = asyncio.create_task(
            client.translate(
                ["Good morning!"] * 40, min_decoding_length=LONG, max_decoding_length=LONG
            )
        )
        await until_waiting(small, 30)
        await client.translate("Good evening!")
        assert await asyncio.to_thread(small.metric, "requests_waiting") > 10
        assert not large.done()
        await large


async def test_a_deadline_that_no_server_could_keep_is_one_that_is_exceeded(small: Served) -> None:
    async with AsyncClient(small.address) as client:
        await client.translate("Good morning!")
        for seconds in (0.001, 0.002, 0.003):
            with pytest.raises(DeadlineExceededError):
                await client.translate("Good morning! " * 20, timeout=seconds)
