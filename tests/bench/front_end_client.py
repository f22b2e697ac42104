"""Calls a server in a closed loop: what stands still here is the server's own doing.

    python -m tests.bench.front_end_client --target HOST:PORT --texts 1 --seconds 5

Prints a line once it is warm, waits for one on its standard input, and then prints the requests
that were answered within the time.
"""

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING

import uvloop
from grpc import aio

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub

CONNECTIONS = 8
"""The system hands each to one of the server's processes."""
CALLS = 32
"""At once."""
WARM_UP_SECONDS = 1.0
SENTENCE = "Where is the nearest train station, please?"


async def _drive(stubs: "list[TranslationServiceAsyncStub]", texts: int, seconds: float) -> int:
    request = TranslateTextRequest(contents=[SENTENCE] * texts)
    ends, answered = time.monotonic() + seconds, 0

    async def call_again_and_again(stub: "TranslationServiceAsyncStub") -> None:
        nonlocal answered
        while time.monotonic() < ends:
            await stub.TranslateText(request)
            answered += 1

    loops = (call_again_and_again(stubs[index % len(stubs)]) for index in range(CALLS))
    await asyncio.gather(*loops)
    return answered


async def _run(target: str, texts: int, seconds: float) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [aio.insecure_channel(target, options=options) for _ in range(CONNECTIONS)]
    stubs = [TranslationServiceStub(channel) for channel in channels]
    await _drive(stubs, texts, WARM_UP_SECONDS)
    print("warm", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(await _drive(stubs, texts, seconds), flush=True)
    for channel in channels:
        await channel.close()


def main() -> None:
    """Drives one server once."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--target", required=True, help="HOST:PORT of the server")
    add("--texts", type=int, default=1, help="of each request")
    add("--seconds", type=float, default=5.0, help="to measure for")
    arguments = parser.parse_args()
    uvloop.run(_run(arguments.target, arguments.texts, arguments.seconds))


if __name__ == "__main__":
    main()
