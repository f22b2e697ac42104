"""One engine as the server has it, on a thread of its own, with attention weights beside it."""

import asyncio

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.engine.attention_threads import Attend
from dragoman_server.engine.engine import Engine
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.engine_threads import EngineThreads
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.runtime.prepared import Runners
from dragoman_server.search.search import Search
from dragoman_server.sequence import Completion, TranslationOptions
from tests.gpu.carried import MAX_LENGTH

ROWS = 16


def async_engine(manifest: Manifest, runners: Runners, attend: Attend | None = None) -> AsyncEngine:
    """Prepares its runner when it is started."""
    special = manifest.special_tokens
    queue = WaitingQueue(max_queue_size=100, engines=1)
    return AsyncEngine(
        queue,
        lambda reports: EngineThreads(
            [
                Engine(
                    scheduler=Scheduler(
                        queue, engine=0, max_batch_size=ROWS, max_encode_tokens=256
                    ),
                    search=Search(
                        max_rows=ROWS,
                        max_length=MAX_LENGTH,
                        decoder_start_id=special.decoder_start_id,
                        end_id=special.end_id,
                    ),
                    runner=runners.runners[0],
                    metrics=EngineMetrics(Metrics(), "tiny"),
                    deliver=reports.deliver,
                )
            ],
            runners.prepare,
            wait=queue.wait,
            all_died=reports.all_died,
        ),
        max_rows=ROWS,
        attend=attend,
    )


def translated(
    engine: AsyncEngine, requests: list[tuple[list[int], TranslationOptions]]
) -> list[Completion]:
    """Starts an engine, translates everything, and closes it."""

    async def translate() -> list[Completion]:
        await engine.start()
        futures = [future for ids, options in requests for future in engine.submit([ids], options)]
        completions = await asyncio.gather(*futures)
        await engine.close()
        return completions

    return asyncio.run(translate())
