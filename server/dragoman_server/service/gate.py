"""Lets calls in: a bounded number of them, and none once the server drains.

Owns the number of calls in progress. Does not know what a call does.
"""

import asyncio

from dragoman_server.errors import TooManyCallsError, UnavailableError
from dragoman_server.rpc import why_no_more

RETRY_AFTER_SECONDS = 0.5


class Gate:
    """Open until `close` is called, and never again; counts calls, each as long as it is in `with`.

    Attributes:
        closed: Whether the server drains.

    Raises:
        UnavailableError: On the way in, once the server drains.
    """

    def __init__(self, *, max_calls: int) -> None:
        self._max_calls = max_calls
        self._calls = 0
        self.closed = False
        self._has_closed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def calls(self) -> int:
        """Calls in progress."""
        return self._calls

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
        why = why_no_more(own_calls, open_calls, most=self._max_calls, what="calls")
        if why is not None:
            raise TooManyCallsError(why, retry_after_seconds=RETRY_AFTER_SECONDS)

    def __enter__(self) -> None:
        self.check_open()
        self._calls += 1
        self._empty.clear()

    def __exit__(self, *_: object) -> None:
        self._calls -= 1
        if self._calls == 0:
            self._empty.set()

    def close(self) -> None:
        """Refuses calls from now on."""
        self.closed = True
        self._has_closed.set()

    async def wait_closed(self) -> None:
        """Returns once `close` was called."""
        await self._has_closed.wait()

    async def wait_empty(self) -> None:
        """Returns once no call is in progress."""
        await self._empty.wait()
