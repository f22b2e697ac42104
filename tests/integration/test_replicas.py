"""Several servers behind one name, as behind Kubernetes' headless service."""

import asyncio
import time
from itertools import count
from pathlib import Path

import pytest
import yaml

from dragoman import AsyncClient
from tests.integration.replicas import calling, replicas, shares

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
CALLERS = 12


def settings() -> dict[str, str]:
    """Those that deploy/base gives each server."""
    kustomization = yaml.safe_load((ROOT / "deploy/base/kustomization.yaml").read_text())
    (generator,) = kustomization["configMapGenerator"]
    pairs = (literal.split("=") for literal in generator["literals"])
    return {name.removeprefix("DRAGOMAN_").lower(): value for name, value in pairs}


async def test_replicas_share_the_load_one_joins_and_one_leaves(float32_bundle: Path) -> None:
    with replicas(float32_bundle, 3, **settings()) as group:
        async with calling(group.target, CALLERS) as callers:
            await asyncio.sleep(1)
            for share in (await shares(group, 4)).values():
                assert share == pytest.approx(1 / 3, rel=0.1)

            joined = await asyncio.to_thread(group.add)
            since = time.monotonic()
            while (await shares(group, 1))[joined] < 0.9 / 4:
                assert time.monotonic() - since < 60
            print(f"\nthe fourth had its share after {time.monotonic() - since:.1f} s")

            assert await asyncio.to_thread(group.drain, "127.0.0.3") == 0
            for address, share in (await shares(group, 2)).items():
                expected = 0 if address == "127.0.0.3" else 1 / 3
                assert share == pytest.approx(expected, rel=0.1)
        assert callers.failures == []
        assert callers.calls > 500


async def test_a_long_stream_finds_a_new_replica(
    float32_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.streaming.window.CALL_SECONDS", 0.5)
    with replicas(float32_bundle, 1, max_connection_age_seconds=0.5) as group:
        async with AsyncClient(group.target, timeout=60) as client:
            texts = (f"line {number}" for number in count())
            results = client.translate_stream(texts, max_concurrency=8)
            expected = count()
            joined = ""
            async for result in results:
                assert result.index == next(expected)
                assert result.error is None
                if not joined:
                    joined = await asyncio.to_thread(group.add)
                elif result.index % 500 == 0 and (await asyncio.to_thread(group.answered))[joined]:
                    break
            await results.aclose()
