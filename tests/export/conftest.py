"""Beside the bundles of every test: one with the activation scales that are the fallback."""

import dataclasses
from pathlib import Path

import pytest

from dragoman_export.export import export
from tests.export import tiny


@pytest.fixture(scope="session")
def per_row_bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("bundles") / "per_row"
    request = tiny.request(checkpoint, output, "int8")
    export(dataclasses.replace(request, activation_scales="per_row"), tiny.no_progress)
    return output


@pytest.fixture(scope="session", params=["float32", "int8", "per_row"])
def bundle(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(f"{request.param}_bundle")
    return path
