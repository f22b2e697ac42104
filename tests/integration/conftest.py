"""The shipped checkpoint exported in both precisions, and parallel text where there is some."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from dragoman_export.export import ExportRequest, export
from dragoman_export.sentences import SENTENCES
from tests.integration.served import Served

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "export/checkpoints/marian-en-de"
DATA = ROOT.parent / "shared/data/en-de"


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


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles of the shipped checkpoint by precision."""
    directory = tmp_path_factory.mktemp("bundles")

    def quiet(_: str) -> AbstractContextManager[None]:
        return nullcontext()

    for precision in ("float32", "int8"):
        request = ExportRequest(
            checkpoint=CHECKPOINT,
            output=directory / precision,
            precision=precision,
            sentences=SENTENCES,
        )
        export(request, quiet)
    return {precision: directory / precision for precision in ("float32", "int8")}


@pytest.fixture(scope="module", params=["float32", "int8"])
def bundle(request: pytest.FixtureRequest, bundles: dict[str, Path]) -> Path:
    """Each precision's bundle in turn."""
    return bundles[request.param]


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[Served]:
    """A server with the default settings."""
    with Served(bundle) as served:
        yield served
