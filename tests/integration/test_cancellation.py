"""Requests that are cancelled or run out of time hurt nobody and leave nothing behind."""

import asyncio
import contextlib
import random
import time

import pytest

from dragoman import AsyncClient, DeadlineExceededError, QueueFullError, Translation
from tests.integration.conftest import everyday_sentences
from tests.integration.served import Served

pytestmark = pytest.mark.alone

REQUESTS, DOOMED, CALLERS = 2000, 500, 64


async def test_500_of_2000_requests_end_early_and_every_other_is_right(server: Served) -> None:
    chance = random.Random(0)
    sentences = everyday_sentences()
    async with AsyncClient(server.address) as client:
        alone = dict(zip(sentences, await client.translate(sentences), strict=True))
        texts = [chance.choice(sentences) for _ in range(REQUESTS)]
        doomed = dict.fromkeys(chance.sample(range(REQUESTS), DOOMED))
        todo = list(range(REQUESTS))
        answers: dict[int, Translation] = {}

        async def call() -> None:
            while todo:
                index = todo.pop()
                if index not in doomed:
                    answers[index] = await client.translate(texts[index])
                elif index % 2:
                    await cancel(client, texts[index], chance.uniform(0, 0.1))
                else:
                    await expire(client, texts[index], chance.uniform(0.001, 0.1))

        await asyncio.gather(*(call() for _ in range(CALLERS)))
        ended = time.monotonic()
    while server.metric("requests_running") or server.metric("requests_waiting"):
        assert time.monotonic() - ended < 60, "rows are still held"
    assert server.metric("kv_cache_usage_ratio") == 0
    failures = sum(
        server.metric("request_failures_total", reason=reason)
        for reason in ("CANCELLED", "DEADLINE")
    )
    assert failures > DOOMED / 4, "hardly any request was still running when it was to end"
    assert len(answers) == REQUESTS - DOOMED
    assert [texts[i] for i, answer in answers.items() if answer != alone[texts[i]]] == []


async def cancel(client: AsyncClient, text: str, seconds: float) -> None:
    task = asyncio.create_task(client.translate(text))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def expire(client: AsyncClient, text: str, seconds: float) -> None:
    # Refused at once where the server sees that it would not be in time.
    with contextlib.suppress(DeadlineExceededError, QueueFullError):
        await client.translate(text, timeout=seconds)
