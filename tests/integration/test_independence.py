"""A sentence's translation does not depend on its neighbours, its arrival or the load."""

import asyncio
import random
from pathlib import Path

import pytest

from dragoman import AsyncClient, Client, Translation
from tests.integration.conftest import everyday_sentences, part
from tests.integration.served import Served

CALLERS = 64
BEAM_SIZES = (1, 1, 3, 1, 4, 2)
"""Of each sentence, in turn: beams of all sizes share the batch."""


def sentences() -> list[str]:
    return part(everyday_sentences(), 2)


def beam_size(index: int) -> int:
    return BEAM_SIZES[index % len(BEAM_SIZES)]


@pytest.fixture(scope="module")
def alone(bundle: Path) -> list[Translation]:
    """Each sentence translated with nothing else in the server."""
    with Served(bundle, engines=1) as served, Client(served.address) as client:
        return [
            client.translate(sentence, beam_size=beam_size(index))
            for index, sentence in enumerate(sentences())
        ]


async def translate_crowded(address: str, seed: int) -> list[Translation]:
    """Translates in random order by many callers at once, some with several texts in a call."""
    chance, said = random.Random(seed), sentences()
    order = chance.sample(range(len(said)), len(said))
    waiting = {size: [i for i in order if beam_size(i) == size] for size in set(BEAM_SIZES)}
    translations: dict[int, Translation] = {}

    async def call(client: AsyncClient) -> None:
        while any(waiting.values()):
            size = chance.choice([size for size, indices in waiting.items() if indices])
            count = min(len(waiting[size]), chance.choice([1, 1, 2, 9]))
            indices = [waiting[size].pop() for _ in range(count)]
            texts = [said[i] for i in indices]
            answers = await client.translate(texts, beam_size=size)
            translations.update(zip(indices, answers, strict=True))

    async with AsyncClient(address) as client:
        await asyncio.gather(*(call(client) for _ in range(CALLERS)))
    return [translations[index] for index in range(len(said))]


@pytest.mark.parametrize("max_batch_size", [7, 64])
async def test_a_crowd_changes_nothing(
    bundle: Path, alone: list[Translation], max_batch_size: int
) -> None:
    with Served(bundle, max_batch_size=max_batch_size) as served:
        crowded = await translate_crowded(served.address, max_batch_size)
        rows_per_step = served.metric("batch_rows_sum") / served.metric("batch_rows_count")
    assert rows_per_step > 3, "there was no crowd"
    # Scores too, to the last bit: it is the same arithmetic whatever the batch.
    assert crowded == alone
