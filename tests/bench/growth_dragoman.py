"""Dragoman's decoding steps: of one engine as it serves, and of the decoder's graph alone."""

import asyncio
import time
from collections.abc import Callable

import numpy as np

from dragoman_server.assemble import build_engine
from dragoman_server.config import Config
from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.models.bundle import Bundle
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.runtime.runner import Runner
from dragoman_server.runtime.runners import load_runners
from dragoman_server.search.rows import Move
from dragoman_server.sequence import TranslationOptions
from dragoman_server.service.listing import engine_caches, model_limits
from tests.bench.growth_worker import FIRST, LAST, Decode, Job, Point, random_sources


def _config(job: Job) -> Config:
    """One engine with room for every point, which encodes all newcomers at once."""
    return Config(
        bundle=job.model,
        provider="cpu",
        engines=1,
        max_batch_size=max(point.sentences * point.beam_size for point in job.points),
        max_encode_tokens=max(point.sentences * point.source for point in job.points),
        max_input_length=max(point.source for point in job.points),
        max_decoding_length=LAST,
    )


def _engine(job: Job) -> AsyncEngine:
    bundle, config = Bundle.load(job.model), _config(job)
    limits = model_limits(bundle.manifest, config)
    return build_engine(bundle, config, limits, Metrics()).engine


def _runner(job: Job) -> Runner:
    bundle, config = Bundle.load(job.model), _config(job)
    limits = model_limits(bundle.manifest, config)
    shape = engine_caches(bundle.manifest, config, limits, engines=1)
    return load_runners(bundle, "cpu", lambda _: shape, cores=1, engines=1).runners[0]


def load_engine(job: Job) -> Decode:
    """Returns how long the engine takes; search and hand-over are counted."""
    engine, loop = _engine(job), asyncio.new_event_loop()
    loop.run_until_complete(engine.start())

    async def translate(point: Point, options: TranslationOptions) -> None:
        await asyncio.gather(*engine.submit(random_sources(point), options))

    def decode(point: Point, tokens: int) -> float:
        forced = tokens - 1  # and the one that ends it
        options = TranslationOptions(forced, forced, beam_size=point.beam_size, return_scores=False)
        started = time.perf_counter()
        loop.run_until_complete(translate(point, options))
        return time.perf_counter() - started

    return decode


def load_graph(job: Job) -> Callable[[Point], float]:
    """Returns how long the runner takes for a step."""
    runner = _runner(job)

    def measure(point: Point) -> float:
        rows, beam = point.sentences * point.beam_size, point.beam_size
        runner.encode(random_sources(point), 0)
        sentences = np.repeat(np.arange(point.sentences), beam - 1).tolist()
        rows_to_come = range(point.sentences, rows)
        runner.fork([Move(*pair, 0, 0) for pair in zip(sentences, rows_to_come, strict=True)])
        token_ids = np.arange(1, rows + 1)
        source_last = np.full(rows, point.source - 1, np.int32)
        for position in range(LAST):
            if position == FIRST:
                started = time.perf_counter()
            runner.decode(
                token_ids,
                np.full(rows, position, np.int32),
                source_last,
                candidate_count=1 if beam == 1 else 2 * beam,
                with_normalizers=beam > 1,
            )
        return (time.perf_counter() - started) / (LAST - FIRST)

    return measure
