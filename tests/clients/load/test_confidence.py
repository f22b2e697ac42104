import pytest

from dragoman.load.confidence import enough_requests, fewest_requests


@pytest.mark.parametrize(("percentile", "fewest"), [(90.0, 44), (97.0, 152), (99.0, 459)])
def test_without_late_requests_it_takes_as_many_as_loadgen_wants(
    percentile: float, fewest: int
) -> None:
    assert fewest_requests(percentile) == fewest
    share = percentile / 100
    assert share**fewest <= 0.01 < share ** (fewest - 1)


@pytest.mark.parametrize(
    # What LoadGen's own rule, the binomial distribution added up, gives for these shares.
    ("late", "requests", "exact"),
    [(0, 20, 152), (1, 100, 383), (4, 200, 1546), (5, 200, 6238), (29, 1000, 157_172)],
)
def test_the_nearer_to_the_limit_the_more_requests_it_takes(
    late: int, requests: int, exact: int
) -> None:
    enough = enough_requests(97.0, late, requests)
    assert enough is not None
    assert exact <= enough <= 1.2 * exact


@pytest.mark.parametrize("late", [3, 4, 100])
def test_where_too_many_are_late_more_requests_do_not_help(late: int) -> None:
    assert enough_requests(97.0, late, 100) is None
