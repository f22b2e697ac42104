import resource
from pathlib import Path

import numpy as np
import pytest

from dragoman_server.runtime.kv_cache import SMALLEST_CAPACITY, CacheShape, KVCache
from dragoman_server.runtime.sources import SourceCopies
from dragoman_server.search.rows import Move, RowCopies

PAGE = resource.getpagesize()

SHAPE = CacheShape(
    layers=2,
    max_rows=4,
    heads=3,
    target_capacity=6,
    source_capacity=5,
    head_dim=2,
    data_type="float",
)


def test_a_tensor_is_the_prefix_of_the_rows_without_a_copy() -> None:
    cache = KVCache(SHAPE)
    small, large = cache.tensors(2, 1), cache.tensors(4, 4)
    small["self_key_1"][1] = 7
    assert small["self_key_1"].shape == (2, 3, 6, 2)
    assert small["cross_value_0"].shape == (1, 3, 5, 2)
    assert small["self_key_1"].flags.c_contiguous
    assert (large["self_key_1"][1] == 7).all()
    assert not large["self_value_1"].any()


def test_newcomers_get_their_own_source() -> None:
    cache = KVCache(SHAPE)
    packed = np.random.default_rng(0).standard_normal((4, 3, 5, 2)).astype(np.float32)
    cache.admit(1, [[0], [1]], [3, 2], packed)
    key = cache.tensors(4, 4)["cross_key_1"]
    np.testing.assert_array_equal(key[1, :, :3], packed[2, :, :3])
    np.testing.assert_array_equal(key[2, :, :2], packed[2, :, 3:])
    assert not key[0].any()
    assert not key[3].any()


def test_newcomers_with_one_sentence_get_a_copy_each() -> None:
    cache = KVCache(SHAPE)
    packed = np.random.default_rng(0).standard_normal((4, 3, 5, 2)).astype(np.float32)
    cache.admit(1, [[0, 2], [1]], [3, 2], packed)
    value = cache.tensors(4, 4)["cross_value_1"]
    for source in (1, 3):
        np.testing.assert_array_equal(value[source, :, :3], packed[3, :, :3])
    np.testing.assert_array_equal(value[2, :, :2], packed[3, :, 3:])
    assert not value[0].any()


def test_a_copy_takes_over_the_target_and_nothing_else() -> None:
    cache = KVCache(SHAPE)
    tensors = cache.tensors(4, 4)
    for tensor in tensors.values():
        tensor[0], tensor[2] = 5, 9
    copies = RowCopies(np.array([0, 2, 2]), np.array([1, 3, 3]), positions=np.array([1, 4, 2]))
    cache.copy(copies)
    for name in ("self_key_1", "self_value_0"):
        taken = {
            (row, int(place))
            for row in (1, 3)
            for place in tensors[name][row].any((0, 2)).nonzero()[0]
        }
        assert taken == {(1, 1), (3, 2), (3, 4)}
        assert (tensors[name][1, :, 1] == 5).all()
        assert (tensors[name][3, :, 4] == 9).all()
    assert not tensors["cross_key_1"][1].any()


def test_a_move_copies_the_live_part_only() -> None:
    cache = KVCache(SHAPE)
    tensors = cache.tensors(4, 4)
    for tensor in tensors.values():
        tensor[3] = 9
    cache.move([Move(source=3, target=0, target_length=2, source_length=4)])
    assert (tensors["self_value_0"][0, :, :2] == 9).all()
    assert not tensors["self_value_0"][0, :, 2:].any()
    assert not tensors["cross_key_1"][0].any()


def test_sources_change_places_at_once() -> None:
    cache = KVCache(SHAPE)
    key = cache.tensors(4, 4)["cross_key_1"]
    key[0], key[2] = 5, 9
    cache.copy_sources(SourceCopies(np.array([2, 0]), np.array([0, 2]), length=3))
    assert (key[0, :, :3] == 9).all()
    assert (key[0, :, 3:] == 5).all()
    assert (key[2, :, :3] == 5).all()
    assert not cache.tensors(4, 4)["self_key_1"].any()


def test_size_is_what_the_buffers_hold() -> None:
    assert KVCache(SHAPE).size_bytes == 4 * 4 * 3 * (6 + 5) * 2 * 4


LONG = SHAPE._replace(target_capacity=200, source_capacity=100)


def filled(rows: int) -> KVCache:
    """A cache whose first rows hold numbers of their own at every position there is."""
    cache = KVCache(LONG)
    for index, tensor in enumerate(cache.tensors(rows, rows).values()):
        tensor[:] = np.random.default_rng(index).standard_normal(tensor.shape)
    return cache


def test_rows_lie_close_until_a_long_text_comes() -> None:
    cache = KVCache(LONG)
    assert cache.tensors(1, 1)["self_key_0"].shape[2] == SMALLEST_CAPACITY
    size = cache.size_bytes
    assert not cache.reserve(target=SMALLEST_CAPACITY, source=1, rows=4, sources=4)
    assert cache.reserve(target=SMALLEST_CAPACITY + 1, source=1, rows=4, sources=4)
    assert cache.target_capacity == 2 * SMALLEST_CAPACITY
    assert cache.tensors(1, 1)["cross_key_0"].shape[2] == SMALLEST_CAPACITY
    assert cache.reserve(target=129, source=99, rows=4, sources=4)
    assert cache.target_capacity == LONG.target_capacity
    assert cache.tensors(1, 1)["cross_key_0"].shape[2] == LONG.source_capacity
    assert cache.size_bytes == size


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_rows_keep_what_they_hold_when_there_is_more_room_and_less_again(rows: int) -> None:
    cache = filled(rows)
    before = {name: tensor.copy() for name, tensor in cache.tensors(rows, rows).items()}
    assert cache.reserve(target=150, source=60, rows=rows, sources=rows)
    for name, tensor in cache.tensors(rows, rows).items():
        np.testing.assert_array_equal(tensor[:, :, :SMALLEST_CAPACITY], before[name])
    assert cache.trim(target=5, source=7, rows=rows, sources=rows)
    for name, tensor in cache.tensors(rows, rows).items():
        np.testing.assert_array_equal(tensor, before[name])


def test_room_that_is_needed_is_not_given_up() -> None:
    cache = filled(2)
    cache.reserve(target=100, source=1, rows=2, sources=2)
    assert not cache.trim(target=65, source=1, rows=2, sources=2)
    assert not cache.reserve(target=1, source=1, rows=2, sources=2)
    assert cache.target_capacity == 128


def test_every_layout_is_a_view_of_the_same_memory() -> None:
    cache = KVCache(LONG)
    for length in (1, 40, 200):
        cache.reserve(target=length, source=min(length, 100), rows=0, sources=0)
        cache.tensors(4, 4)["self_value_1"][3, 2, length - 1] = length
        assert (cache.tensors(4, 4)["self_value_1"][3, 2, length - 1] == length).all()
        cache.move([Move(source=3, target=0, target_length=length, source_length=1)])
        assert (cache.tensors(4, 4)["self_value_1"][0, 2, length - 1] == length).all()


def test_a_recurrent_row_is_one_vector_a_layer() -> None:
    cache = KVCache(LONG._replace(state_width=8))
    assert cache.size_bytes == 2 * 4 * 8 * 4 + 4 * 4 * 3 * 100 * 2 * 4
    assert not cache.reserve(target=200, source=1, rows=4, sources=4)
    states = cache.tensors(4, 4)["self_state_1"]
    assert states.shape == (4, 8)
    states[:] = np.arange(4)[:, None]
    cache.move([Move(source=3, target=0, target_length=2, source_length=4)])
    assert states[:, 0].tolist() == [3, 1, 2, 3]
    crossed = RowCopies(np.array([0, 0, 1]), np.array([1, 1, 2]), positions=np.array([5, 6, 6]))
    cache.copy(crossed)
    assert states[:, 0].tolist() == [3, 3, 1, 3]


def test_a_row_that_is_used_makes_no_huge_page_resident() -> None:
    wide = SHAPE._replace(max_rows=128, heads=8, target_capacity=512, head_dim=8)
    cache = KVCache(wide)
    flags = _flags(cache.tensors(1, 1)["self_key_0"].ctypes.data)
    if "hg" not in flags and "nh" not in flags:
        pytest.skip("this system has no huge pages")
    assert "nh" in flags


def _flags(address: int) -> list[str]:
    """Of the mapping that holds an address, as /proc/self/smaps has them."""
    inside = False
    for line in Path("/proc/self/smaps").read_text(errors="surrogateescape").splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            start, end = (int(part, 16) for part in name.split("-"))
            inside = start <= address + PAGE < end
        elif inside and name == "VmFlags:":
            return rest.split()
    return []
