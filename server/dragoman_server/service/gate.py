"""Lets calls in: a bounded number of them, and none once the server drains.

Owns the number of calls in progress. Does not know what a call does.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from dragoman_server.errors import TooManyCallsError, UnavailableError

RETRY_AFTER_SECONDS = 0.5

SHARE = 8
"""A caller may have so many times as many calls in progress as are left to others: who comes next
finds room whatever one caller does."""

FEW = 64
"""One in so many of the calls allowed, or a single one, may a caller have in any case."""


class Gate:
    """Open until `close` is called, and never again."""

    def __init__(self, *, max_calls: int) -> None:
        self._max_calls = max_calls
        self._calls = 0
        self._few_calls = max(1, max_calls // FEW)
        self._closed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def calls(self) -> int:
        """Calls in progress."""
        return self._calls

    @property
    def closed(self) -> bool:
        """Whether the server drains."""
        return self._closed.is_set()

    def check_open(self) -> None:
        """Raises UnavailableError once the gate is closed."""
        if self.closed:
            raise UnavailableError(
                "the server is draining and takes no new requests: send them to another",
                reason="DRAINING",
            )

    def check_room(self, own_calls: int, open_calls: int) -> None:
        """Refuses a call or does not.

        Args:
            own_calls: Calls that its connection has open.
            open_calls: Those of all connections.

        Raises:
            UnavailableError: The server drains.
            TooManyCallsError: As many calls as allowed are open, or a connection's share of them.
        """
        self.check_open()
        left = self._max_calls - open_calls
        if own_calls < self._few_calls and open_calls < 2 * self._max_calls:
            return
        if left <= 0:
            raise TooManyCallsError(
                f"{open_calls} calls are in progress, the most that this server allows",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        if own_calls >= SHARE * left:
            raise TooManyCallsError(
                f"{own_calls} calls of this connection are in progress, which leaves {left} of the "
                f"{self._max_calls} that this server allows: it has to leave some to others",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    @contextmanager
    def call(self) -> Iterator[None]:
        """Counts a call for as long as it lasts.

        Raises:
            UnavailableError: The server drains.
        """
        self.check_open()
        self._calls += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if self._calls == 0:
                self._empty.set()

    def close(self) -> None:
        """Refuses calls from now on."""
        self._closed.set()

    async def wait_closed(self) -> None:
        """Returns once `close` was called."""
        await self._closed.wait()

    async def wait_empty(self) -> None:
        """Returns once no call is in progress."""
        await self._empty.wait()
