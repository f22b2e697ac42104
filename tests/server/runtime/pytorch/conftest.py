from pathlib import Path

import pytest

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.pytorch.graphs import Graphs, load_graphs
from tests.server.runtime.pytorch.models import CPU


@pytest.fixture(scope="session")
def torchscript(torchscript_bundle: Path) -> tuple[Bundle, Graphs]:
    bundle = Bundle.load(torchscript_bundle)
    return bundle, load_graphs(bundle, CPU)


@pytest.fixture(scope="session")
def pt2(pt2_bundle: Path) -> tuple[Bundle, Graphs]:
    bundle = Bundle.load(pt2_bundle)
    return bundle, load_graphs(bundle, CPU)
