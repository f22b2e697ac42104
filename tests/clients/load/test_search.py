import pytest

from dragoman.load.search import LOWEST_RATE, TRIES, Found, Outcome, find_peak


class Limit:
    """A server that keeps the bound up to a rate; each call is noted."""

    def __init__(
        self,
        peak: float,
        slow: tuple[int, ...] = (),
        undecided: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.peak = peak
        self.tried: list[float] = []
        self._slow = slow
        self._undecided = undecided

    def __call__(self, rate: float) -> Outcome:
        self.tried.append(rate)
        if self._undecided[0] < rate < self._undecided[1]:
            return Outcome.UNDECIDED
        is_kept = rate <= self.peak and len(self.tried) not in self._slow
        return Outcome.KEPT if is_kept else Outcome.BROKEN


@pytest.mark.parametrize("start", [1.0, 90.0, 100.0, 500.0])
def test_the_peak_is_found_from_below_and_from_above(start: float) -> None:
    found, undecided = find_peak(Limit(100.0), start, precision=0.03)
    assert found is not None
    assert 100 / 1.03 <= found <= 100
    assert undecided is None


def test_a_rate_is_lost_only_after_two_tries() -> None:
    limit = Limit(100.0, slow=(1,))
    found = find_peak(limit, 80.0, precision=0.05).rate
    assert limit.tried[:2] == [80.0, 80.0]
    assert found is not None
    assert found > 95


def test_nothing_is_tried_again_that_was_kept() -> None:
    limit = Limit(100.0)
    find_peak(limit, 80.0, precision=0.05)
    kept = [rate for rate in limit.tried if rate <= 100]
    assert len(set(kept)) == len(kept)


def test_a_server_that_keeps_no_rate_has_no_peak() -> None:
    limit = Limit(0.0)
    assert find_peak(limit, 1.0, precision=0.05) == Found(None, None)
    assert min(limit.tried) == LOWEST_RATE
    assert all(limit.tried.count(rate) == TRIES for rate in limit.tried)


def test_an_undecided_rate_is_neither_tried_again_nor_kept_and_is_told() -> None:
    limit = Limit(100.0, undecided=(80.0, 130.0))
    found, undecided = find_peak(limit, 60.0, precision=0.05)
    assert found is not None
    assert 80 / 1.05 <= found <= 80
    assert undecided is not None
    assert 80 < undecided <= 90
    assert len(set(limit.tried)) == len([rate for rate in limit.tried if rate < 130])


def test_the_search_ends_where_trials_can_decide_nothing_any_more() -> None:
    limit = Limit(100.0, undecided=(0.0, 1000.0))
    found = find_peak(limit, 20.0, precision=0.05, lowest=10.0)
    assert found == Found(None, 10.0)
    assert limit.tried == [20.0, pytest.approx(20 / 1.5), 10.0]
