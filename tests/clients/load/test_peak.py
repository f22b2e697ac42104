"""Searches of servers that are simulated: what LoadGen would say of them follows its rule."""

from dataclasses import replace

import pytest

from dragoman.load.confidence import enough_requests
from dragoman.load.loadgen import LoadTest
from dragoman.load.peak import PeakSearch
from dragoman.load.result import Run
from tests.clients.load.reports import run as made_run

FULL = LoadTest("server", 60.0, 4, bound_seconds=0.25)


class Simulated:
    """A server whose share of late answers is a function of the rate; notes each test."""

    def __init__(self, peak: float, late: float = 0.0) -> None:
        self.tests: list[LoadTest] = []
        self.said: list[str] = []
        self._peak = peak
        self._late = late

    def __call__(self, test: LoadTest) -> Run:
        self.tests.append(test)
        requests = max(round(test.rate * test.seconds), test.requests)
        late = requests if test.rate > self._peak else int(self._late * requests)
        enough = enough_requests(test.percentile, late, requests)
        is_valid = enough is not None and requests >= enough
        return made_run(
            test.rate,
            ok=requests,
            reasons=() if is_valid else ("not valid",),
            enough_requests=None if is_valid else enough,
        )

    def search(self, trial_seconds: float, test: LoadTest = FULL) -> PeakSearch:
        return PeakSearch(
            self, self.said.append, test=test, trial_seconds=trial_seconds, precision=0.04
        )


def test_a_peak_is_found_and_confirmed() -> None:
    server = Simulated(100.0)
    assert server.search(15.0).find(50.0) == (True, "")
    assert 96 <= server.tests[-1].rate <= 100
    assert server.tests[-1].seconds == 60.0
    assert all(test.seconds == 15.0 for test in server.tests[:-1])


def test_short_trials_are_as_long_as_it_takes_to_decide() -> None:
    server = Simulated(20.0)
    assert server.search(0.5).find(10.0).is_confirmed
    assert 19 <= server.tests[-1].rate <= 20
    assert min(test.requests for test in server.tests) >= 152


def test_an_undecided_trial_is_made_again_with_more_requests_instead_of_counted() -> None:
    server = Simulated(40.0, late=0.015)
    assert server.search(5.0).find(30.0).is_confirmed
    first, second = server.tests[:2]
    assert first.rate == second.rate == 30.0
    assert second.requests >= 612
    assert any("undecided at 30/s: once more, with" in line for line in server.said)
    assert 38 <= server.tests[-1].rate <= 40


def test_a_rate_that_stays_undecided_ends_the_search_with_its_name() -> None:
    server = Simulated(1000.0, late=0.0295)
    confirmed, told = server.search(5.0).find(100.0)
    assert not confirmed
    assert told.startswith("Nothing is sure: 2.53/s is undecided after trials of up to 60 s")
    assert "--trial-duration" in told
    assert len(server.tests) < 20


def test_a_server_that_is_too_slow_ends_the_search_where_trials_would_take_too_long() -> None:
    server = Simulated(0.0)
    confirmed, told = server.search(15.0).find(50.0)
    assert not confirmed
    assert "No rate was found that keeps the bound, down to 1.27/s" in told
    assert "more than 120 s for the 152 requests" in told
    assert min(test.rate for test in server.tests) >= 152 / 120


def test_a_start_below_what_can_be_decided_is_raised_and_told() -> None:
    server = Simulated(5.0)
    assert server.search(15.0).find(0.1).is_confirmed
    assert server.tests[0].rate > 1.2
    assert server.said[0].startswith("beginning with 1.267/s: at 0.1/s the 152 requests")


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "NOT_FOUND", "WRONG"])
def test_what_fails_at_any_rate_ends_the_search_at_once(status: str) -> None:
    server = Simulated(100.0)

    def run(test: LoadTest) -> Run:
        found = replace(server(test), valid=False, reasons=["1 of 9 requests ended"])
        return replace(found, outcomes={"OK": 8, status: 1})

    search = PeakSearch(run, server.said.append, test=FULL, trial_seconds=15.0, precision=0.04)
    confirmed, told = search.find(50.0)
    assert not confirmed
    assert told == (
        "The search ended at 50.0/s, as no other rate mends what failed: 1 of 9 requests ended."
    )
    assert len(server.tests) == 1


def test_refusals_and_deadlines_are_what_a_lower_rate_mends() -> None:
    server = Simulated(1000.0)

    def run(test: LoadTest) -> Run:
        found = server(test)
        if test.rate <= 40:
            return found
        found = replace(found, valid=False, reasons=["refused"])
        return replace(found, outcomes={"OK": 8, "RESOURCE_EXHAUSTED": 1, "DEADLINE_EXCEEDED": 1})

    search = PeakSearch(run, server.said.append, test=FULL, trial_seconds=15.0, precision=0.04)
    assert search.find(50.0).is_confirmed
    assert 38 <= server.tests[-1].rate <= 40


def test_a_peak_that_no_full_test_confirms_is_given_up_after_some_steps() -> None:
    server = Simulated(100.0)

    def run(test: LoadTest) -> Run:
        found = server(test)
        return made_run(test.rate, reasons=("slow",)) if test.seconds == 60.0 else found

    search = PeakSearch(run, server.said.append, test=FULL, trial_seconds=15.0, precision=0.04)
    confirmed, told = search.find(50.0)
    assert not confirmed
    assert "were kept in trials, but neither that nor anything down to" in told
    assert len(server.tests) < 40
