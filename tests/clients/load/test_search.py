import pytest

from dragoman.load.search import LOWEST_RATE, TRIES, find_peak


class Limit:
    """A server that keeps the bound up to a rate; each call is noted."""

    def __init__(self, peak: float, slow: tuple[int, ...] = ()) -> None:
        self.peak = peak
        self.tried: list[float] = []
        self._slow = slow

    def __call__(self, rate: float) -> bool:
        self.tried.append(rate)
        return rate <= self.peak and len(self.tried) not in self._slow


@pytest.mark.parametrize("start", [1.0, 90.0, 100.0, 500.0])
def test_the_peak_is_found_from_below_and_from_above(start: float) -> None:
    found = find_peak(Limit(100.0), start, precision=0.03)
    assert found is not None
    assert 100 / 1.03 <= found <= 100


def test_a_rate_is_lost_only_after_two_tries() -> None:
    limit = Limit(100.0, slow=(1,))
    found = find_peak(limit, 80.0, precision=0.05)
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
    assert find_peak(limit, 1.0, precision=0.05) is None
    assert min(limit.tried) <= LOWEST_RATE
    assert all(limit.tried.count(rate) == TRIES for rate in limit.tried)
