"""Finds a server's peak: trials of rates, each as long as it takes to decide, and a confirmation.

Knows what LoadGen needs in order to be sure. How a test is made, and how rates are chosen, is
elsewhere.
"""

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import NamedTuple

from dragoman.load.answers import LASTING
from dragoman.load.confidence import fewest_requests
from dragoman.load.figures import readable
from dragoman.load.loadgen import LoadTest
from dragoman.load.result import Run
from dragoman.load.search import LOWEST_RATE, TRIES, Outcome, find_peak

STEP_DOWN = 0.95
"""What is tried next where a full test does not confirm the rate that the search found."""

MOST_STEPS_DOWN = 10

HOPELESS_SECONDS = 2.0
"""Of arrivals without an answer, at which a trial is given up."""

FEWEST_OUTSTANDING = 16
"""Requests without an answer at which no trial is given up yet."""

MOST_EXTENSION = 8.0
"""How many times as long as asked for a trial may become, so that it decides; and never longer than
a full test, where that is more."""

MARGIN = 1.1
"""Of requests above those that would just be enough."""


class Peak(NamedTuple):
    """How the search ended."""

    is_confirmed: bool
    """Whether the last test is that of the peak."""
    told: str
    """Why there is no peak, or what remains unsure of it; empty where there is nothing to say."""


NO_SEARCH = Peak(False, "")


class _FailsAtAnyRateError(Exception):
    """A trial failed in a way that a lower rate does not mend; says how."""


class PeakSearch:
    """Trials of one server.

    Args:
        run: Makes a test.
        say: Told what happens next.
        test: The full test that confirms; its rate does not count.
        trial_seconds: Shortest duration of a trial.
        precision: See find_peak.
    """

    def __init__(
        self,
        run: Callable[[LoadTest], Run],
        say: Callable[[str], None],
        *,
        test: LoadTest,
        trial_seconds: float,
        precision: float,
    ) -> None:
        self._run = run
        self._say = say
        self._test = test
        self._trial_seconds = trial_seconds
        self._precision = precision
        self._most_seconds = max(trial_seconds * MOST_EXTENSION, test.seconds)
        self._fewest = fewest_requests(test.percentile)
        self.lowest = max(self._fewest / self._most_seconds, LOWEST_RATE)
        """Requests per second; trials of fewer are over before they could decide."""

    def find(self, start: float) -> Peak:
        """Searches from a rate, or from the lowest one that can be decided if that is higher."""
        if start < self.lowest:
            self._say(
                f"beginning with {self.lowest:.4g}/s: at {start:.4g}/s the {self._fewest} requests "
                f"that LoadGen wants take longer than {self._most_seconds:g} s"
            )
        try:
            return self._find(max(start, self.lowest))
        except _FailsAtAnyRateError as error:
            return Peak(False, str(error))

    def _find(self, start: float) -> Peak:
        found = find_peak(self._trial, start, precision=self._precision, lowest=self.lowest)
        if found.rate is None:
            return Peak(False, self._nothing_found(found.undecided))
        confirmed = self._confirm(found.rate)
        if not confirmed:
            return Peak(
                False,
                f"{readable(found.rate)}/s were kept in trials, but neither that nor "
                f"anything down to {readable(found.rate * STEP_DOWN ** (MOST_STEPS_DOWN - 1))}/s "
                f"for {self._test.seconds:g} s.",
            )
        return Peak(True, "" if found.undecided is None else self._unsure(found.undecided))

    def _trial(self, rate: float) -> Outcome:
        most = max(round(rate * HOPELESS_SECONDS), FEWEST_OUTSTANDING)
        trial = replace(self._test, seconds=self._trial_seconds, most_outstanding=most)
        return self._decide(replace(trial, rate=rate))

    def _confirm(self, rate: float) -> bool:
        for step in range(MOST_STEPS_DOWN):
            lower = rate * STEP_DOWN**step
            self._say(f"confirming {lower:.4g}/s for {self._test.seconds:g} s")
            for _ in range(TRIES):
                if self._decide(replace(self._test, rate=lower)) is Outcome.KEPT:
                    return True
        return False

    def _decide(self, test: LoadTest) -> Outcome:
        """Makes a test, again and longer where it was too short to decide."""
        test = replace(test, requests=self._fewest)
        while (outcome := self._outcome(run := self._run(test))) is Outcome.UNDECIDED:
            wanted = ceil(MARGIN * (run.enough_requests or 0))
            if not run.requests < wanted <= test.rate * self._most_seconds:
                break
            self._say(f"undecided at {test.rate:.4g}/s: once more, with {wanted:,} requests")
            test = replace(test, requests=wanted)
        return outcome

    def _outcome(self, run: Run) -> Outcome:
        if not LASTING.isdisjoint(run.outcomes):
            raise _FailsAtAnyRateError(
                f"The search ended at {readable(run.target_rate)}/s, as no other rate mends what "
                f"failed: {'; '.join(run.reasons)}."
            )
        return outcome_of(run)

    def _nothing_found(self, undecided: float | None) -> str:
        if undecided is not None:
            return (
                f"Nothing is sure: {self._unsure(undecided)} and no rate that could be decided "
                "kept the bound."
            )
        return (
            f"No rate was found that keeps the bound, down to {readable(self.lowest)}/s; trials "
            f"of lower ones would take more than {self._most_seconds:g} s for the "
            f"{self._fewest} requests that LoadGen wants (--trial-duration)."
        )

    def _unsure(self, rate: float) -> str:
        return (
            f"{readable(rate)}/s is undecided after trials of up to "
            f"{self._most_seconds:g} s (--trial-duration allows longer ones)"
        )


def outcome_of(run: Run) -> Outcome:
    """Returns what a run says of its rate."""
    if run.valid:
        return Outcome.KEPT
    return Outcome.BROKEN if run.enough_requests is None else Outcome.UNDECIDED
