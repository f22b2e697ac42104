"""The shipped checkpoint on a device's runner, on the CPU: some everyday sentences."""

from pathlib import Path

import pytest

from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from dragoman_server.runtime.device import OrtDevice
from dragoman_server.runtime.runners import device_runners, load_runners
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.sequence import TranslationOptions
from tests.export.stand_in import write_stand_in
from tests.integration.conftest import CHECKPOINT, Bundles, everyday_sentences
from tests.server.engine.stepping import translate_all

MAX_ROWS, MAX_LENGTH, MAX_SOURCE = 12, 60, 60
BEAMS = (1, 4, 1, 2)


def test_a_devices_translations_are_the_cpus(bundles: Bundles, tmp_path: Path) -> None:
    write_stand_in(CHECKPOINT, tmp_path / "stand-in")
    ordinary, stand_in = Bundle.load(bundles["float32"]), Bundle.load(tmp_path / "stand-in")
    shape = cache_shape(
        ordinary.manifest,
        max_rows=MAX_ROWS,
        target_capacity=MAX_LENGTH + 1,
        source_capacity=MAX_SOURCE,
    )
    tokenizer = load_tokenizer(ordinary)
    requests = [
        (tokenizer.encode(sentence), TranslationOptions(MAX_LENGTH, 0, BEAMS[index % len(BEAMS)]))
        for index, sentence in enumerate(everyday_sentences()[:16])
    ]
    found = []
    for bundle, runners in (
        (ordinary, load_runners(ordinary, "cpu", lambda _: shape, cores=1, engines=1)),
        (stand_in, device_runners(stand_in, OrtDevice("cpu"), shape, 1)),
    ):
        runners.prepare[0]()
        found.append(
            translate_all(runners.runners[0], bundle.manifest, requests, max_rows=MAX_ROWS)
        )
    expected, on_device = found
    assert [c[:2] for c in on_device] == [c[:2] for c in expected]
    assert [c.score for c in on_device] == pytest.approx([c.score for c in expected], abs=1e-4)
