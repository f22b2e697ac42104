import re

import pytest

from dragoman.v1.bundle_pb2 import Architecture, Graph, Manifest, TensorSpec
from dragoman.v1.translation_pb2 import Limits
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.runtime.sizing import cache_shape, engine_rows
from dragoman_server.service.listing import batch_rows, model_limits

SIZES = Architecture(decoder_layers=2, decoder_heads=4, head_dim=8, max_positions=64)
ROW = 2 * 2 * 4 * 8 * (20 + 11) * 2
"""Bytes of a row of 20 source and 11 target positions in 16 bits."""


def manifest(data_type: str = "float16", candidates: int = 33) -> Manifest:
    cache = TensorSpec(name="cross_value_1", data_type=data_type)
    return Manifest(architecture=SIZES, decoder=Graph(inputs=[cache]), candidate_count=candidates)


def rows(
    max_batch_size: int | None,
    kv_cache_memory: int | None,
    *,
    max_input_length: int = 20,
    memory: float | None = None,
) -> int:
    return engine_rows(
        manifest(),
        max_batch_size=max_batch_size,
        kv_cache_memory=kv_cache_memory,
        max_input_length=max_input_length,
        max_decoding_length=10,
        memory=memory,
    )


@pytest.mark.parametrize(
    ("max_batch_size", "kv_cache_memory", "expected"),
    [
        (None, None, 128),
        (7, None, 7),
        (None, 5 * ROW, 5),
        (None, 6 * ROW - 1, 5),
        (None, 10**9, 512),
        (5, 5 * ROW, 5),
        (600, 10**9, 600),
    ],
)
def test_rows_are_what_is_asked_for_or_what_the_memory_holds(
    max_batch_size: int | None, kv_cache_memory: int | None, expected: int
) -> None:
    assert rows(max_batch_size, kv_cache_memory) == expected


@pytest.mark.parametrize(
    ("memory", "expected"),
    [(300 * ROW, 128), (80 * ROW, 40), (20 * ROW, 10), (21.9 * ROW, 10), (ROW, 1)],
)
def test_caches_take_half_of_the_memory_by_default(memory: float, expected: int) -> None:
    assert rows(None, None, memory=memory) == expected


@pytest.mark.parametrize(("max_batch_size", "kv_cache_memory"), [(100, None), (None, 100 * ROW)])
def test_what_is_asked_for_is_taken_whatever_the_memory(
    max_batch_size: int | None, kv_cache_memory: int | None
) -> None:
    assert rows(max_batch_size, kv_cache_memory, memory=20 * ROW) == 100


def test_large_caches_on_a_device_have_fewer_rows_by_default() -> None:
    positions = 31 * (2 << 30) // (ROW * 40)  # so that 2 GiB hold 40 rows
    assert rows(None, None, max_input_length=positions - 11) == 40
    assert rows(None, None, max_input_length=positions * 40) == 16
    assert rows(100, None, max_input_length=positions * 40) == 100


@pytest.mark.parametrize(
    ("max_batch_size", "kv_cache_memory", "message"),
    [
        (6, 6 * ROW - 1, f"max_batch_size 6 needs {6 * ROW:,} bytes .* which holds 5 rows"),
        (
            None,
            ROW - 1,
            f"a single row needs {ROW:,} bytes .* kv_cache_memory is {ROW - 1:,}, .* 0 rows",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_given_and_allowed(
    max_batch_size: int | None, kv_cache_memory: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        rows(max_batch_size, kv_cache_memory)


def test_memory_may_have_a_unit() -> None:
    config = Config.model_validate({"bundle": "x", "kv_cache_memory": "1.5GiB"})
    assert config.kv_cache_memory == 3 * 2**29
    with pytest.raises(ValueError, match=re.escape("kv_cache_memory")):
        Config.model_validate({"bundle": "x", "kv_cache_memory": "0"})


@pytest.mark.parametrize(
    ("settings", "candidates", "expected"),
    [
        ({}, 0, 16),
        ({}, 33, 16),
        ({}, 9, 4),
        ({"max_batch_size": 3}, 33, 3),
        ({"kv_cache_memory": 2**16}, 33, 2),
    ],
)
def test_the_widest_beam_has_rows_and_candidates(
    settings: dict[str, int], candidates: int, expected: int
) -> None:
    config = Config.model_validate({"bundle": "x"} | settings)
    assert model_limits(manifest(candidates=candidates), config).max_beam_size == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"engines": 1}, 16),
        ({"engines": 4}, 10),
        ({}, 5),
        ({"threads_per_engine": 2}, 10),
        ({"max_batch_size": 8}, 8),
    ],
)
def test_the_widest_beam_fits_with_as_many_engines_as_there_may_be(
    settings: dict[str, int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = 2 * 2 * 4 * 8 * (2 * 64) * 2  # as many positions as the model has
    monkeypatch.setattr("dragoman_server.service.listing.memory_bytes", lambda: 80 * row)
    monkeypatch.setattr("dragoman_server.service.listing.cpu_count", lambda: 8)
    config = Config.model_validate({"bundle": "x", "provider": "cpu"} | settings)
    assert model_limits(manifest(), config).max_beam_size == expected


@pytest.mark.parametrize(
    ("settings", "engines", "providers", "provider", "expected"),
    [
        ({}, 1, ["cpu"], "cpu", 40),
        ({}, 4, ["cpu"], "cpu", 10),
        ({"max_batch_size": 100}, 4, ["cpu"], "cpu", 100),
        ({}, 1, ["cuda"], "cuda", 128),
        ({}, 1, ["cuda", "cpu"], "cuda", 128),
        ({}, 1, ["cuda", "cpu"], "cpu", 40),
    ],
)
def test_all_engines_share_the_memory_that_the_files_leave(
    settings: dict[str, int],
    engines: int,
    providers: list[str],
    provider: str,
    expected: int,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dragoman_server.service.listing.memory_bytes", lambda: 95 * ROW)
    config = Config.model_validate({"bundle": "x"} | settings)
    made = manifest()
    made.providers.extend(providers)
    made.files.add(size_bytes=14 * ROW)
    made.files.add(size_bytes=ROW)
    limits = Limits(max_input_length=20, max_decoding_length=10)
    assert batch_rows(made, config, limits, engines=engines, provider=provider) == expected


def test_a_recurrent_decoder_keeps_of_a_target_one_vector_a_layer() -> None:
    recurrent = manifest()
    state = TensorSpec(name="self_state_0", data_type="float", shape=["rows", "32"])
    recurrent.decoder.inputs.insert(0, state)
    shape = cache_shape(recurrent, max_rows=3, target_capacity=11, source_capacity=20)
    assert shape.state_width == 32
    assert shape.row_bytes == 2 * 32 * 4 + 2 * 2 * 4 * 8 * 20 * 2
