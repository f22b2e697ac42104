"""The device's caches hold what those in host memory hold, whatever is done to them."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman_export.graphs.copy_graph import COPY, write_copy_graph
from dragoman_server.errors import ConfigError
from dragoman_server.runtime import device_cache
from dragoman_server.runtime.device import OrtDevice, View
from dragoman_server.runtime.device_cache import DeviceCache
from dragoman_server.runtime.kv_cache import CacheShape, KVCache
from dragoman_server.runtime.sources import SourceCopies
from dragoman_server.search.rows import Move, RowCopies

SHAPE = CacheShape(
    layers=2,
    max_rows=5,
    heads=3,
    target_capacity=6,
    source_capacity=7,
    head_dim=8,
    data_type="float",
)


RECURRENT = SHAPE._replace(state_width=24)


@pytest.fixture
def device() -> OrtDevice:
    return OrtDevice("cpu")


@pytest.fixture(params=[SHAPE, RECURRENT], ids=["keys", "states"])
def shape(request: pytest.FixtureRequest) -> CacheShape:
    shape: CacheShape = request.param
    return shape


@pytest.fixture
def cache(shape: CacheShape, device: OrtDevice, tmp_path: Path) -> DeviceCache:
    write_copy_graph(tmp_path)
    return DeviceCache(shape, device, device.load(tmp_path / COPY))


@pytest.fixture
def host(shape: CacheShape) -> KVCache:
    return KVCache(shape)


def floats(view: View) -> NDArray[np.float32]:
    """The memory of a view, which on the CPU is the process's own."""
    size = int(np.prod(view.shape))
    memory = (ctypes.c_float * size).from_address(view.address)
    return np.ctypeslib.as_array(memory).reshape(view.shape)


def fill(cache: DeviceCache, host: KVCache) -> None:
    """Gives both the same random contents."""
    random = np.random.default_rng(0)
    views = cache.views(SHAPE.max_rows)
    for name, tensor in host.tensors(SHAPE.max_rows, SHAPE.max_rows).items():
        tensor[...] = random.standard_normal(tensor.shape)
        floats(views[name])[...] = tensor


def assert_same(cache: DeviceCache, host: KVCache) -> None:
    views = cache.views(SHAPE.max_rows)
    for name, tensor in host.tensors(SHAPE.max_rows, SHAPE.max_rows).items():
        np.testing.assert_array_equal(floats(views[name]), tensor, err_msg=name)


def test_it_begins_with_zeros_and_has_the_same_names(
    shape: CacheShape, cache: DeviceCache, host: KVCache
) -> None:
    assert_same(cache, host)
    assert cache.views(2).keys() == host.tensors(2, 2).keys()
    assert cache.size_bytes == host.size_bytes == shape.max_rows * shape.row_bytes


def test_fewer_rows_are_the_beginning_of_the_same_memory(
    shape: CacheShape, cache: DeviceCache
) -> None:
    name, rest = ("self_key_1", (3, 6, 8)) if shape is SHAPE else ("self_state_1", (24,))
    few, all_rows = cache.views(2)[name], cache.views(5)[name]
    assert few.address == all_rows.address
    assert few.shape == (2, *rest)


@pytest.mark.parametrize("readers", [[[0], [1], [2]], [[0, 3], [2], [1]], [[1], [3, 0, 2]]])
def test_newcomers_get_their_own_source(
    cache: DeviceCache, host: KVCache, readers: list[list[int]]
) -> None:
    fill(cache, host)
    packed = np.random.default_rng(1).standard_normal((4, 3, 9, 8)).astype(np.float32)
    lengths = [3, 5, 1][: len(readers)]
    host.admit(1, readers, lengths, packed)
    cache.admit(1, readers, lengths, View(packed.ctypes.data, packed.shape, "float"))
    assert_same(cache, host)


def test_a_copy_takes_over_the_target_and_nothing_else(cache: DeviceCache, host: KVCache) -> None:
    fill(cache, host)
    copies = RowCopies(np.array([0, 2, 2]), np.array([1, 3, 3]), positions=np.array([1, 4, 2]))
    host.copy(copies)
    cache.copy(copies)
    assert_same(cache, host)


@pytest.mark.parametrize(
    "moves",
    [
        [Move(3, 0, 2, 4)],
        [Move(4, 1, 6, 7), Move(3, 2, 1, 1)],
        [Move(4, 3, 2, 5), Move(3, 1, 2, 5)],
        [Move(4, 0, 0, 5)],
    ],
)
def test_moves_at_once_are_moves_one_after_the_other(
    cache: DeviceCache, host: KVCache, moves: list[Move]
) -> None:
    fill(cache, host)
    host.move(moves)
    for source, target, _, length in moves:  # of the host's rows each has a source of its own
        host.copy_sources(SourceCopies(np.array([source]), np.array([target]), length))
    cache.move(moves)
    left = SHAPE.max_rows - len(moves)
    views = cache.views(left)
    for name, tensor in host.tensors(left, left).items():
        np.testing.assert_array_equal(floats(views[name]), tensor, err_msg=name)


def test_a_cache_beyond_32_bits_is_refused(
    device: OrtDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_copy_graph(tmp_path)
    monkeypatch.setattr(device_cache, "MOST_WORDS", 100)
    with pytest.raises(ConfigError, match=r"a cache of 13,440 bytes is more than .* 800"):
        DeviceCache(SHAPE, device, device.load(tmp_path / COPY))
