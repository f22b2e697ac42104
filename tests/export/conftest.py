"""Beside the bundles of every test: one with the activation scales that are the fallback."""

import dataclasses
from pathlib import Path

import pytest

from dragoman_export.export import export
from tests.export import tiny
from tests.exports import Exports


@pytest.fixture(scope="session")
def per_row_bundle(checkpoint: Path, exports: Exports) -> Path:
    def make(path: Path) -> None:
        request = tiny.request(checkpoint, path, "int8")
        export(dataclasses.replace(request, activation_scales="per_row"), tiny.no_progress)

    return exports.get("tiny-per_row", make)


@pytest.fixture(scope="session", params=["float32", "int8", "per_row"])
def bundle(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(f"{request.param}_bundle")
    return path
