"""Bundles of float16 and bfloat16 in onnxruntime on a GPU: what the CPU cannot say about them.

Skipped where there is no onnxruntime, or no CUDA provider.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.gpu.carried import DEVICE, FOR_ONNXRUNTIME, CarriedBundle

onnxruntime = pytest.importorskip("onnxruntime")

from dragoman_server.runtime.device import OrtDevice, View  # noqa: E402 - after it is known to be there
from dragoman_server.runtime.device_cache import DeviceCache  # noqa: E402
from dragoman_server.runtime.kv_cache import CacheShape  # noqa: E402
from dragoman_server.search.rows import Move, RowCopies  # noqa: E402
from tests.gpu.runner_checks import RunnerChecks  # noqa: E402
from tests.gpu.with_onnxruntime import Onnxruntime  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        DEVICE == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
        reason="this onnxruntime has no CUDA provider",
    ),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def runtime() -> Onnxruntime:
    return Onnxruntime()


@pytest.fixture(scope="module", params=FOR_ONNXRUNTIME, ids=lambda carried: carried.name)
def carried(request: pytest.FixtureRequest) -> CarriedBundle:
    bundle: CarriedBundle = request.param
    return bundle


class TestRunner(RunnerChecks):
    """See RunnerChecks."""


SHAPE = CacheShape(
    layers=2,
    max_rows=6,
    heads=4,
    target_capacity=9,
    source_capacity=10,
    head_dim=64,
    data_type="float16",
)


def contents(device: OrtDevice) -> list[NDArray[np.int64]]:
    """Both caches after an admission, copies and moves."""
    random = np.random.default_rng(0)
    cache = DeviceCache(SHAPE, device, device.load(FOR_ONNXRUNTIME[0].path / "copy.onnx"))
    for buffer in (cache._self.buffer, cache._cross.buffer):
        buffer.write(random.integers(0, 2**60, buffer.read().size))
    packed = random.integers(0, 2**60, 4 * 4 * 12 * 64 // 4)
    newcomers = device.allocate(packed.size)
    newcomers.write(packed)
    view = View(newcomers.address, (4, 4, 12, 64), "float16")
    cache.admit(2, [[0, 2], [1]], [5, 7], view)
    cache.copy(RowCopies(np.array([0, 0, 2]), np.array([1, 1, 3]), np.array([1, 4, 8])))
    cache.move([Move(5, 3, 9, 10), Move(4, 0, 2, 3), Move(3, 1, 9, 10)])
    return [buffer.read().copy() for buffer in (cache._self.buffer, cache._cross.buffer)]


def test_copies_in_the_caches_are_those_of_the_cpu() -> None:
    for found, expected in zip(
        contents(OrtDevice(DEVICE)), contents(OrtDevice("cpu")), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
