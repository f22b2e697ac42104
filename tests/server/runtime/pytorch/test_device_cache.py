"""A device's caches beside the host's: what either call leaves in every row."""

import numpy as np
import pytest
import torch

from dragoman_server.errors import ConfigError
from dragoman_server.runtime.kv_cache import CacheShape, KVCache
from dragoman_server.runtime.pytorch.device_cache import DeviceCache
from dragoman_server.runtime.pytorch.tensors import array_of
from dragoman_server.runtime.sources import SourceCopies
from dragoman_server.search.rows import Move, RowCopies
from tests.server.runtime.pytorch.models import CPU

ATTENDING = CacheShape(
    layers=2,
    max_rows=6,
    heads=3,
    target_capacity=5,
    source_capacity=8,
    head_dim=4,
    data_type="float",
)
SHAPES = {
    "float": ATTENDING,
    "bfloat16": ATTENDING._replace(data_type="bfloat16"),
    "float16": ATTENDING._replace(data_type="float16"),
    "recurrent": ATTENDING._replace(state_width=6),
}


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> CacheShape:
    return SHAPES[request.param]


def names_of(shape: CacheShape) -> list[str]:
    own = ("self_key", "self_value") if shape.state_width is None else ("self_state",)
    kinds = (*own, "cross_key", "cross_value")
    return [f"{kind}_{layer}" for layer in range(shape.layers) for kind in kinds]


def filled(shape: CacheShape) -> tuple[DeviceCache, KVCache]:
    """Both with the same random numbers in every place."""
    torch.manual_seed(3)
    device, host = DeviceCache(shape, CPU), KVCache(shape)
    for tensor, array in zip(tensors(device, shape), arrays(host, shape), strict=True):
        tensor.copy_(torch.randn(tensor.shape))
        array[...] = array_of(tensor)
    return device, host


def tensors(cache: DeviceCache, shape: CacheShape) -> list[torch.Tensor]:
    return cache.views(names_of(shape), shape.max_rows, shape.target_capacity, 8)


def arrays(cache: KVCache, shape: CacheShape) -> list[np.ndarray]:
    found = cache.tensors(shape.max_rows, shape.max_rows)
    return [found[name] for name in names_of(shape)]


def same(device: DeviceCache, host: KVCache, shape: CacheShape) -> bool:
    pairs = zip(tensors(device, shape), arrays(host, shape), strict=True)
    return all(np.array_equal(array_of(tensor), array) for tensor, array in pairs)


def test_copies_are_those_of_the_host(shape: CacheShape) -> None:
    device, host = filled(shape)
    copies = RowCopies(np.array([0, 0, 3]), np.array([1, 1, 2]), np.array([0, 3, 4]))
    device.copy(copies)
    host.copy(copies)
    assert same(device, host, shape)


def test_moves_are_those_that_are_made_one_after_the_other(shape: CacheShape) -> None:
    """A row that was moved is moved again, and another one takes its first place."""
    device, host = filled(shape)
    moves = [Move(5, 1, 3, 7), Move(1, 0, 3, 7), Move(4, 1, 4, 8)]
    device.move(moves)
    host.move(moves)
    for source, target, _, length in moves:
        host.copy_sources(SourceCopies(np.array([source]), np.array([target]), length))
    assert same(device, host, shape)


def test_newcomers_get_what_the_encoder_made_of_their_sentence(shape: CacheShape) -> None:
    device, _ = filled(shape)
    before = tensors(device, shape)[-1].clone()
    new = torch.randn((4, 3, 3, 6, 4)).to(before.dtype)  # of three sentences; nobody has the last
    device.admit(1, [[0, 2], [1]], new)
    found = tensors(device, shape)[-1]  # values of the last layer
    for row, sentence in ((1, 0), (3, 0), (2, 1)):
        assert torch.equal(found[row, :, :6], new[3, sentence])
        assert torch.equal(found[row, :, 6:], before[row, :, 6:])
    for row in (0, 4, 5):
        assert torch.equal(found[row], before[row])


def test_views_are_the_first_rows_and_positions_of_the_same_memory(shape: CacheShape) -> None:
    device, _ = filled(shape)
    whole = tensors(device, shape)
    for part, all_of_it, name in zip(
        device.views(names_of(shape), 4, 2, 3), whole, names_of(shape), strict=True
    ):
        live = {"self_st": ()}.get(name[:7], (2,) if name.startswith("self") else (3,))
        expected = all_of_it[:4] if not live else all_of_it[:4, :, : live[0]]
        assert torch.equal(part, expected)
        assert part.data_ptr() == all_of_it.data_ptr()


def test_its_size_is_that_of_its_rows(shape: CacheShape) -> None:
    assert DeviceCache(shape, CPU).size_bytes == shape.max_rows * shape.row_bytes


def test_caches_that_there_is_no_room_for_are_refused_with_what_to_lower() -> None:
    huge = ATTENDING._replace(max_rows=2**44)
    with pytest.raises(ConfigError, match="bytes on the device: lower kv_cache_memory"):
        DeviceCache(huge, CPU)
