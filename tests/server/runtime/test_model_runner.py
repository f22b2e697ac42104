"""A real bundle through the runner: rows are independent to the last bit, moves lose nothing."""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime import kv_cache, model_runner, packing
from dragoman_server.runtime.kv_cache import KVCache
from dragoman_server.runtime.model_runner import (
    ModelRunner,
    Sessions,
    choose_provider,
    load_sessions,
)
from dragoman_server.runtime.sizing import cache_shape
from tests.server.runtime.rows import SOURCES, Rows, same

ROWS, CAPACITY = 18, 60
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class Loaded(NamedTuple):
    bundle: Bundle
    sessions: Sessions

    def runner(self) -> ModelRunner:
        shape = cache_shape(
            self.bundle.manifest,
            max_rows=ROWS,
            target_capacity=CAPACITY,
            source_capacity=CAPACITY,
        )
        return ModelRunner(self.sessions, KVCache(shape))

    @property
    def start_id(self) -> int:
        return self.bundle.manifest.special_tokens.decoder_start_id


@pytest.fixture(scope="module")
def loaded(bundle: Path) -> Loaded:
    verified = Bundle.load(bundle)
    return Loaded(verified, load_sessions(verified, "cpu"))


class CountingEncoder:
    """An encoder's session that adds up the tokens that it is given."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.tokens = 0

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
        self.tokens += len(inputs["token_ids"])
        return self._session.run(outputs, inputs)


class CountingBindings:
    """A decoder's session that counts how often buffers were bound."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.bindings = 0
        self.get_inputs = session.get_inputs
        self.run_with_iobinding = session.run_with_iobinding

    def io_binding(self) -> Any:
        self.bindings += 1
        return self._session.io_binding()


def test_a_row_is_the_same_alone_and_in_a_crowd(loaded: Loaded) -> None:
    crowd = Rows(loaded, SOURCES)
    steps = [crowd.step() for _ in range(5)]
    for row, source in enumerate(SOURCES):
        alone = Rows(loaded, [source])
        assert all(same(alone.step(), together, row) for together in steps)


def test_a_row_is_the_same_however_the_newcomers_are_divided(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Rows(loaded, SOURCES)
    expected = [together.step() for _ in range(5)]
    monkeypatch.setattr(packing, "MOST_PAIRS", 20)
    assert len(packing.batches(SOURCES)) > 2
    divided = Rows(loaded, SOURCES)
    for step in expected:
        assert np.array_equal(divided.step().logits, step.logits)


@pytest.mark.parametrize("most_pairs", [packing.MOST_PAIRS, 20])
def test_newcomers_with_one_source_go_on_as_each_with_its_own(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, most_pairs: int
) -> None:
    """However the sentences are divided; those that run go on as before."""
    monkeypatch.setattr(packing, "MOST_PAIRS", most_pairs)
    running, newcomers = SOURCES[:2], [SOURCES[i] for i in (2, 0, 4, 2, 2, 3, 0, 1, 4)]
    crowd = Rows(loaded, running)
    crowd.admit(newcomers)
    steps = [crowd.step() for _ in range(5)]
    for row, source in enumerate(running + newcomers):
        alone = Rows(loaded, [source])
        assert all(same(alone.step(), together, row) for together in steps)


def test_a_source_that_several_have_is_encoded_once(loaded: Loaded) -> None:
    encoder = CountingEncoder(loaded.sessions.encoder)
    counted = loaded._replace(sessions=loaded.sessions._replace(encoder=encoder))
    Rows(counted, [SOURCES[0]] * 8 + [SOURCES[1]] * 8)
    assert encoder.tokens == len(SOURCES[0]) + len(SOURCES[1])


def test_a_row_is_the_same_whatever_room_there_is(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows outgrow the cache's first layout, and newcomers' long sources do."""
    few = Rows(loaded, SOURCES)
    expected = [few.step() for _ in range(40)]
    monkeypatch.setattr(kv_cache, "SMALLEST_CAPACITY", 2)
    monkeypatch.setattr(model_runner, "PATIENCE", 7)
    tight = Rows(loaded, SOURCES)
    for step in expected:
        found = tight.step()
        assert np.array_equal(found.ids, step.ids)
        assert np.array_equal(found.logits, step.logits)
        assert np.array_equal(found.log_normalizers, step.log_normalizers)


def test_a_layout_that_comes_again_needs_no_new_buffers(loaded: Loaded) -> None:
    watched = CountingBindings(loaded.sessions.decoder)
    runner = Loaded(loaded.bundle, loaded.sessions._replace(decoder=watched)).runner()

    def translate(tokens: int) -> None:
        runner.encode([SOURCES[0]], 0)
        last = np.array([len(SOURCES[0]) - 1], np.int32)
        for position in range(tokens):
            at = np.array([position], np.int32)
            fed = np.array([loaded.start_id])
            runner.decode(fed, at, last, candidate_count=1, with_normalizers=False)

    translate(kv_cache.SMALLEST_CAPACITY + 1)  # which does not fit the smallest layout
    assert watched.bindings == 2
    translate(kv_cache.SMALLEST_CAPACITY + 1)
    assert watched.bindings == 2


def test_newcomers_with_long_sources_leave_running_rows_alone(loaded: Loaded) -> None:
    alone, joined = Rows(loaded, SOURCES), Rows(loaded, SOURCES)
    for rows in (alone, joined):
        rows.step()
    joined.admit([[5] * 45, [0]])
    long = Rows(loaded, [[5] * 45, [0]])
    for _ in range(3):
        expected, newcomers, found = alone.step(), long.step(), joined.step()
        assert np.array_equal(found.logits[: len(SOURCES)], expected.logits)
        assert np.array_equal(found.logits[len(SOURCES) :], newcomers.logits)


def test_a_moved_row_goes_on_as_before(loaded: Loaded) -> None:
    still, moved = Rows(loaded, SOURCES), Rows(loaded, SOURCES)
    for rows in (still, moved):
        for _ in range(3):
            rows.step()
    moved.replace(0, 2)
    for _ in range(3):
        expected, found = still.step(), moved.step()
        assert np.array_equal(found.logits[0], expected.logits[2])
        assert np.array_equal(found.logits[1:], expected.logits[1:])


@pytest.mark.parametrize("beam_size", [2, 4, 16])
def test_rows_of_one_beam_go_on_as_the_row_that_they_come_from(
    loaded: Loaded, beam_size: int
) -> None:
    """Whichever copy of the source they read; the neighbours go on as before."""
    still, forked = Rows(loaded, SOURCES[:3]), Rows(loaded, SOURCES[:3])
    for rows in (still, forked):
        for _ in range(3):
            rows.step()
    forked.fork(2, beam_size - 1)
    for _ in range(3):
        expected, found = still.step(), forked.step()
        assert np.array_equal(found.logits[:3], expected.logits)
        assert (found.logits[3:] == expected.logits[2]).all()


def test_fewer_candidates_are_the_beginning_of_more(loaded: Loaded) -> None:
    few, many = Rows(loaded, SOURCES).step(1), Rows(loaded, SOURCES).step(7)
    assert np.array_equal(few.ids, many.ids[:, :1])
    assert (np.diff(many.logits, axis=1) <= 0).all()


def test_normalizers_make_probabilities_and_are_left_out_when_unwanted(loaded: Loaded) -> None:
    vocabulary = loaded.bundle.manifest.architecture.vocabulary_size
    whole = Rows(loaded, SOURCES).step(vocabulary)
    log_probs = whole.logits - whole.log_normalizers[:, None]
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1, rtol=1e-4)
    assert not Rows(loaded, SOURCES).step(1, with_normalizers=False).log_normalizers.any()


def test_a_graph_that_cannot_be_loaded_is_named(loaded: Loaded, tmp_path: Path) -> None:
    manifest = type(loaded.bundle.manifest)()
    manifest.CopyFrom(loaded.bundle.manifest)
    (tmp_path / manifest.encoder.path).write_bytes(b"not a graph")
    with pytest.raises(BundleError, match=r"encoder\.onnx cannot be loaded"):
        load_sessions(Bundle(tmp_path, manifest), "cpu")


@pytest.mark.parametrize(
    ("requested", "available", "made_for", "chosen"),
    [
        ("cpu", [CUDA, CPU], ["cuda", "cpu"], "cpu"),
        ("cuda", [CUDA, CPU], ["cuda"], "cuda"),
        ("auto", [CUDA, CPU], ["cuda", "cpu"], "cuda"),
        ("auto", [CUDA, CPU], ["cpu"], "cpu"),
        ("auto", [CPU], ["cuda", "cpu"], "cpu"),
    ],
)
def test_the_provider_is_the_best_that_bundle_and_machine_have(
    requested: str, available: list[str], made_for: list[str], chosen: str
) -> None:
    assert choose_provider(requested, available=available, made_for=made_for) == chosen


@pytest.mark.parametrize(
    ("available", "reason"),
    [([CPU], "onnxruntime has no CUDA provider"), ([CUDA, CPU], "the bundle is not made for cuda")],
)
def test_falling_back_says_why(
    available: list[str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dragoman_server")
    choose_provider("auto", available=available, made_for=["cpu"])
    (record,) = caplog.records
    assert (record.message, record.__dict__["reason"]) == ("provider_fallback", reason)


def test_cuda_where_there_is_none_says_what_to_install() -> None:
    with pytest.raises(
        ConfigError, match=r"has CPUExecutionProvider\. Install Dragoman with the extra gpu"
    ):
        choose_provider("cuda", available=[CPU], made_for=["cuda"])


@pytest.mark.parametrize(
    ("requested", "available", "reason"),
    [
        ("auto", [CPU], "onnxruntime has no CUDA provider"),
        ("cpu", [CUDA, CPU], "provider cpu is asked for"),
    ],
)
def test_a_bundle_made_for_cuda_alone_needs_it(
    requested: str, available: list[str], reason: str
) -> None:
    with pytest.raises(
        ConfigError, match=rf"made for cuda, and {reason}\. Install Dragoman with the extra gpu"
    ):
        choose_provider(requested, available=available, made_for=["cuda"])


def test_cuda_with_a_bundle_made_for_the_cpu_is_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert choose_provider("cuda", available=[CUDA, CPU], made_for=["cpu"]) == "cuda"
    assert caplog.records[0].message == "cuda_without_kernels"
