"""Has sentences translated by a bundle as a server would, in this process.

Knows how a model's engines are put together and asked. Does not know what becomes of the samples.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    Limits,
    TranslateTextRequest,
)
from dragoman_server.assemble import Loader
from dragoman_server.calibration.errors import CalibrationError
from dragoman_server.calibration.pairs import Pair
from dragoman_server.calibration.samples import Sample, Scorer
from dragoman_server.confidence.completions import said_of, words_of_completion
from dragoman_server.confidence.features import sentence_log_odds
from dragoman_server.config import Config
from dragoman_server.monitoring import Metrics
from dragoman_server.pool import LoadedModel, find_bundle
from dragoman_server.pool.version import ModelEngine
from dragoman_server.sequence import Completion
from dragoman_server.service.confidence import told_of
from dragoman_server.service.orders import Order, Orders
from dragoman_server.service.sources import Sources
from dragoman_server.service.windows import in_windows


class Languages(NamedTuple):
    """Codes of the pairs' languages; empty where the model has one."""

    source: str = ""
    target: str = ""


def samples_of(config: Config, pairs: Sequence[Pair], languages: Languages) -> list[Sample]:
    """Translates the sentences of some pairs, each as one; returns what is known of each.

    Args:
        config: As a server has it, with one bundle.
        pairs: The pairs.
        languages: That they are in.

    Raises:
        BundleError, ConfigError: As `dragoman serve` reports them.
        InvalidArgumentError, NotFoundError: The model does not translate between the languages.
        CalibrationError: A sentence is too long, or has nothing to translate.
    """
    loaded = Loader(config, Metrics())(find_bundle(config.bundle[0]), number=1)
    return asyncio.run(_running(loaded, pairs, languages))


async def _running(
    loaded: LoadedModel, pairs: Sequence[Pair], languages: Languages
) -> list[Sample]:
    """As samples_of; its engines have ended whatever comes."""
    await loaded.engine.start()
    try:
        return await _samples(loaded, pairs, languages)
    finally:
        await loaded.engine.close()


async def _samples(
    loaded: LoadedModel, pairs: Sequence[Pair], languages: Languages
) -> list[Sample]:
    manifest, limits = loaded.setup.manifest, loaded.setup.model.limits
    tokenizer = loaded.setup.make_tokenizer()
    order = Orders(manifest, limits, tokenizer).read(
        TranslateTextRequest(
            source_language_code=languages.source,
            target_language_code=languages.target,
            options=DecodingOptions(return_scores=False, return_token_scores=True),
        )
    )
    sources = Sources(limits, tokenizer, manifest.special_tokens.end_id)
    source_ids = [
        _source(sources, order, pair, number, limits) for number, pair in enumerate(pairs, 1)
    ]
    completions = await _completions(loaded.engine, source_ids, order, limits)
    scorer = Scorer()
    told = told_of(order, has_end=not manifest.tokenizer.bare_sources)
    samples = []
    for pair, source, completion in zip(pairs, source_ids, completions, strict=True):
        said = said_of(source, completion, told)
        log_odds = sentence_log_odds(said)
        text, words = words_of_completion(tokenizer, completion, told, log_odds)
        samples.append(scorer.sample(said, text, words, pair.target))
    return samples


def _source(sources: Sources, order: Order, pair: Pair, number: int, limits: Limits) -> list[int]:
    """Returns the source tokens of a sentence, which are not cut."""
    source = sources.whole(pair.source, order, SEGMENTATION_NONE)
    if source is None:
        raise CalibrationError(
            f"the sentence of pair {number:,} has too many source tokens; allowed: at most "
            f"{limits.max_input_length}"
        )
    if not source:
        raise CalibrationError(f"the sentence of pair {number:,} has nothing to translate")
    return source


async def _completions(
    engine: ModelEngine, source_ids: list[list[int]], order: Order, limits: Limits
) -> list[Completion]:
    options = [order.options.of_text(0, source_length=len(each)) for each in source_ids]

    def submit(begin: int, end: int) -> list[asyncio.Future[Completion]]:
        return engine.submit(source_ids[begin:end], options[begin:end])

    return await in_windows(submit, len(source_ids), max(2, limits.max_contents))
