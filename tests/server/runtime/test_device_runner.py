"""Recorded steps: which, when, from what memory; and what they say on the CPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.device import NOT_RECORDED, OrtDevice, View
from dragoman_server.runtime.device_runner import LANE, DeviceGraphs, DeviceRunner
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.runners import device_runners
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.search.candidates import Candidates

SHAPE = CacheShape(
    layers=1,
    max_rows=20,
    heads=2,
    target_capacity=6,
    source_capacity=7,
    head_dim=8,
    data_type="float16",
)
CANDIDATES, VOCABULARY = 3, 50


class FakeBuffer:
    """Host memory that remembers its transfers."""

    def __init__(self, words: int) -> None:
        self.words = np.zeros(words, np.int64)
        self.address = self.words.ctypes.data
        self.written: list[NDArray[np.int64]] = []
        self.reads = 0

    def write(self, words: NDArray[np.int64]) -> None:
        assert words.shape == self.words.shape
        self.written.append(words.copy())

    def read(self) -> NDArray[np.int64]:
        self.reads += 1
        return self.words


class FakeBinding:
    def __init__(
        self, log: list[tuple[str, int]], inputs: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> None:
        self._log = log
        self.inputs, self.outputs = dict(inputs), dict(outputs)
        self.kind = next(iter(outputs)).removesuffix("_ids")

    def set_input(self, name: str, array: NDArray[Any]) -> None:
        self.inputs[name] = array

    def run(self, recording: int = NOT_RECORDED) -> None:
        self._log.append((self.kind, recording))

    def output(self) -> View:
        return View(0, (2, 2, len(self.inputs["token_ids"]), 8), "float16")


class FakeDevice:
    """Device and graphs in one: remembers what is allocated, bound and run."""

    def __init__(self) -> None:
        self.buffers: list[FakeBuffer] = []
        self.bound: list[FakeBinding] = []
        self.log: list[tuple[str, int]] = []

    def allocate(self, words: int) -> FakeBuffer:
        self.buffers.append(FakeBuffer(words))
        return self.buffers[-1]

    def load(self, _: Path) -> "FakeDevice":
        return self

    load_recorded = load

    def bind(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> FakeBinding:
        self.bound.append(FakeBinding(self.log, inputs, outputs))
        return self.bound[-1]

    def steps(self) -> list[FakeBinding]:
        return [binding for binding in self.bound if binding.kind == "candidate"]


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def runner(device: FakeDevice) -> DeviceRunner:
    graphs = DeviceGraphs(device, device, device)
    return DeviceRunner(graphs, device, SHAPE, vocabulary=VOCABULARY, candidates=CANDIDATES)


def decode(runner: DeviceRunner, rows: int, **changes: Any) -> Candidates:
    inputs: dict[str, Any] = {
        "token_ids": np.arange(rows) + 1,
        "positions": np.full(rows, 2, np.int32),
        "source_last": np.full(rows, 3, np.int32),
        "candidate_count": 2,
        "with_normalizers": True,
    } | changes
    return runner.decode(**inputs)


def test_every_bucket_is_recorded_once_the_largest_first(
    runner: DeviceRunner, device: FakeDevice
) -> None:
    runner.warm_up(0)
    steps = [recording for kind, recording in device.log if kind == "candidate"]
    assert steps == [6, 5, 4, 3, 2, 1]
    assert {kind for kind, _ in device.log} == {"candidate", "cross_key_value", "target_out"}
    assert all(r == NOT_RECORDED for kind, r in device.log if kind != "candidate")


def test_a_step_takes_the_smallest_bucket_and_one_transfer_each_way(
    runner: DeviceRunner, device: FakeDevice
) -> None:
    allocated, bound = len(device.buffers), len(device.bound)
    for rows, recording in ((1, 1), (3, 3), (4, 3), (17, 6), (20, 6)):
        before = [(len(buffer.written), buffer.reads) for buffer in device.buffers]
        decode(runner, rows)
        assert device.log[-1] == ("candidate", recording)
        after = [(len(buffer.written), buffer.reads) for buffer in device.buffers]
        changes = [(w - v, r - q) for (v, q), (w, r) in zip(before, after, strict=True)]
        assert sorted(changes)[-2:] == [(0, 1), (1, 0)]
        assert sum(w + r for w, r in changes) == 2
    assert (len(device.buffers), len(device.bound)) == (allocated, bound)


def test_inputs_lie_in_one_buffer_and_rows_that_nobody_holds_are_zeros(
    runner: DeviceRunner, device: FakeDevice
) -> None:
    decode(runner, 4)
    decode(runner, 3)
    (sent,) = (buffer.written for buffer in device.buffers if len(buffer.written) == 2)
    lanes = sent[-1].view(np.int32).reshape(3, LANE)
    assert lanes[:, :5].tolist() == [[1, 2, 3, 0, 0], [2, 2, 2, 0, 0], [3, 3, 3, 0, 0]]
    step = device.steps()[2]
    addresses = [step.inputs[name].address for name in ("token_ids", "positions", "source_last")]
    assert np.diff(addresses).tolist() == [LANE * 4] * 2
    assert step.inputs["target_places"].tolist() == [SHAPE.target_capacity]


def test_caches_are_bound_in_place_for_every_bucket(
    runner: DeviceRunner, device: FakeDevice
) -> None:
    del runner
    addresses = set()
    for step, rows in zip(device.steps(), (1, 2, 4, 8, 16, 20), strict=True):
        cache = step.inputs["cross_value_0"]
        assert step.outputs["cross_value_0_out"] == cache
        assert cache.shape == (rows, 2, 7, 8)
        addresses.add(cache.address)
    assert len(addresses) == 1


def test_candidates_are_read_from_one_buffer(runner: DeviceRunner, device: FakeDevice) -> None:
    step = device.steps()[1]  # of two rows
    address = step.outputs["candidate_ids"].address
    (results,) = (buffer for buffer in device.buffers if buffer.address == address)
    count = 2 * CANDIDATES
    results.words[:count] = range(10, 10 + count)
    results.words[count:].view(np.float32)[:count] = -np.arange(count)
    found = decode(runner, 2)
    assert found.ids.tolist() == [[10, 11], [13, 14]]
    assert found.logits.tolist() == [[0, -1], [-3, -4]]
    assert found.log_normalizers.tolist() == [0, 0]
    assert step.outputs["candidate_log_probs"].address == address + count * 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_ids": np.array([1, VOCABULARY])},
        {"token_ids": np.array([1, -1])},
        {"positions": np.array([0, SHAPE.target_capacity], np.int32)},
        {"source_last": np.array([0, SHAPE.source_capacity], np.int32)},
        {"positions": np.array([-1, 0], np.int32)},
    ],
)
def test_what_is_out_of_range_never_reaches_the_device(
    runner: DeviceRunner, device: FakeDevice, wrong: dict[str, NDArray[Any]]
) -> None:
    with pytest.raises(ValueError, match="step out of range"):
        decode(runner, 2, **wrong)
    assert not device.log


def test_more_candidates_than_there_are_is_an_error(runner: DeviceRunner) -> None:
    with pytest.raises(ValueError, match="4 candidates are wanted, the graph returns 3"):
        decode(runner, 2, candidate_count=4)


SOURCES = [[3, 4, 5, 0], [6, 0], [7, 8, 9, 0], [0], [5, 5, 5, 0]]


def decoded(bundle: Bundle, sources: list[list[int]], *, max_rows: int) -> NDArray[np.float32]:
    """Returns the candidates' log-probabilities of six greedy steps, (steps, rows, candidates)."""
    shape = cache_shape(bundle.manifest, max_rows=max_rows, target_capacity=9, source_capacity=9)
    loaded = device_runners(bundle, OrtDevice("cpu"), shape, 1)
    loaded.prepare[0]()
    (runner,) = loaded.runners
    assert isinstance(runner, DeviceRunner)
    runner.encode(sources, 0)
    rows = len(sources)
    tokens = np.full(rows, bundle.manifest.special_tokens.decoder_start_id)
    source_last = np.array([len(ids) - 1 for ids in sources], np.int32)
    log_probs = []
    for position in range(6):
        candidates = runner.decode(
            tokens,
            np.full(rows, position, np.int32),
            source_last,
            candidate_count=33,
            with_normalizers=False,
        )
        tokens = candidates.ids[:, 0].copy()
        log_probs.append(candidates.logits.copy())
    return np.stack(log_probs)


def test_steps_beyond_the_rows_in_use_leave_them_alone(stand_in_bundle: Path) -> None:
    """Five rows run in the bucket of eight; all go on as they do with no padding."""
    bundle = Bundle.load(stand_in_bundle)
    full, padded = (decoded(bundle, SOURCES, max_rows=rows) for rows in (5, 8))
    np.testing.assert_array_equal(full, padded)


def test_newcomers_with_one_source_go_on_as_each_with_its_own(stand_in_bundle: Path) -> None:
    bundle = Bundle.load(stand_in_bundle)
    each = [2, 0, 2, 4, 0, 2, 1, 3]
    alone = decoded(bundle, SOURCES, max_rows=8)
    shared = decoded(bundle, [SOURCES[index] for index in each], max_rows=8)
    np.testing.assert_array_equal(shared, alone[:, each])


def test_a_source_that_several_have_is_encoded_once(
    runner: DeviceRunner, device: FakeDevice
) -> None:
    runner.encode([[3, 4, 0], [5, 0], [3, 4, 0], [3, 4, 0]], 2)
    (encoder,) = (each for each in device.bound if each.kind == "cross_key_value")
    assert encoder.inputs["token_ids"].tolist() == [3, 4, 0, 5, 0]


def test_a_graph_that_does_not_run_is_a_bundle_error(
    stand_in_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no kernel image")

    bundle = Bundle.load(stand_in_bundle)
    shape = cache_shape(bundle.manifest, max_rows=2, target_capacity=9, source_capacity=9)
    loaded = device_runners(bundle, OrtDevice("cpu"), shape, 1)
    monkeypatch.setattr(DeviceRunner, "warm_up", fail)
    with pytest.raises(BundleError, match="do not run here: no kernel image"):
        loaded.prepare[0]()
