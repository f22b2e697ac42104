"""What every runtime has to show of its runner and its attention weights on a device.

Test modules inherit from RunnerChecks and say which runtime and which bundles they are of. Bundles
and expected translations are carried along (carried.py).
"""

import difflib
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.runner import Runner
from dragoman_server.search.candidates import Candidates
from dragoman_server.search.rows import Move
from dragoman_server.sequence import TranslationOptions
from tests.gpu.carried import BEAM_SIZES, MAX_LENGTH, CarriedBundle, Precision, Workload
from tests.gpu.engines import ROWS as ENGINE_ROWS
from tests.gpu.engines import async_engine, translated
from tests.gpu.loaded import Loaded, RuntimeUnderTest, load, opened
from tests.server.engine.stepping import translate_all

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


TOLERANCES: dict[Precision, Tolerance] = {
    "float16": Tolerance(0.9, 0.97, 0.02, 0.02),
    "bfloat16": Tolerance(0.6, 0.9, 0.2, 0.2),
}


def same(expected: list[list[int]], found: list[list[int]]) -> float:
    """Share of sentences. One that goes another way once has other tokens from there on: of a few
    sentences this says more than `agreement` does.
    """
    return sum(a == b for a, b in zip(expected, found, strict=True)) / len(expected)


def agreement(expected: list[list[int]], found: list[list[int]]) -> float:
    """Share of tokens in matching blocks."""
    matching = sum(
        block.size
        for a, b in zip(expected, found, strict=True)
        for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    )
    return 2 * matching / sum(map(len, [*expected, *found]))


class Rows:
    """Rows decoded greedily, each of them encoded by itself."""

    def __init__(self, loaded: Loaded, sources: list[list[int]], runner: Runner) -> None:
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
    steps = [rows.step() for _ in range(count)]
    return np.stack([step.logits - step.log_normalizers[:, None] for step in steps])


class RunnerChecks:
    """Of one runtime."""

    @pytest.fixture(scope="class")
    def loaded(
        self, runtime: RuntimeUnderTest, carried: CarriedBundle, workload: Workload
    ) -> Loaded:
        """The bundle, its steps recorded."""
        return load(runtime, carried, MAX_ROWS, longest_source=workload.longest)

    @pytest.mark.parametrize("beam_size", BEAM_SIZES)
    def test_translations_are_those_of_float32(
        self, loaded: Loaded, carried: CarriedBundle, workload: Workload, beam_size: int
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
        alike, agreed = same(expected, found), agreement(expected, found)
        print(
            f"{carried.name}, beam {beam_size}: {alike:.3f} the same, {agreed:.4f} of tokens agree"
        )
        assert alike >= TOLERANCES[carried.precision].same
        assert agreed >= TOLERANCES[carried.precision].agreement

    def test_a_row_does_not_depend_on_its_neighbours(
        self, loaded: Loaded, workload: Workload
    ) -> None:
        """To the last bit, as long as the number of rows falls into the same bucket."""
        first, *others = workload.sources[:16]
        one = log_probs(Rows(loaded, [first, *others[:7]], loaded.runner), 8)
        other = log_probs(Rows(loaded, [first, *others[8:15]], loaded.runner), 8)
        np.testing.assert_array_equal(one[:, 0], other[:, 0])
        assert not np.array_equal(one[:, 1:], other[:, 1:])

    def test_rows_that_nobody_holds_change_nothing(
        self, loaded: Loaded, workload: Workload
    ) -> None:
        """Five rows are decoded as eight; the other three write where nobody reads."""
        sources = workload.sources[:8]
        padded = log_probs(Rows(loaded, sources[:5], loaded.runner), 8)
        full = log_probs(Rows(loaded, sources, loaded.runner), 8)
        np.testing.assert_array_equal(padded, full[:, :5])

    def test_newcomers_with_one_source_go_on_alike(
        self, loaded: Loaded, workload: Workload
    ) -> None:
        """It is encoded once, and copied on the device."""
        first, second = workload.sources[:2]
        rows = Rows(loaded, [first, second, first, first], loaded.runner)
        loaded.runner.encode([first, second, first, first], 0)
        found = log_probs(rows, 8)
        for row in (2, 3):
            np.testing.assert_array_equal(found[:, row], found[:, 0])
        assert not np.array_equal(found[:, 1], found[:, 0])

    def test_numbers_of_rows_differ_by_rounding_alone(
        self, loaded: Loaded, carried: CarriedBundle, workload: Workload
    ) -> None:
        alone = log_probs(Rows(loaded, workload.sources[:1], loaded.runner), 3)
        crowd = log_probs(Rows(loaded, workload.sources[:40], loaded.runner), 3)
        difference = np.abs(alone[:, 0, 0] - crowd[:, 0, 0]).max()
        print(f"{carried.name}: {difference:.2e} between 1 row and 40")
        assert difference <= TOLERANCES[carried.precision].log_prob

    def test_what_is_replayed_is_what_is_run(
        self, runtime: RuntimeUnderTest, loaded: Loaded, carried: CarriedBundle, workload: Workload
    ) -> None:
        """Of every bucket, at every step: a recording follows its inputs."""
        eager = load(runtime, carried, MAX_ROWS, longest_source=workload.longest, recorded=False)
        for rows in (1, 2, 4, 8, 16, 24, 32, 48):
            sources = workload.sources[:rows]
            replayed = log_probs(Rows(loaded, sources, loaded.runner), 6)
            run = log_probs(Rows(eager, sources, eager.runner), 6)
            np.testing.assert_array_equal(replayed, run, err_msg=f"{rows} rows")

    def test_a_moved_row_goes_on_as_before(self, loaded: Loaded, workload: Workload) -> None:
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

    def test_steps_are_recorded_on_the_engines_own_thread(
        self, runtime: RuntimeUnderTest, carried: CarriedBundle, workload: Workload
    ) -> None:
        """Loaded here, prepared and run there, as the server does it."""
        bundle, shape = opened(carried, ENGINE_ROWS, workload.longest)
        found = translated(
            async_engine(bundle.manifest, runtime.runners(bundle, shape)),
            [(source, TranslationOptions(MAX_LENGTH)) for source in workload.sources[:40]],
        )
        tokens = [completion.token_ids for completion in found]
        assert same(workload.expected[1][:40], tokens) >= TOLERANCES[carried.precision].same

    def test_alignments_are_those_of_float32_and_disturb_no_decoding(
        self, runtime: RuntimeUnderTest, carried: CarriedBundle, workload: Workload
    ) -> None:
        """Every other text is aligned beside the engine, on the same device."""
        bundle, shape = opened(carried, ENGINE_ROWS, workload.longest)
        engine = async_engine(
            bundle.manifest,
            runtime.runners(bundle, shape),
            runtime.attend(Bundle.load(carried.path)),
        )
        aligning = TranslationOptions(MAX_LENGTH, return_alignment=True)
        plain = TranslationOptions(MAX_LENGTH)
        requests = [
            (source, plain if index % 2 else aligning)
            for index, source in enumerate(workload.sources[:40])
        ]
        found = translated(engine, requests)
        tokens = [completion.token_ids for completion in found]
        assert same(workload.expected[1][:40], tokens) >= TOLERANCES[carried.precision].same
        heads = bundle.manifest.alignment_heads
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
        print(
            f"{carried.name}: {len(differences)} alignments differ by "
            f"{max(differences):.4f} at most"
        )
        assert len(differences) >= TOLERANCES[carried.precision].same * len(workload.cross) / 2
        assert max(differences) <= TOLERANCES[carried.precision].attention
