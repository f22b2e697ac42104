"""Two servers behind one name under load: one is killed, or stands still for a while."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import grpc
import pytest
from grpc import aio

from dragoman import AsyncClient
from dragoman.channel import channel_options
from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub
from tests.integration.replicas import Replicas, calling, replicas

pytestmark = pytest.mark.alone

CALLERS = 16
KILLED, SPARED = "127.0.0.2", "127.0.0.3"
STOPPED_SECONDS = 20.0


class Once:
    """Callers who send each request once, by gRPC alone, and again by hand where it is lost.

    Attributes:
        lost: Each time that a request was lost: whose it was, when it was sent, and the code.
        in_flight: Requests that have no answer yet.
    """

    def __init__(self, target: str) -> None:
        # What never left this side is gRPC's to send again, as a call may be given to a connection
        # in the moment in which it ends; what a server may have seen is lost.
        self._channel = aio.insecure_channel(target, options=channel_options())
        self._stub = TranslationServiceStub(self._channel)
        self._stopped = False
        self.in_flight = self.answered = 0
        self.lost: list[tuple[int, float, grpc.StatusCode]] = []
        self.wrong: list[str] = []

    async def run(self, number: int, right: dict[int, str]) -> None:
        """One caller's life."""
        while not self._stopped:
            translated = None
            while translated is None:
                began = time.monotonic()
                try:
                    translated = await self._translated(number)
                except aio.AioRpcError as error:
                    self.lost.append((number, began, error.code()))
            self.answered += 1
            if right.setdefault(number, translated) != translated:
                self.wrong.append(translated)

    async def _translated(self, number: int) -> str:
        request = TranslateTextRequest(contents=[f"line {number}"])
        self.in_flight += 1
        try:
            answer = await self._stub.TranslateText(request, timeout=60, wait_for_ready=True)
        finally:
            self.in_flight -= 1
        return answer.translations[0].translated_text

    @asynccontextmanager
    async def at_it(self, count: int) -> AsyncIterator[None]:
        right: dict[int, str] = {}
        tasks = [asyncio.create_task(self.run(number, right)) for number in range(count)]
        try:
            yield
        finally:
            self._stopped = True
            await asyncio.gather(*tasks)
            await self._channel.close()


async def more(count: Callable[[], int], by: int) -> None:
    """Waits until there are so many more than now."""
    before = count()
    while count() < before + by:  # noqa: ASYNC110  whatever is counted
        await asyncio.sleep(0.05)


async def both_answer(group: Replicas) -> None:
    before = await asyncio.to_thread(group.answered)
    async with asyncio.timeout(60):
        while True:
            now = await asyncio.to_thread(group.answered)
            if all(now[each] > before[each] + 50 for each in (KILLED, SPARED)):
                return


async def test_a_killed_server_loses_what_was_in_flight_there_and_no_more(
    float32_bundle: Path,
) -> None:
    with replicas(float32_bundle, 2) as group:
        callers = Once(group.target)
        async with callers.at_it(CALLERS):
            await both_answer(group)
            await asyncio.to_thread(group.kill, KILLED)
            dead_at, in_flight = time.monotonic(), callers.in_flight
            async with asyncio.timeout(60):
                await more(lambda: callers.answered, 500)
        # Whoever lost a request had sent it while the server lived, and lost none when it was sent
        # again.
        assert len({number for number, _, _ in callers.lost}) == len(callers.lost) <= CALLERS
        assert all(sent < dead_at for _, sent, _ in callers.lost)
        assert {code for _, _, code in callers.lost} <= {grpc.StatusCode.UNAVAILABLE}
        assert callers.wrong == []
        print(
            f"\n{len(callers.lost)} of {in_flight} requests in flight were lost, and answered next"
        )


async def test_clients_notice_nothing_of_a_killed_server(float32_bundle: Path) -> None:
    with replicas(float32_bundle, 2) as group:
        async with calling(group.target, CALLERS) as callers:
            await both_answer(group)
            await asyncio.to_thread(group.kill, KILLED)
            async with asyncio.timeout(60):
                await more(lambda: callers.calls, 500)
        assert callers.failures == []


async def test_a_stream_goes_on_beyond_a_killed_server(float32_bundle: Path) -> None:
    with replicas(float32_bundle, 2) as group:
        async with AsyncClient(group.target, timeout=60) as client:
            texts = [f"line {number}" for number in range(4000)]
            results = client.translate_stream(texts, max_concurrency=50)
            seen = []
            async for result in results:
                assert result.error is None
                seen.append(result.index)
                if len(seen) == 100:
                    answered = await asyncio.to_thread(group.answered)
                    busy = max(answered, key=lambda each: answered[each])
                    await asyncio.to_thread(group.kill, busy)
            assert seen == list(range(len(texts)))


@pytest.mark.fault
@pytest.mark.timeout(180)
async def test_a_server_that_stands_still_for_20_s_loses_nothing_and_is_well_again(
    float32_bundle: Path,
) -> None:
    with replicas(float32_bundle, 2) as group:
        async with calling(group.target, CALLERS) as callers:
            await both_answer(group)
            stopped = group.servers[KILLED]
            stopped.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED_SECONDS)
            stopped.process.send_signal(signal.SIGCONT)
            await both_answer(group)
        assert callers.failures == []
        assert await is_quick(f"{KILLED}:{group.port}")
        names = ("requests_running", "requests_waiting", "kv_cache_usage_ratio")
        assert not any(stopped.metric(name) for name in names)
        assert not any('"level": "error"' in line for line in stopped.log)


@pytest.mark.fault
@pytest.mark.timeout(180)
async def test_calls_to_a_server_that_stands_still_are_answered_when_it_goes_on(
    float32_bundle: Path,
) -> None:
    with replicas(float32_bundle, 1) as group:
        (server,) = group.servers.values()
        async with AsyncClient(f"{KILLED}:{group.port}", timeout=60) as client:
            texts = [f"line {number}" for number in range(200)]
            right = [await client.translate(text) for text in islice(texts, 20)]
            calls = [asyncio.create_task(client.translate(text)) for text in texts]
            await asyncio.sleep(0.01)
            server.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED_SECONDS)
            server.process.send_signal(signal.SIGCONT)
            assert (await asyncio.gather(*calls))[:20] == right
        assert await is_quick(f"{KILLED}:{group.port}")


async def is_quick(address: str) -> bool:
    """Whether a server takes calls that have a second, and answers them."""
    async with AsyncClient(address, timeout=1, retry_seconds=0) as client:
        return all([(await client.translate("the cat")).translated_text for _ in range(20)])
