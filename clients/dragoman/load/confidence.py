"""How many requests it takes to be sure of a percentile, by the rule that LoadGen stops early by.

Pure arithmetic: a run is long enough where a server that just missed the percentile would have had
so few late answers with a probability of one per cent at most.
"""

from math import ceil, log
from statistics import NormalDist

DOUBT = 0.01
"""LoadGen is sure in 99 of 100 cases."""


def fewest_requests(percentile: float) -> int:
    """Returns how many requests are enough where none of them is late.

    Args:
        percentile: Per cent of the requests that must not be late, below 100.
    """
    return ceil(log(DOUBT) / log(percentile / 100))


def enough_requests(percentile: float, late: int, requests: int) -> int | None:
    """Returns how many requests are enough where this share of them is late, a few more at most.

    Args:
        percentile: As above.
        late: Requests that were beyond the bound.
        requests: Of these.

    Returns:
        None where more requests would not help: too many of them are late.
    """
    if not late:
        return fewest_requests(percentile)
    allowed = (100 - percentile) / 100
    margin = allowed - late / requests
    if margin <= 0:
        return None
    # The binomial distribution is taken for a normal one.
    deviations = -NormalDist().inv_cdf(DOUBT)
    return ceil(deviations**2 * allowed * (1 - allowed) / margin**2)
