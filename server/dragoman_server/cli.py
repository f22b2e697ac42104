"""`dragoman serve`: builds the parts, hands them to `Application`, turns signals into its stop.

Does not know what the parts do. Wrong settings, bundles, ports and certificates end here as one
line on stderr and exit code 2.
"""

import asyncio
import functools
import gc
import os
import signal
import sys
from collections.abc import Sequence

import uvloop

from dragoman_server.application import Application
from dragoman_server.config import Config
from dragoman_server.errors import DragomanError
from dragoman_server.models import Bundle
from dragoman_server.monitoring import Metrics, configure_logging
from dragoman_server.processes import Setup, build_front_end
from dragoman_server.service import describe_model, model_limits
from dragoman_server.settings import load_config

START_FAILED = 2


def main(argv: Sequence[str]) -> int:
    """Serves until SIGTERM or SIGINT.

    Returns:
        0 after every accepted request was answered; 1 where time ran out first or the engine
        died; 2 where the server could not start.
    """
    try:
        config = load_config(argv, os.environ)
        configure_logging(config.log_level, config.log_format, sys.stderr)
        return uvloop.run(_serve(config))
    except DragomanError as error:
        print(f"dragoman serve: {error}", file=sys.stderr)
        return START_FAILED


async def _serve(config: Config) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Before anything is loaded: a signal that comes while loading ends the server right after it.
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    application = _build(config)
    # What is loaded stays. Python's collector would go through all of it again and again, while
    # every engine waits for the interpreter.
    gc.freeze()
    return await application.run(stop)


def _build(config: Config) -> Application:
    bundle = Bundle.load(config.bundle)
    limits = model_limits(bundle.manifest, config)
    # Not before the bundle is known to be good: onnxruntime takes a second to import.
    from dragoman_server.assemble import build_engine  # noqa: PLC0415
    from dragoman_server.models import Tokenizer  # noqa: PLC0415

    metrics = Metrics()
    engine, provider = build_engine(bundle, config, limits, metrics)
    metrics.kv_cache_bytes.set(engine.kv_cache_bytes)
    model = describe_model(bundle.manifest, limits, provider)
    setup = Setup(config, bundle.manifest, model, functools.partial(Tokenizer, bundle))
    return Application(
        config,
        model=model,
        engine=engine,
        front_end=build_front_end(setup, engine, metrics.record),
        metrics=metrics,
        changed_files=bundle.changed_files,
    )
