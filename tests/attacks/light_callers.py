"""The process of `LightCallers`: says `ready`, calls until told to stop, prints its report."""

import asyncio
import collections
import json
import sys
import time

from grpc import aio

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub
from tests.attacks import guarded

SENTENCES = ("the cat", "where is the house by the river", "a", "Good morning!", "1 2 3")

PAUSE_SECONDS = 0.05


class Caller:
    """One connection, one call at a time."""

    def __init__(self, address: str, text: str, seconds_each: float) -> None:
        # Else channels of one process to one address share a connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = aio.insecure_channel(address, options=options)
        self._stub = TranslationServiceStub(self._channel)
        self._request = TranslateTextRequest(contents=[text])
        self._seconds_each = seconds_each
        self.seconds: list[float] = []
        self.wrong = 0
        self.errors: collections.Counter[str] = collections.Counter()

    async def translate(self) -> str:
        answer = await self._stub.TranslateText(
            self._request,
            timeout=self._seconds_each,
            metadata=guarded.metadata(guarded.LIGHT),
        )
        return answer.translations[0].translated_text

    async def call_until(self, stop: asyncio.Event, right: str) -> None:
        is_last = False
        while not is_last:
            is_last = stop.is_set()  # so one call begins after whatever was done until then
            began = time.monotonic()
            try:
                self.wrong += await self.translate() != right
            except aio.AioRpcError as error:
                self.errors[f"{error.code().name}: {error.details()}"] += 1
            self.seconds.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE_SECONDS)
        await self._channel.close()


async def main(address: str, count: int, seconds_each: float) -> None:
    texts = [SENTENCES[index % len(SENTENCES)] for index in range(count)]
    callers = [Caller(address, text, seconds_each) for text in texts]
    right = [await caller.translate() for caller in callers]
    stop = asyncio.Event()
    calling = [
        asyncio.create_task(caller.call_until(stop, answer))
        for caller, answer in zip(callers, right, strict=True)
    ]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    stop.set()
    await asyncio.gather(*calling)
    seconds = sorted(second for caller in callers for second in caller.seconds)
    report = {
        "calls": len(seconds),
        "p99_seconds": seconds[int(0.99 * (len(seconds) - 1))],
        "wrong": sum(caller.wrong for caller in callers),
        "errors": sum((caller.errors for caller in callers), collections.Counter()),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
