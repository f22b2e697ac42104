"""Imports the package first, and with it what a bare machine needs."""

import pytest

import tests.gpu  # noqa: F401
from tests.gpu.carried import DIRECTORY, WORKLOAD, Workload


@pytest.fixture(scope="session")
def workload() -> Workload:
    """Sentences and their translations."""
    if not (DIRECTORY / WORKLOAD).exists():
        pytest.skip(f"nothing was prepared at {DIRECTORY}")
    return Workload.read(DIRECTORY)
