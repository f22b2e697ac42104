"""A Dragoman server whose engine answers at once: what is left is the front end.

    python -m tests.bench.front_end_server --bundle DIR --workers N

Everything but the model is real: gRPC, tokenizer, validation, the queue, the hand-over from the
event loop to an engine's thread and back, metrics. Each text is answered with its own tokens.
Prints `listening on PORT` once it is ready; SIGTERM ends it. With `--interface http` it is HTTP's
port, and with `--interface riva` Riva's clients are answered too.
"""

import argparse
import asyncio
import functools
import gc
import math
import signal
from collections.abc import Callable
from pathlib import Path

import uvloop

from dragoman_server.application import Application
from dragoman_server.config import Config
from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.engine.engine import Progress
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.engine_threads import EngineThreads
from dragoman_server.engine.forecast import step_costs
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.interfaces import INTERFACES
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.pool.folder import find_bundle
from dragoman_server.pool.pool import ModelPool
from dragoman_server.pool.version import LoadedModel
from dragoman_server.processes.messages import ModelSetup, Setup
from dragoman_server.processes.workers import build_front_end
from dragoman_server.runtime.layout import Layout
from dragoman_server.sequence import Completion, FinishReason, Sequence
from dragoman_server.service.listing import describe_model, model_limits

ROWS = 1024
TOKENS = 1 << 20


class EchoEngine:
    """In place of an Engine: says what it hears."""

    running = rows = 0
    step_began_at = math.inf

    def __init__(
        self, queue: WaitingQueue, metrics: EngineMetrics, deliver: Callable[[Progress], None]
    ) -> None:
        self._queue = queue
        self._metrics = metrics
        self._deliver = deliver
        self.step_costs = step_costs()

    def step(self) -> bool:
        """Answers all that wait; False where nothing does."""
        taken, _ = self._queue.take(0, running_rows=0, free_rows=ROWS, max_tokens=TOKENS)
        if not taken:
            return False
        for sequence in taken:
            sequence.started_at = sequence.encoded_at = sequence.arrived_at
            sequence.first_token_at = sequence.ended_at = sequence.arrived_at
        self._metrics.finished([(each, len(each.source_ids)) for each in taken])
        self._queue.freed(0, taken)
        self._deliver(Progress([(sequence, _echo(sequence)) for sequence in taken], []))
        return True

    def cancel(self, sequence: Sequence) -> None:
        """There is nothing to stop."""

    def abandon(self, error: BaseException) -> None:
        """There is nothing to lose."""


def _echo(sequence: Sequence) -> Completion:
    return Completion(sequence.source_ids[:-1], FinishReason.STOP, -0.5)


async def _serve(bundle: Bundle, workers: int, interface: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = Config(
        bundle=(bundle.path,),
        port=0,
        prometheus_port=0,
        workers=workers,
        http_port=0 if interface == "http" else None,
        interfaces=(interface,) if interface in INTERFACES else (),
    )
    metrics = Metrics()
    queue = WaitingQueue(max_queue_size=config.max_queue_size, engines=1)
    engine_metrics = EngineMetrics(metrics, bundle.manifest.name)
    engine = AsyncEngine(
        queue,
        lambda reports: EngineThreads(
            [EchoEngine(queue, engine_metrics, reports.deliver)],
            wait=queue.wait,
            all_died=reports.all_died,
        ),
        max_rows=ROWS,
    )
    model = describe_model(bundle.manifest, model_limits(bundle.manifest, config), "cpu")
    setup = ModelSetup(1, bundle.manifest, model, functools.partial(load_tokenizer, bundle))
    pool = ModelPool(lambda *_, **__: LoadedModel(setup, engine, Layout(1, 1), 0, bundle))
    pool.begin([find_bundle(bundle.path)], all_must_load=True)
    front_end = build_front_end(Setup(config, *pool.setup()), pool.engine_of, metrics.record)
    application = Application(config, models=pool, front_end=front_end, metrics=metrics)
    gc.freeze()
    await application.start()
    print(f"listening on {front_end.http_port or application.port}", flush=True)
    await stop.wait()
    await application.drain()
    await application.close()


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path, required=True, help="its tokenizer and limits")
    parser.add_argument("--workers", type=int, default=0, help="front-end processes")
    parser.add_argument("--interface", choices=("native", "http", *INTERFACES), default="native")
    arguments = parser.parse_args()
    uvloop.run(_serve(Bundle.load(arguments.bundle), arguments.workers, arguments.interface))


if __name__ == "__main__":
    main()
