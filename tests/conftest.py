"""A tiny Marian checkpoint and bundles made from it, once a session."""

import warnings
from pathlib import Path

import pytest
import torch

from dragoman_export.export import export
from dragoman_export.manifest import Precision
from tests.export import tiny
from tests.export.stand_in import write_stand_in


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Layers are small here: more threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tiny.make_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def swish_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tiny.make_checkpoint(tmp_path_factory.mktemp("checkpoints") / "swish", "swish")


def exported(checkpoint: Path, factory: pytest.TempPathFactory, precision: Precision) -> Path:
    output = factory.mktemp("bundles") / precision
    export(tiny.request(checkpoint, output, precision), tiny.no_progress)
    return output


@pytest.fixture(scope="session")
def float32_bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(checkpoint, tmp_path_factory, "float32")


@pytest.fixture(scope="session")
def int8_bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(checkpoint, tmp_path_factory, "int8")


@pytest.fixture(scope="session")
def stand_in_bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of a CUDA bundle in float32."""
    output = tmp_path_factory.mktemp("bundles") / "stand-in"
    write_stand_in(checkpoint, output)
    return output


@pytest.fixture(scope="session")
def float16_bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(checkpoint, tmp_path_factory, "float16")


@pytest.fixture(scope="session")
def bfloat16_bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(checkpoint, tmp_path_factory, "bfloat16")


@pytest.fixture(scope="session", params=["float32", "int8"])
def bundle(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(f"{request.param}_bundle")
    return path
