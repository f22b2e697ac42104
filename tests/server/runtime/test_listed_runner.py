"""A real bundle whose rows choose among lists: independent to the last bit, whatever lists are."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from dragoman_server.models import Bundle
from dragoman_server.runtime import union
from dragoman_server.runtime.kv_cache import KVCache
from dragoman_server.runtime.model_runner import ModelRunner, Sessions, load_sessions
from dragoman_server.runtime.shortlist import Shortlist, load_shortlist
from dragoman_server.runtime.sizing import cache_shape
from tests.server.runtime.rows import SOURCES, Rows, same


class Loaded(NamedTuple):
    bundle: Bundle
    sessions: Sessions

    def runner(self) -> ModelRunner:
        shape = cache_shape(
            self.bundle.manifest, max_rows=12, target_capacity=60, source_capacity=60
        )
        return ModelRunner(self.sessions, KVCache(shape))

    @property
    def start_id(self) -> int:
        return self.bundle.manifest.special_tokens.decoder_start_id

    @property
    def shortlist(self) -> Shortlist:
        assert self.sessions.shortlist is not None
        return self.sessions.shortlist


@pytest.fixture(scope="module")
def loaded(listed_bundle: Path) -> Loaded:
    bundle = Bundle.load(listed_bundle)
    return Loaded(bundle, load_sessions(bundle, "cpu", shortlist=load_shortlist(bundle)))


def test_a_row_is_the_same_alone_and_in_a_crowd(loaded: Loaded) -> None:
    crowd = Rows(loaded, SOURCES)
    together = [crowd.step() for _ in range(6)]
    for row, source in enumerate(SOURCES):
        alone = Rows(loaded, [source])
        assert all(same(alone.step(), step, row) for step in together)


def test_a_row_says_only_what_its_list_has(loaded: Loaded) -> None:
    crowd = Rows(loaded, SOURCES)
    lists = [set(map(int, loaded.shortlist.list_for(source))) for source in SOURCES]
    assert not set.intersection(*lists) >= set.union(*lists)
    for _ in range(6):
        step = crowd.step()
        for row, allowed in enumerate(lists):
            assert set(step.ids[row].tolist()) <= allowed


def test_rows_are_the_same_however_others_come_and_go(loaded: Loaded) -> None:
    alone = Rows(loaded, [SOURCES[0]])
    expected = [alone.step() for _ in range(8)]
    crowd = Rows(loaded, SOURCES)
    assert same(expected[0], crowd.step(), 0)
    crowd.fork(1, 3)  # a beam of somebody else
    assert same(expected[1], crowd.step(), 0)
    crowd.admit([[20, 30, 40, 0], [50, 60, 70, 80, 90, 0]])
    for number in range(2, 5):
        assert same(expected[number], crowd.step(), 0)
    crowd.replace(1, 0)  # the row moves; those behind it leave
    for number in range(5, 8):
        assert same(expected[number], crowd.step(), 1)


def test_rows_are_the_same_however_often_the_union_is_laid_out_anew(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Rows(loaded, [SOURCES[0]])
    expected = [alone.step() for _ in range(6)]
    monkeypatch.setattr(union, "COLUMNS", 4)
    crowd = Rows(loaded, [SOURCES[0]])
    assert same(expected[0], crowd.step(), 0)
    for number, step in enumerate(expected[1:], 1):
        crowd.admit([[20 * number, 30, 40 + number, 0]])
        assert same(step, crowd.step(), 0)


def test_rows_that_are_forked_choose_among_the_same(loaded: Loaded) -> None:
    alone = Rows(loaded, [SOURCES[2]])
    expected = [alone.step() for _ in range(4)]
    beam = Rows(loaded, [SOURCES[2]])
    assert same(expected[0], beam.step(), 0)
    beam.fork(0, 4)
    for step in expected[1:]:
        together = beam.step()
        assert all(same(step, together, row) for row in range(5))


def test_more_candidates_than_a_list_has_are_impossible_ones(loaded: Loaded) -> None:
    few, many = Rows(loaded, SOURCES), Rows(loaded, SOURCES)
    for _ in range(3):
        step, wider = few.step(3), many.step(300)
        assert np.array_equal(step.ids, wider.ids[:, :3])
        assert np.array_equal(step.logits, wider.logits[:, :3])
        assert np.isneginf(wider.logits[:, -1]).all()


def test_told_tokens_are_among_a_rows_own(loaded: Loaded) -> None:
    source, told = SOURCES[0], 200
    assert told not in loaded.shortlist.list_for(source)
    runner = loaded.runner()
    runner.encode([source, source], 0, [(), (told,)])
    row = np.zeros(2, np.int32)
    step = runner.decode(
        np.full(2, loaded.start_id), row, row + 3, candidate_count=40, with_normalizers=True
    )
    finite = [set(step.ids[i][np.isfinite(step.logits[i])].tolist()) for i in range(2)]
    assert finite[1] - finite[0] == {told}
    assert step.log_normalizers[1] > step.log_normalizers[0]


def test_wanted_tokens_have_their_logits_whatever_the_lists(loaded: Loaded) -> None:
    whole = Loaded(loaded.bundle, load_sessions(loaded.bundle, "cpu"))
    found = []
    for each in (loaded, whole):
        runner = each.runner()
        runner.encode(SOURCES, 0)
        last = np.array([len(source) - 1 for source in SOURCES], np.int32)
        step = runner.decode(
            np.full(len(SOURCES), loaded.start_id),
            np.zeros(len(SOURCES), np.int32),
            last,
            candidate_count=1,
            with_normalizers=False,
            wanted_ids=np.array([200, 5, 201, 200]),
        )
        assert step.wanted_logits is not None
        found.append(step.wanted_logits.copy())
    assert np.array_equal(found[0], found[1])


def test_lists_of_everything_say_what_the_whole_decoder_says(loaded: Loaded) -> None:
    sizes = loaded.bundle.manifest.architecture
    everything = loaded.shortlist._replace(
        frequent=np.arange(sizes.vocabulary_size, dtype=np.int32)
    )
    all_listed = loaded._replace(sessions=loaded.sessions._replace(shortlist=everything))
    whole = loaded._replace(sessions=load_sessions(loaded.bundle, "cpu"))
    listed, unlisted = Rows(all_listed, SOURCES), Rows(whole, SOURCES)
    for _ in range(6):
        found, expected = listed.step(), unlisted.step()
        assert np.array_equal(found.ids, expected.ids)
        assert np.array_equal(found.logits, expected.logits)
        assert np.array_equal(found.log_normalizers, expected.log_normalizers)
