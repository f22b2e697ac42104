"""A tiny Marian checkpoint and bundles made from it, once a run."""

import dataclasses
import gc
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from dragoman_export.alignment import lexicon
from dragoman_export.export import export
from dragoman_export.graphs.formats import FormatName
from dragoman_export.manifest import Precision
from tests.export import tiny
from tests.export.stand_in import write_stand_in
from tests.exports import Exports
from tests.tracing import quick_tracing

# On a busy machine an example may take as long as it likes.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


SLOW = Path(__file__).parent / "families"
"""Whose tests train and export models."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--exports",
        help="directory for what is exported: a further call with it exports nothing again",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each process of several its share of the slow modules, and those first.

    Each begins with a part of the list and takes of the others' when it is done: at the end nobody
    is to be left alone with what is slow.
    """
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    modules = list(dict.fromkeys(item.path for item in items))
    slow = [path for path in modules if SLOW in path.parents]
    quick = [path for path in modules if SLOW not in path.parents]
    order = [
        path for share in range(shares) for each in (slow, quick) for path in each[share::shares]
    ]
    places = {path: place for place, path in enumerate(order)}
    items.sort(key=lambda item: places[item.path])


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Layers are small here: more threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _seldom_collected() -> None:
    """A tenth of an export went into looking for cycles among all that PyTorch makes for it."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session", autouse=True)
def _quick_tracing() -> Iterator[None]:
    with quick_tracing():
        yield


@pytest.fixture(scope="session")
def exports(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    if directory := pytestconfig.getoption("exports"):
        return Exports(Path(directory).resolve())
    root = tmp_path_factory.getbasetemp()
    is_one_of_several = hasattr(pytestconfig, "workerinput")
    return Exports((root.parent if is_one_of_several else root) / "exports")


@pytest.fixture(scope="session")
def checkpoint(exports: Exports) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exports.get("tiny", tiny.make_checkpoint)


@pytest.fixture(scope="session")
def swish_checkpoint(exports: Exports) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exports.get("swish", lambda path: tiny.make_checkpoint(path, "swish"))


@pytest.fixture(scope="session")
def narrow_checkpoint(exports: Exports) -> Path:
    """Heads of 10 in the encoder and of 5 in the decoder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exports.get("narrow", lambda path: tiny.make_checkpoint(path, dim=20))


def exported(checkpoint: Path, exports: Exports, precision: Precision) -> Path:
    return exports.get(
        f"tiny-{precision}",
        lambda path: export(
            tiny.request(checkpoint, path, precision, attention=True),
            tiny.no_progress,
        ),
    )


def exported_for_torch(checkpoint: Path, exports: Exports, format_name: FormatName) -> Path:
    def make(path: Path) -> None:
        request = tiny.request(checkpoint, path, attention=True)
        export(dataclasses.replace(request, format=format_name), tiny.no_progress)

    return exports.get(f"tiny-{format_name}", make)


@pytest.fixture(scope="session")
def float32_bundle(checkpoint: Path, exports: Exports) -> Path:
    return exported(checkpoint, exports, "float32")


@pytest.fixture(scope="session")
def torchscript_bundle(checkpoint: Path, exports: Exports) -> Path:
    """In float32, as float32_bundle is."""
    return exported_for_torch(checkpoint, exports, "torchscript")


@pytest.fixture(scope="session")
def pt2_bundle(checkpoint: Path, exports: Exports) -> Path:
    """Likewise."""
    return exported_for_torch(checkpoint, exports, "pt2")


@pytest.fixture(scope="session")
def int8_bundle(checkpoint: Path, exports: Exports) -> Path:
    return exported(checkpoint, exports, "int8")


@pytest.fixture(scope="session")
def listed_bundle(checkpoint: Path, exports: Exports) -> Path:
    """In int8, with a shortlist whose lists are short beside its few tokens."""

    def make(path: Path) -> None:
        request = dataclasses.replace(
            tiny.request(checkpoint, path, "int8"),
            activation_scales="calibrated",
            shortlist=tiny.TEXTS,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lexicon, "FREQUENT", 5)
            patch.setattr(lexicon, "MOST_TRANSLATIONS", 3)
            export(request, tiny.no_progress)

    return exports.get("tiny-listed", make)


@pytest.fixture(scope="session")
def stand_in_bundle(checkpoint: Path, exports: Exports) -> Path:
    """The graphs of a CUDA bundle in float32."""
    return exports.get("tiny-stand-in", lambda path: write_stand_in(checkpoint, path))


@pytest.fixture(scope="session")
def float16_bundle(checkpoint: Path, exports: Exports) -> Path:
    return exported(checkpoint, exports, "float16")


@pytest.fixture(scope="session")
def bfloat16_bundle(checkpoint: Path, exports: Exports) -> Path:
    return exported(checkpoint, exports, "bfloat16")


@pytest.fixture(scope="session", params=["float32", "int8"])
def bundle(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(f"{request.param}_bundle")
    return path
