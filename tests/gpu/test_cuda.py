"""Float16 and bfloat16 bundles on a GPU: what the CPU cannot say about them.

Bundles and expected translations are carried along (carried.py); skipped where there are none, or
no CUDA provider.
"""

import asyncio
import difflib
import functools
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.engine.attention_threads import Attend
from dragoman_server.engine.engine import Engine
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.models.bundle import Bundle
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.runtime.attention_runner import AttentionRunner
from dragoman_server.runtime.attention_session import load_attention
from dragoman_server.runtime.device import OrtDevice, View
from dragoman_server.runtime.device_cache import DeviceCache
from dragoman_server.runtime.device_runner import DeviceRunner
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.prepared import Runners
from dragoman_server.search.candidates import Candidates
from dragoman_server.search.rows import Move, RowCopies
from dragoman_server.search.search import Search
from dragoman_server.sequence import Completion, TranslationOptions
from tests.gpu.carried import (
    BEAM_SIZES,
    DEVICE,
    DIRECTORY,
    MAX_LENGTH,
    PRECISIONS,
    WORKLOAD,
    Workload,
)
from tests.gpu.loaded import EagerDevice, Loaded, load, load_unprepared
from tests.server.engine.stepping import translate_all

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        DEVICE == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
        reason="this onnxruntime has no CUDA provider",
    ),
    pytest.mark.skipif(
        not (DIRECTORY / WORKLOAD).exists(), reason=f"nothing was prepared at {DIRECTORY}"
    ),
    pytest.mark.filterwarnings("ignore"),
]

MAX_ROWS = 48


class Tolerance(NamedTuple):
    """Of a precision beside float32."""

    same: float
    """Least share of sentences that are the same."""
    agreement: float
    """Least share of tokens that agree, over all sentences."""
    log_prob: float
    """Largest difference of a token's log-probability between numbers of rows."""
    attention: float
    """Largest difference of a weight."""


TOLERANCES = {
    "float16": Tolerance(0.9, 0.97, 0.02, 0.02),
    "bfloat16": Tolerance(0.6, 0.9, 0.2, 0.2),
}


@pytest.fixture(scope="module")
def workload() -> Workload:
    return Workload.read(DIRECTORY)


@pytest.fixture(scope="module", params=PRECISIONS)
def precision(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def loaded(precision: str, workload: Workload) -> Loaded:
    return load(precision, MAX_ROWS, longest_source=max(map(len, workload.sources)))


def agreement(expected: list[list[int]], found: list[list[int]]) -> float:
    """Share of tokens in matching blocks."""
    matching = sum(
        block.size
        for a, b in zip(expected, found, strict=True)
        for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    )
    return 2 * matching / sum(map(len, [*expected, *found]))


@pytest.mark.parametrize("beam_size", BEAM_SIZES)
def test_translations_are_those_of_float32(
    loaded: Loaded, precision: str, workload: Workload, beam_size: int
) -> None:
    options = TranslationOptions(MAX_LENGTH, beam_size=beam_size)
    completions = translate_all(
        loaded.runner,
        loaded.manifest,
        [(source, options) for source in workload.sources],
        max_rows=MAX_ROWS,
        max_encode_tokens=1024,
    )
    found = [completion.token_ids for completion in completions]
    expected = workload.expected[beam_size]
    same = sum(a == b for a, b in zip(expected, found, strict=True)) / len(expected)
    agreed = agreement(expected, found)
    print(f"{precision}, beam {beam_size}: {same:.3f} the same, {agreed:.4f} of tokens agree")
    assert same >= TOLERANCES[precision].same
    assert agreed >= TOLERANCES[precision].agreement


class Rows:
    """Rows decoded greedily, each of them encoded by itself."""

    def __init__(self, loaded: Loaded, sources: list[list[int]], runner: DeviceRunner) -> None:
        self._runner = runner
        for row, source in enumerate(sources):
            runner.encode([source], row)
        self._source_last = np.array([len(ids) - 1 for ids in sources], np.int32)
        self._tokens = np.full(
            len(sources), loaded.manifest.special_tokens.decoder_start_id, np.int64
        )
        self._positions = np.zeros(len(sources), np.int32)

    def step(self) -> Candidates:
        candidates = self._runner.decode(
            self._tokens,
            self._positions,
            self._source_last,
            candidate_count=9,
            with_normalizers=True,
        )
        self._tokens = candidates.ids[:, 0].copy()
        self._positions += 1
        return Candidates(
            candidates.ids.copy(), candidates.logits.copy(), candidates.log_normalizers.copy()
        )


def log_probs(rows: Rows, count: int) -> NDArray[np.float32]:
    """Of some steps, (steps, rows, candidates)."""
    return np.stack([rows.step().logits for _ in range(count)])


def test_a_row_does_not_depend_on_its_neighbours(loaded: Loaded, workload: Workload) -> None:
    """To the last bit, as long as the number of rows falls into the same bucket."""
    first, *others = workload.sources[:16]
    one = log_probs(Rows(loaded, [first, *others[:7]], loaded.runner), 8)
    other = log_probs(Rows(loaded, [first, *others[8:15]], loaded.runner), 8)
    np.testing.assert_array_equal(one[:, 0], other[:, 0])
    assert not np.array_equal(one[:, 1:], other[:, 1:])


def test_rows_that_nobody_holds_change_nothing(loaded: Loaded, workload: Workload) -> None:
    """Five rows are decoded as eight; the other three write where nobody reads."""
    sources = workload.sources[:8]
    padded = log_probs(Rows(loaded, sources[:5], loaded.runner), 8)
    full = log_probs(Rows(loaded, sources, loaded.runner), 8)
    np.testing.assert_array_equal(padded, full[:, :5])


def test_newcomers_with_one_source_go_on_alike(loaded: Loaded, workload: Workload) -> None:
    """It is encoded once, and copied on the device."""
    first, second = workload.sources[:2]
    rows = Rows(loaded, [first, second, first, first], loaded.runner)
    loaded.runner.encode([first, second, first, first], 0)
    found = log_probs(rows, 8)
    for row in (2, 3):
        np.testing.assert_array_equal(found[:, row], found[:, 0])
    assert not np.array_equal(found[:, 1], found[:, 0])


def test_numbers_of_rows_differ_by_rounding_alone(
    loaded: Loaded, precision: str, workload: Workload
) -> None:
    alone = log_probs(Rows(loaded, workload.sources[:1], loaded.runner), 3)
    crowd = log_probs(Rows(loaded, workload.sources[:40], loaded.runner), 3)
    difference = np.abs(alone[:, 0, 0] - crowd[:, 0, 0]).max()
    print(f"{precision}: {difference:.2e} between 1 row and 40")
    assert difference <= TOLERANCES[precision].log_prob


def test_what_is_replayed_is_what_is_run(
    loaded: Loaded, precision: str, workload: Workload
) -> None:
    """Of every bucket, at every step: a recording follows its inputs."""
    longest = max(map(len, workload.sources))
    eager = load(precision, MAX_ROWS, longest_source=longest, device=EagerDevice(DEVICE))
    for rows in (1, 2, 4, 8, 16, 24, 32, 48):
        sources = workload.sources[:rows]
        replayed = log_probs(Rows(loaded, sources, loaded.runner), 6)
        run = log_probs(Rows(eager, sources, eager.runner), 6)
        np.testing.assert_array_equal(replayed, run, err_msg=f"{rows} rows")


def test_a_moved_row_goes_on_as_before(loaded: Loaded, workload: Workload) -> None:
    sources = workload.sources[:8]
    still = log_probs(Rows(loaded, sources, loaded.runner), 6)
    rows = Rows(loaded, sources, loaded.runner)
    before = log_probs(rows, 3)
    loaded.runner.move([Move(5, 1, 3, len(sources[5]))])
    rows._tokens[1], rows._source_last[1] = rows._tokens[5], rows._source_last[5]
    after = log_probs(rows, 3)
    np.testing.assert_array_equal(before, still[:3])
    np.testing.assert_array_equal(after[:, 1], still[3:, 5])
    np.testing.assert_array_equal(after[:, 2:], still[3:, 2:])


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
    cache = DeviceCache(SHAPE, device, device.load(DIRECTORY / "float16/copy.onnx"))
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


def test_steps_are_recorded_on_the_engines_own_thread(workload: Workload) -> None:
    """Loaded here, prepared and run there, as the server does it."""
    longest = max(map(len, workload.sources))
    manifest, runners = load_unprepared("float16", 16, longest_source=longest)
    found = translated(
        async_engine(manifest, runners),
        [(source, TranslationOptions(MAX_LENGTH)) for source in workload.sources[:40]],
    )
    tokens = [completion.token_ids for completion in found]
    assert agreement(workload.expected[1][:40], tokens) >= TOLERANCES["float16"].agreement


def test_alignments_are_those_of_float32_and_disturb_no_decoding(
    precision: str, workload: Workload
) -> None:
    """Every other text is aligned beside the engine, on the same device."""
    longest = max(map(len, workload.sources))
    manifest, runners = load_unprepared(precision, 16, longest_source=longest)
    load = functools.partial(load_attention, device=OrtDevice(DEVICE))
    attend = AttentionRunner(Bundle.load(DIRECTORY / precision), load).run
    aligning = TranslationOptions(MAX_LENGTH, return_alignment=True)
    plain = TranslationOptions(MAX_LENGTH)
    requests = [
        (source, plain if index % 2 else aligning)
        for index, source in enumerate(workload.sources[:40])
    ]
    found = translated(async_engine(manifest, runners, attend), requests)
    tokens = [completion.token_ids for completion in found]
    assert agreement(workload.expected[1][:40], tokens) >= TOLERANCES[precision].agreement
    heads = manifest.alignment_heads
    differences = []
    for index, weights in enumerate(workload.cross):
        attention = found[index].attention
        assert (attention is None) is bool(index % 2)
        if attention is not None and tokens[index] == workload.expected[1][index]:
            exact = np.array(weights)[heads.layer, list(heads.heads)].mean(axis=0)
            said = len(tokens[index])
            rows = slice(1, 1 + said) if heads.after_token else slice(said)
            assert attention.alignment is not None
            differences.append(np.abs(attention.alignment - exact[rows]).max())
    print(f"{precision}: {len(differences)} alignments differ by {max(differences):.4f} at most")
    assert len(differences) >= TOLERANCES[precision].same * len(workload.cross) / 2
    assert max(differences) <= TOLERANCES[precision].attention


def async_engine(manifest: Manifest, runners: Runners, attend: Attend | None = None) -> AsyncEngine:
    """One engine of 16 rows, as the server has it."""
    special = manifest.special_tokens
    queue = WaitingQueue(max_queue_size=100, engines=1)
    return AsyncEngine(
        queue,
        lambda deliver: [
            Engine(
                scheduler=Scheduler(queue, engine=0, max_batch_size=16, max_encode_tokens=256),
                search=Search(
                    max_rows=16,
                    max_length=MAX_LENGTH,
                    decoder_start_id=special.decoder_start_id,
                    end_id=special.end_id,
                ),
                runner=runners.runners[0],
                metrics=EngineMetrics(Metrics(), "tiny"),
                deliver=deliver,
            )
        ],
        max_rows=16,
        prepare=runners.prepare,
        attend=attend,
    )


def translated(
    engine: AsyncEngine, requests: list[tuple[list[int], TranslationOptions]]
) -> list[Completion]:
    async def translate() -> list[Completion]:
        await engine.start()
        futures = [future for ids, options in requests for future in engine.submit([ids], options)]
        completions = await asyncio.gather(*futures)
        await engine.close()
        return completions

    return asyncio.run(translate())
