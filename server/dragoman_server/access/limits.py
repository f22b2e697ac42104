"""How much each caller may ask for: token buckets of texts and of code points.

Knows rates and what was asked for. Does not know what the texts say, nor who else there is: the
limits hold for one process.
"""

import itertools
import time
from collections.abc import Callable

from dragoman_server.access.principal import Limits, Principal
from dragoman_server.errors import RateLimitedError

MOST_CALLERS = 4096
"""That are remembered: beyond them those are forgotten first who have had a rest."""

_ROUNDING_SECONDS = 1e-6
"""Of clocks: who comes back when told to is let in."""


class TokenBucket:
    """Fills at a rate, up to its capacity, and is full at first.

    What is more than it can hold is let in when it is full, and leaves it in debt: else nobody
    could ever have it. So in any time t no more than rate * t and the capacity, or the largest
    amount if that is more, is taken.

    Args:
        rate: Tokens a second.
        capacity: The most that it holds.
        now: Seconds.
    """

    def __init__(self, rate: float, capacity: float, now: float) -> None:
        self._rate = rate
        self._capacity = capacity
        self._level = capacity
        self._at = now

    def wait(self, amount: float, now: float) -> float:
        """Returns in how many seconds so much can be taken; 0 for at once."""
        missing = min(amount, self._capacity) - self._filled(now)
        seconds = missing / self._rate
        return seconds if seconds > _ROUNDING_SECONDS else 0.0

    def take(self, amount: float, now: float) -> None:
        """Takes so much."""
        self._filled(now)
        self._level -= amount

    def is_full(self, now: float) -> bool:
        """Whether it is as if nobody had ever taken anything."""
        return self._filled(now) >= self._capacity

    def _filled(self, now: float) -> float:
        passed = max(0.0, now - self._at)
        self._level = min(self._capacity, self._level + passed * self._rate)
        self._at = max(self._at, now)
        return self._level


class _Account:
    """One caller's buckets; those of no limit are None."""

    def __init__(self, limits: Limits, share: float, now: float) -> None:
        def bucket(rate: float | None) -> TokenBucket | None:
            if rate is None:
                return None
            own = rate * share
            return TokenBucket(own, max(1.0, own * limits.burst_seconds), now)

        self.limits = limits
        self._texts = bucket(limits.texts_per_second)
        self._code_points = bucket(limits.code_points_per_second)

    def wait(self, texts: int, code_points: int, now: float) -> float:
        """Returns in how many seconds both would fit."""
        waits = [
            bucket.wait(amount, now)
            for bucket, amount in ((self._texts, texts), (self._code_points, code_points))
            if bucket is not None
        ]
        return max(waits, default=0.0)

    def take(self, texts: int, code_points: int, now: float) -> None:
        if self._texts is not None:
            self._texts.take(texts, now)
        if self._code_points is not None:
            self._code_points.take(code_points, now)

    def is_full(self, now: float) -> bool:
        buckets = (self._texts, self._code_points)
        return all(bucket is None or bucket.is_full(now) for bucket in buckets)


class RateLimits:
    """Charges callers for what they ask.

    Args:
        share: Of each rate, that this process has.
        clock: Seconds, monotonic.
    """

    def __init__(self, share: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def check(self, principal: Principal) -> None:
        """Raises RateLimitedError where not even one short text would be let in."""
        self._check(principal, 1, 0, self._clock())

    def charge(self, principal: Principal, texts: int, code_points: int) -> None:
        """Takes texts with so many code points together, all or none.

        Raises:
            RateLimitedError: They are too many for now.
        """
        now = self._clock()
        if (account := self._check(principal, texts, code_points, now)) is not None:
            account.take(texts, code_points, now)

    def _check(
        self, principal: Principal, texts: int, code_points: int, now: float
    ) -> _Account | None:
        limits = principal.limits
        if limits.texts_per_second is None and limits.code_points_per_second is None:
            return None
        account = self._account(principal, now)
        if (seconds := account.wait(texts, code_points, now)) > 0:
            raise RateLimitedError(
                "the caller has had as many texts or code points as it may have for now",
                retry_after_seconds=seconds,
            )
        return account

    def _account(self, principal: Principal, now: float) -> _Account:
        account = self._accounts.get(principal.name)
        if account is None or account.limits != principal.limits:
            if len(self._accounts) >= MOST_CALLERS:
                self._forget(now)
            account = self._accounts[principal.name] = _Account(principal.limits, self._share, now)
        return account

    def _forget(self, now: float) -> None:
        rested = [name for name, account in self._accounts.items() if account.is_full(now)]
        oldest = itertools.islice(self._accounts, MOST_CALLERS // 8)
        for name in rested or list(oldest):  # so many that the next ones need not look again
            del self._accounts[name]
