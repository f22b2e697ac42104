"""SIGTERM under load: what was accepted is answered, what comes after is refused."""

import asyncio
from pathlib import Path

import pytest

from dragoman import AsyncClient, Translation, UnavailableError
from tests.integration.conftest import everyday_sentences
from tests.integration.served import Served


@pytest.mark.parametrize(
    "settings", [{}, {"workers": 2}, {"engines": 2, "engine_processes": 2, "workers": 1}]
)
async def test_every_accepted_request_is_answered(bundle: Path, settings: dict[str, int]) -> None:
    sentences = everyday_sentences()[:200]
    with Served(bundle, **settings) as served:
        async with AsyncClient(served.address, timeout=60, retry_seconds=0) as client:
            expected = dict(zip(sentences, await client.translate(sentences), strict=True))
            answers: list[tuple[str, Translation]] = []
            refused: list[UnavailableError] = []
            answered = asyncio.Event()

            async def call(first: int) -> None:
                for turn in range(10_000):
                    text = sentences[(first + turn) % len(sentences)]
                    try:
                        answers.append((text, await client.translate(text)))
                    except UnavailableError as error:
                        refused.append(error)
                        return
                    answered.set()

            callers = [asyncio.create_task(call(index)) for index in range(64)]
            await answered.wait()
            served.terminate()
            await asyncio.gather(*callers)
        code = await asyncio.to_thread(served.wait)
    assert code == 0
    assert len(refused) == 64
    assert [text for text, answer in answers if answer != expected[text]] == []
    drained = [line for line in served.log if '"drained"' in line]
    assert len(drained) == 1, served.log
