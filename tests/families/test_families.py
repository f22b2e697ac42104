"""All families but Marian beside transformers' own decoding."""

from pathlib import Path

import pytest

from dragoman_export.export import export
from dragoman_export.families.bart import TIED
from dragoman_export.manifest import Precision
from tests.export import tiny
from tests.export.two_vocabularies import SOURCES, TARGETS
from tests.exports import Exports
from tests.families.bundles import PRECISIONS, export_both
from tests.families.compare import Library, require_independent, require_same, translated
from tests.families.multilingual import KINDS, Kind

PLAIN = [text for text in tiny.SENTENCES if "</s>" not in text]
"""Without the names of tokens, which transformers takes for tokens."""

SHORT = [*SOURCES, *TARGETS, *PLAIN]
TEXTS = [*SHORT, *(f"{first} {second}" for first in SHORT for second in SOURCES)]


QUANTISED = ("nllb", "bart", "t5", "madlad")
"""In int8 too: others have the layers of one of these."""


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def kind(name: str) -> Kind:
    return KINDS[name]


@pytest.fixture(scope="module")
def checkpoint(name: str, kind: Kind, exports: Exports) -> Path:
    return exports.get(f"family-{name}", kind.make)


@pytest.fixture(scope="module")
def bundles(name: str, checkpoint: Path, kind: Kind, exports: Exports) -> dict[str, Path]:
    first = kind.directions[0]
    is_told = first.source_language is not None or bool(first.prefix)
    source, target = (None, None) if is_told else ("en", "de")
    precisions = PRECISIONS if name in QUANTISED else PRECISIONS[:1]
    return export_both(exports, checkpoint, source, target, precisions)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_transformers_generates(
    checkpoint: Path, kind: Kind, bundles: dict[str, Path], beam_size: int
) -> None:
    library = Library(checkpoint, TIED)
    for direction in kind.directions:
        found = translated(bundles["float32"], TEXTS, [beam_size], [direction])
        require_same(found, library, TEXTS, beam_size, direction)


def test_no_text_depends_on_its_neighbours_whatever_their_language(
    kind: Kind, bundles: dict[str, Path]
) -> None:
    require_independent(bundles.values(), TEXTS, 17, kind.directions)


@pytest.mark.parametrize(("told", "precision"), [("nllb", "bfloat16"), ("t5", "float16")])
def test_graphs_for_a_gpu_say_what_transformers_says(
    told: str, precision: Precision, exports: Exports, tmp_path: Path
) -> None:
    """Export refuses what does not: a forced first token, and biases for distances.

    Graphs of float16 are run as they are; float32 in their place has no types to mix up.
    """
    checkpoint = exports.get(f"family-{told}", KINDS[told].make)
    manifest = export(tiny.request(checkpoint, tmp_path / "bundle", precision), tiny.no_progress)
    assert list(manifest.providers) == ["cuda"]
