import numpy as np

from dragoman_server.kv_cache import CacheShape, KVCache
from dragoman_server.rows import Move, RowCopies

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
    small, large = cache.tensors(2), cache.tensors(4)
    small["self_key_1"][1] = 7
    assert small["self_key_1"].shape == (2, 3, 6, 2)
    assert small["cross_value_0"].shape == (2, 3, 5, 2)
    assert small["self_key_1"].flags.c_contiguous
    assert (large["self_key_1"][1] == 7).all()
    assert not large["self_value_1"].any()


def test_newcomers_get_their_own_source() -> None:
    cache = KVCache(SHAPE)
    packed = np.random.default_rng(0).standard_normal((4, 3, 5, 2)).astype(np.float32)
    cache.admit([range(1, 2), range(2, 4)], [3, 2], packed)
    key = cache.tensors(4)["cross_key_1"]
    np.testing.assert_array_equal(key[1, :, :3], packed[2, :, :3])
    for row in (2, 3):  # both rows of the second
        np.testing.assert_array_equal(key[row, :, :2], packed[2, :, 3:])
    assert not key[0].any()


def test_a_copy_takes_over_the_target_and_nothing_else() -> None:
    cache = KVCache(SHAPE)
    tensors = cache.tensors(4)
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
    tensors = cache.tensors(4)
    for tensor in tensors.values():
        tensor[3] = 9
    cache.move([Move(source=3, target=0, target_length=2, source_length=4)])
    assert (tensors["self_value_0"][0, :, :2] == 9).all()
    assert not tensors["self_value_0"][0, :, 2:].any()
    assert (tensors["cross_key_1"][0, :, :4] == 9).all()
    assert not tensors["cross_key_1"][0, :, 4:].any()


def test_size_is_what_the_buffers_hold() -> None:
    assert KVCache(SHAPE).size_bytes == 4 * 4 * 3 * (6 + 5) * 2 * 4
