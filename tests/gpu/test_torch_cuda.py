"""Bundles of float16 and bfloat16 in PyTorch on a GPU: what the CPU cannot say about them.

Needs nothing but PyTorch, protobuf and numpy. Skipped where PyTorch sees no GPU.
"""

import pytest
import torch

from tests.gpu.carried import DEVICE, FOR_TORCH, CarriedBundle
from tests.gpu.runner_checks import RunnerChecks
from tests.gpu.with_torch import Torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        DEVICE == "cuda" and not torch.cuda.is_available(), reason="this torch sees no GPU"
    ),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def runtime() -> Torch:
    return Torch()


@pytest.fixture(scope="module", params=FOR_TORCH, ids=lambda carried: carried.name)
def carried(request: pytest.FixtureRequest) -> CarriedBundle:
    bundle: CarriedBundle = request.param
    return bundle


class TestRunner(RunnerChecks):
    """See RunnerChecks."""
