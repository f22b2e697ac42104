"""Engines whose sentences choose among lists: whatever is asked, and whoever else is there."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dragoman_server.assemble import Loader, build_engine
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.models import Bundle
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.pool import find_bundle
from dragoman_server.runtime.shortlist import load_shortlist
from dragoman_server.sequence import Completion, RequiredSequence, TranslationOptions
from dragoman_server.service.listing import model_limits

SOURCES = [[number, number + 7, 3 * number % 200, 0] for number in range(5, 40)]
REQUIRED = (201, 30)
LENGTH = 12

OPTIONS = (
    TranslationOptions(LENGTH),
    TranslationOptions(LENGTH, beam_size=4, num_hypotheses=2, return_token_scores=True),
    TranslationOptions(LENGTH, min_decoding_length=9, return_token_scores=True),
    TranslationOptions(
        LENGTH,
        beam_size=3,
        required_sequences=(RequiredSequence((REQUIRED,)),),
        return_token_scores=True,
    ),
    TranslationOptions(LENGTH, sampling_topk=1000, seed=5, return_token_scores=True),
    TranslationOptions(
        LENGTH,
        repetition_penalty=1.5,
        no_repeat_ngram_size=1,
        suppress_sequences=((17,), (19,)),
        return_token_scores=True,
    ),
    TranslationOptions(LENGTH, beam_size=16, target_prefix=(202, 203), return_token_scores=True),
)


async def translate(
    bundle: Path, groups: Sequence[Sequence[int]], **settings: Any
) -> dict[int, Completion]:
    """The sentences of each group together, one group after the other."""
    config = Config(bundle=bundle, max_batch_size=48, log_format="text", shortlist=True, **settings)
    loaded = Bundle.load(bundle)
    engine = build_engine(loaded, config, model_limits(loaded.manifest, config), Metrics()).engine
    await engine.start()
    found: dict[int, Completion] = {}
    try:
        for group in groups:
            futures = [
                engine.submit([SOURCES[index]], OPTIONS[index % len(OPTIONS)])[0] for index in group
            ]
            found.update(zip(group, await asyncio.gather(*futures), strict=True))
    finally:
        await engine.close()
    return found


@pytest.fixture(scope="module")
def alone(listed_bundle: Path) -> dict[int, Completion]:
    groups = [[index] for index in range(len(SOURCES))]
    return asyncio.run(translate(listed_bundle, groups, engines=1))


@pytest.mark.parametrize("settings", [{"engines": 1}, {"engines": 2, "engine_processes": 2}])
async def test_a_crowd_changes_nothing(
    listed_bundle: Path, alone: dict[int, Completion], settings: dict[str, int]
) -> None:
    """Tokens and scores, to the last bit, whatever each asks for."""
    assert await translate(listed_bundle, [range(len(SOURCES))], **settings) == alone


def test_what_is_said_is_listed_or_told(listed_bundle: Path, alone: dict[int, Completion]) -> None:
    shortlist = load_shortlist(Bundle.load(listed_bundle))
    for index, completion in alone.items():
        options = OPTIONS[index % len(OPTIONS)]
        listed = set(shortlist.list_for(SOURCES[index], options.told_ids).tolist())
        assert set(completion.token_ids) <= listed
        assert all(score <= 0 for score in completion.token_scores or ())
        for hypothesis in completion.hypotheses:
            assert set(hypothesis.token_ids) <= listed


def test_what_must_be_said_is_said_though_no_list_has_it(
    listed_bundle: Path, alone: dict[int, Completion]
) -> None:
    shortlist = load_shortlist(Bundle.load(listed_bundle))
    required = [index for index in alone if OPTIONS[index % len(OPTIONS)].required_sequences]
    assert required
    for index in required:
        assert REQUIRED[0] not in shortlist.list_for(SOURCES[index])
        tokens = alone[index].token_ids
        assert REQUIRED in itertools.pairwise(tokens)


@pytest.mark.parametrize("shortlist", [False, True])
def test_callers_are_told(listed_bundle: Path, *, shortlist: bool) -> None:
    config = Config(bundle=listed_bundle, engines=1, max_batch_size=2, shortlist=shortlist)
    loaded = Loader(config, Metrics())(find_bundle(listed_bundle), 1)
    assert loaded.setup.model.shortlist is shortlist


def test_a_bundle_without_a_shortlist_is_refused(float32_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="shortlist is set, and the bundle tiny has none"):
        asyncio.run(translate(float32_bundle, [[0]], engines=1))


def test_a_bundle_for_torch_is_refused(torchscript_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="shortlist is set, and the bundle tiny has none"):
        asyncio.run(translate(torchscript_bundle, [[0]], engines=1))
