"""Decoding options against those of transformers' `generate`, token for token, in float32."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
import torch
from transformers import MarianMTModel

from dragoman_server.assemble import build_engine
from dragoman_server.config import Config
from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.sequence import Completion, EarlyStopping, TranslationOptions
from dragoman_server.service.listing import model_limits
from tests.integration.conftest import CHECKPOINT, Bundles, corpus
from tests.unwatched import unwatched

MAX_LENGTH = 60
"""Of `generate`, which counts the start token and the end token."""

PLAIN = TranslationOptions(MAX_LENGTH - 2)
BEAM = replace(PLAIN, beam_size=4, num_hypotheses=4)

PREFIX, SUPPRESSED = "Ich habe", ["Das", "ist", "nicht", "Sie haben", "Ich bin", "die Frau"]


@pytest.fixture(scope="module")
def loaded(bundles: Bundles) -> Bundle:
    return Bundle.load(bundles["float32"])


@pytest.fixture(scope="module")
def sources(loaded: Bundle) -> list[list[int]]:
    """Short and long sentences, as tokens."""
    tokenizer = load_tokenizer(loaded)
    texts = corpus("tatoeba_test").sources[:34] + corpus("flores_dev").sources[:6]
    return [tokenizer.encode(text) for text in texts]


@pytest.fixture(scope="module")
def model() -> Any:
    return MarianMTModel.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()


@pytest_asyncio.fixture
async def engine(loaded: Bundle) -> AsyncIterator[AsyncEngine]:
    config = Config(bundle=loaded.path, engines=1, max_batch_size=32)
    limits = model_limits(loaded.manifest, config)
    engine = build_engine(loaded, config, limits, Metrics()).engine
    await engine.start()
    yield engine
    await engine.close()


def generate(model: Any, sources: list[list[int]], **settings: Any) -> list[list[list[int]]]:
    """Hypotheses of each source by transformers, without start token and what follows the end."""
    pad, end = model.config.pad_token_id, model.config.eos_token_id
    count = settings.get("num_return_sequences", 1)
    found: dict[int, list[list[int]]] = {}
    order = sorted(range(len(sources)), key=lambda index: len(sources[index]))
    for indices in (order[:20], order[20:]):
        longest = max(len(sources[index]) for index in indices)
        ids = torch.tensor([sources[i] + [pad] * (longest - len(sources[i])) for i in indices])
        defaults = {"num_beams": 1, "do_sample": False, "max_length": MAX_LENGTH}
        if "decoder_input_ids" in settings:
            settings["decoder_input_ids"] = settings["decoder_input_ids"][:1].repeat(len(ids), 1)
        with unwatched(), torch.inference_mode():
            rows = model.generate(ids, attention_mask=(ids != pad).long(), **defaults | settings)
        said = [row[1 : row.index(end)] for row in rows.tolist()]
        for place, index in enumerate(indices):
            found[index] = said[place * count : (place + 1) * count]
    return [found[index] for index in range(len(sources))]


def said(completion: Completion) -> list[list[int]]:
    return [each.token_ids for each in completion.hypotheses] or [completion.token_ids]


SAME: dict[str, tuple[TranslationOptions, dict[str, Any]]] = {
    "n-best": (BEAM, {}),
    "cut": (replace(BEAM, max_decoding_length=7), {"max_length": 9}),
    "early stopping": (replace(BEAM, early_stopping=EarlyStopping.TRUE), {"early_stopping": True}),
    "never stopping early": (
        replace(BEAM, early_stopping=EarlyStopping.NEVER, length_penalty=1.5),
        {"early_stopping": "never", "length_penalty": 1.5},
    ),
    "repetition penalty": (replace(PLAIN, repetition_penalty=1.3), {"repetition_penalty": 1.3}),
    "repetition penalty, beams": (
        replace(BEAM, repetition_penalty=1.3),
        {"repetition_penalty": 1.3},
    ),
    "n-grams": (replace(PLAIN, no_repeat_ngram_size=2), {"no_repeat_ngram_size": 2}),
    "n-grams, beams": (replace(BEAM, no_repeat_ngram_size=1), {"no_repeat_ngram_size": 1}),
}


async def check(
    engine: AsyncEngine,
    model: Any,
    sources: list[list[int]],
    options: TranslationOptions,
    settings: dict[str, Any],
) -> list[Completion]:
    beams = options.beam_size
    settings = {"num_beams": beams, "num_return_sequences": options.num_hypotheses} | settings
    expected = generate(model, sources, **settings)
    completions = [await future for future in engine.submit(sources, options)]
    found = [said(completion) for completion in completions]
    assert [i for i in range(len(sources)) if found[i] != expected[i]] == []
    return completions


@pytest.mark.parametrize("name", SAME)
async def test_it_is_what_transformers_generates(
    engine: AsyncEngine, model: Any, sources: list[list[int]], name: str
) -> None:
    await check(engine, model, sources, *SAME[name])


@pytest.mark.parametrize("options", [PLAIN, BEAM], ids=["greedy", "beams"])
async def test_suppressed_sequences_are_its_bad_words(
    engine: AsyncEngine,
    model: Any,
    loaded: Bundle,
    sources: list[list[int]],
    options: TranslationOptions,
) -> None:
    tokenizer = load_tokenizer(loaded)
    bad_words = [tokenizer.encode_target(text) for text in SUPPRESSED]
    assert {len(tokens) for tokens in bad_words} >= {1, 2}
    options = replace(options, suppress_sequences=tuple(map(tuple, bad_words)))
    # its own setting, which ours take the place of, keeps the padding token from being said
    settings = {"bad_words_ids": [*bad_words, [model.config.pad_token_id]]}
    changed = await check(engine, model, sources, options, settings)
    usual = replace(options, suppress_sequences=())
    plain = [await future for future in engine.submit(sources, usual)]
    assert sum(one[0] != other[0] for one, other in zip(plain, changed, strict=True)) > 3


@pytest.mark.parametrize("options", [PLAIN, BEAM], ids=["greedy", "beams"])
async def test_a_prefix_is_its_decoder_input(
    engine: AsyncEngine,
    model: Any,
    loaded: Bundle,
    sources: list[list[int]],
    options: TranslationOptions,
) -> None:
    prefix = load_tokenizer(loaded).encode_target(PREFIX)
    start = model.config.decoder_start_token_id
    options = replace(options, target_prefix=tuple(prefix), no_repeat_ngram_size=2)
    settings = {
        "decoder_input_ids": torch.tensor([[start, *prefix]]),
        "no_repeat_ngram_size": 2,
    }
    completions = await check(engine, model, sources, options, settings)
    assert all(each.token_ids[: len(prefix)] == prefix for each in completions)


MIXED = (
    PLAIN,
    replace(PLAIN, sampling_topk=20, sampling_topp=0.9, seed=5, return_token_scores=True),
    replace(BEAM, return_token_scores=True),
    replace(PLAIN, repetition_penalty=2.0, no_repeat_ngram_size=3),
    replace(BEAM, beam_size=5, repetition_penalty=1.5, target_prefix=(9, 8)),
    replace(PLAIN, sampling_topk=1000, sampling_temperature=1.5, seed=6),
)


async def test_options_of_neighbours_change_nothing(
    engine: AsyncEngine, sources: list[list[int]]
) -> None:
    options = [MIXED[index % len(MIXED)] for index in range(len(sources))]
    together = [await future for future in engine.submit(sources, options)]
    for source, its_options, completion in zip(sources, options, together, strict=True):
        (future,) = engine.submit([source], its_options)
        assert await future == completion  # scores too, to the last bit
