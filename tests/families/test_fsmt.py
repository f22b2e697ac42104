"""WMT19's models beside transformers' own decoding."""

from pathlib import Path

import pytest

from dragoman_export.export import export
from dragoman_export.families.bart import TIED
from dragoman_export.manifest import Precision
from tests.export import tiny
from tests.export.subwords import SOURCE_TEXTS, TARGET_TEXTS
from tests.exports import Exports
from tests.families.compare import Library, require_same, translated
from tests.families.fsmt import KINDS, make_checkpoint

SHORT = [*SOURCE_TEXTS, *TARGET_TEXTS, *tiny.SENTENCES]
TEXTS = [
    text
    for text in (*SHORT, *(f"{first} {second}" for first in SHORT for second in SOURCE_TEXTS))
    if not any(name in text for name in ("<s>", "</s>"))  # tokens, as transformers takes them
]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(name: str, exports: Exports) -> Path:
    return exports.get(f"fsmt-{name}", lambda path: make_checkpoint(path, KINDS[name]))


@pytest.fixture(scope="module")
def bundles(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("bundles")
    precisions: tuple[Precision, ...] = ("float32", "int8")
    for precision in precisions:
        export(tiny.request(checkpoint, directory / precision, precision), tiny.no_progress)
    return {precision: directory / precision for precision in precisions}


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_transformers_generates(
    checkpoint: Path, bundles: dict[str, Path], beam_size: int
) -> None:
    found = translated(bundles["float32"], TEXTS, [beam_size])
    require_same(found, Library(checkpoint, TIED), TEXTS, beam_size)


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    beams = [1, 4, 2]
    for bundle in bundles.values():
        mixed = translated(bundle, TEXTS, beams)
        for index in range(0, len(TEXTS), 13):
            alone = translated(bundle, [TEXTS[index]], [beams[index % len(beams)]])
            assert alone == [mixed[index]]
