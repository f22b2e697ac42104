"""The peer of the served benchmarks: CTranslate2 behind the same proto, batched by request.

    python -m tests.bench.peer_server --model DIR --bundle DIR --port 0 --max-batch-size 32 \\
        --max-delay-ms 5 --workers 2 --threads 1 --precision int8

The best way that users of CTranslate2 have today: a dynamic batcher as Triton's before
`Translator.translate_batch`. Tokenizer, limits and grpc stack are Dragoman's own. Prints
`listening on PORT` once it is ready; SIGTERM ends it when its calls have ended.
"""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import uvloop
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Model
from dragoman.v1.translation_pb2_grpc import add_TranslationServiceServicer_to_server
from dragoman_server.config import Config
from dragoman_server.engine.engine_threads import SWITCH_INTERVAL_SECONDS
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from dragoman_server.service.listing import describe_model, model_limits
from dragoman_server.service.service import SERVICE_NAME
from tests.bench.peer_batcher import Batcher
from tests.bench.peer_service import PeerService, TextBatcher
from tests.bench.systems import CORES, Precision

DRAIN_SECONDS = 30.0

OPTIONS = [
    ("grpc.so_reuseport", 0),
    # As Dragoman's: the client pings connections on which calls wait for long.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


def describe_peer(manifest: Manifest, config: Config, precision: Precision) -> Model:
    """Returns what clients are told; the limits are those of a Dragoman at its defaults."""
    model = describe_model(manifest, model_limits(manifest, config), "cpu")
    model.name = f"ctranslate2-{model.name}"
    model.precision = precision
    return model


async def serve(
    service: PeerService,
    batcher: TextBatcher,
    port: int,
    stop: asyncio.Event,
    announce: Callable[[int], None],
) -> None:
    """Serves until `stop` is set and the calls that came before have ended.

    `announce` is told the port once everything is ready.
    """
    server = aio.server(options=OPTIONS)
    add_TranslationServiceServicer_to_server(service, server)
    states = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    batcher.start()
    await server.start()
    await states.set(SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING)
    announce(port)
    await stop.wait()
    await states.enter_graceful_shutdown()
    await server.stop(DRAIN_SECONDS)
    await batcher.close()


async def _run(arguments: argparse.Namespace) -> None:
    # Not above: the tests do without ctranslate2.
    from tests.bench.peer_model import PeerModel  # noqa: PLC0415

    stop = _told_to_stop()
    bundle = Bundle.load(arguments.bundle)
    config = Config(bundle=bundle.path, max_queue_size=arguments.max_queue_size)
    model = PeerModel(
        arguments.model,
        workers=arguments.workers,
        threads=arguments.threads,
        precision=arguments.precision,
    )
    batcher: TextBatcher = Batcher(
        model.translate,
        workers=arguments.workers,
        max_batch_size=arguments.max_batch_size,
        max_delay_seconds=arguments.max_delay_ms / 1000,
    )
    service = PeerService(
        bundle.manifest,
        describe_peer(bundle.manifest, config, arguments.precision),
        load_tokenizer(bundle),
        batcher,
        max_queue_size=arguments.max_queue_size,
    )
    # As Dragoman does, for the same reasons.
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    gc.freeze()
    await serve(service, batcher, arguments.port, stop, _announce)
    model.close()


def _told_to_stop() -> asyncio.Event:
    """Returns what SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _announce(port: int) -> None:
    print(f"listening on {port}", flush=True)


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--model", type=Path, required=True, help="converted by ctranslate2_model.py")
    add("--bundle", type=Path, required=True, help="of the same checkpoint, for its tokenizer")
    add("--port", type=int, default=0, help="0: the system's choice")
    add("--max-batch-size", type=int, default=32, help="texts")
    add("--max-delay-ms", type=float, default=0.0, help="that a free worker waits for more")
    add("--workers", type=int, default=CORES, help="batches at once")
    add("--threads", type=int, default=1, help="of each")
    add("--precision", choices=get_args(Precision), default="int8")
    add("--max-queue-size", type=int, default=4096, help="texts that may wait")
    logging.basicConfig()
    uvloop.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
