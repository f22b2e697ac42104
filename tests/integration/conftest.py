"""The shipped checkpoint exported in both precisions, and parallel text where there is some."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from dragoman_export.export import ExportRequest, export
from dragoman_export.manifest import Precision
from dragoman_export.sentences import SENTENCES
from tests.exports import Exports
from tests.integration.served import Served

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "export/checkpoints/marian-en-de"
DATA = ROOT.parent / "shared/data/en-de"


IS_WHOLE = os.environ.get("WHOLE_TEST_SETS") == "1"


class Corpus(NamedTuple):
    """Line-aligned sources and references."""

    sources: list[str]
    references: list[str]


def corpus(name: str) -> Corpus:
    """Reads a test set; skips the test where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no test sets at {DATA}")
    sides = [(DATA / f"{name}.{language}").read_text("utf-8") for language in ("en", "de")]
    return Corpus(*(side.removesuffix("\n").split("\n") for side in sides))


def everyday_sentences() -> list[str]:
    """tatoeba_test where it is there, else the sentences that export verifies on."""
    return corpus("tatoeba_test").sources if DATA.is_dir() else list(SENTENCES) * 5


def part(texts: Sequence[str], every: int) -> list[str]:
    """Every so manieth text; all of them with WHOLE_TEST_SETS=1 in the environment."""
    return list(texts if IS_WHOLE else texts[::every])


class Bundles(Mapping[str, Path]):
    """Of the shipped checkpoint by precision, each exported when it is first asked for."""

    _precisions: tuple[Precision, ...] = ("float32", "int8")

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    def __getitem__(self, name: str) -> Path:
        (precision,) = [each for each in self._precisions if each == name]
        return self._exports.get(f"shipped-{precision}", lambda path: _export(path, precision))

    def __iter__(self) -> Iterator[str]:
        return iter(self._precisions)

    def __len__(self) -> int:
        return len(self._precisions)


def _export(path: Path, precision: Precision) -> None:
    """With the scales that `auto` takes of it: to try the others takes as long again."""
    request = ExportRequest(
        checkpoint=CHECKPOINT,
        output=path,
        precision=precision,
        sentences=SENTENCES,
        activation_scales="calibrated" if precision == "int8" else "auto",
    )
    export(request, lambda _: nullcontext())


@pytest.fixture(scope="session")
def bundles(exports: Exports) -> Bundles:
    """Bundles of the shipped checkpoint by precision."""
    return Bundles(exports)


@pytest.fixture(scope="module", params=["float32", "int8"])
def bundle(request: pytest.FixtureRequest, bundles: Bundles) -> Path:
    """Each precision's bundle in turn."""
    return bundles[request.param]


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[Served]:
    """A server with the default settings."""
    with Served(bundle) as served:
        yield served
