"""Translations through the engine are the same on a device's runner as on the CPU's."""

from pathlib import Path

import pytest

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.device import OrtDevice
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.runners import device_runners, load_runners
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.sequence import Completion, TranslationOptions
from tests.server.engine.stepping import translate_all

MAX_ROWS, MAX_LENGTH, MAX_SOURCE = 11, 20, 20

SOURCES = [
    [*(2 + (7 * index + 3 * place) % 60 for place in range(index % 9)), 0] for index in range(40)
]

BEAMS = (1, 1, 4, 1, 2, 3, 8)


def requests(beams: tuple[int, ...]) -> list[tuple[list[int], TranslationOptions]]:
    return [
        (source, TranslationOptions(8 + index % 12, index % 4, beams[index % len(beams)]))
        for index, source in enumerate(SOURCES)
    ]


def on_cpu(bundle: Bundle, shape: CacheShape) -> Runners:
    return load_runners(bundle, "cpu", lambda _: shape, cores=1, engines=1)


def translate(bundle: Bundle, runners: Runners, beams: tuple[int, ...]) -> list[Completion]:
    runners.prepare[0]()
    return translate_all(runners.runners[0], bundle.manifest, requests(beams), max_rows=MAX_ROWS)


@pytest.mark.parametrize("beams", [(1,), BEAMS], ids=["greedy", "beams"])
def test_a_devices_translations_are_the_cpus(
    float32_bundle: Path, stand_in_bundle: Path, beams: tuple[int, ...]
) -> None:
    ordinary, stand_in = Bundle.load(float32_bundle), Bundle.load(stand_in_bundle)
    shape = cache_shape(
        ordinary.manifest,
        max_rows=MAX_ROWS,
        target_capacity=MAX_LENGTH + 1,
        source_capacity=MAX_SOURCE,
    )
    expected = translate(ordinary, on_cpu(ordinary, shape), beams)
    found = translate(stand_in, device_runners(stand_in, OrtDevice("cpu"), shape, 1), beams)
    assert [c[:2] for c in found] == [c[:2] for c in expected]
    scores = [completion.score for completion in expected]
    assert [completion.score for completion in found] == pytest.approx(scores, abs=1e-4)
    assert len({tuple(completion.token_ids) for completion in found}) > 10


def test_float16_graphs_say_nearly_the_same(float32_bundle: Path, float16_bundle: Path) -> None:
    """onnxruntime's CPU provider computes them in float32 and rounds; a GPU need not agree."""
    translations = []
    for path in (float32_bundle, float16_bundle):
        bundle = Bundle.load(path)
        shape = cache_shape(
            bundle.manifest,
            max_rows=MAX_ROWS,
            target_capacity=MAX_LENGTH + 1,
            source_capacity=MAX_SOURCE,
        )
        runners = (
            on_cpu(bundle, shape)
            if path == float32_bundle
            else device_runners(bundle, OrtDevice("cpu"), shape, 1)
        )
        translations.append([c.token_ids for c in translate(bundle, runners, BEAMS)])
    expected, found = translations
    same = sum(a == b for a, b in zip(expected, found, strict=True))
    assert same >= 0.8 * len(SOURCES)
