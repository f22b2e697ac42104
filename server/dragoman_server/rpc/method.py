"""What a server can be asked, and who is let in."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

from dragoman_server.rpc.call import NATIVE, Call, Caller
from dragoman_server.rpc.status import Status


class Presented(Protocol):
    """What a call shows of who makes it."""

    def headers(self) -> Iterable[tuple[str, str | bytes]]:
        """Returns its metadata; names in lower case."""

    def certificate_names(self) -> Sequence[str]:
        """Returns what the certificate that its connection was made with is called."""


Screen: TypeAlias = Callable[[Caller], Status | None]
"""Returns how a call is refused, or None; must be quick."""

Identify: TypeAlias = Callable[[Caller, Presented], object]
"""Returns who makes a call, or the Status that it is refused with; must be quick."""

Reader: TypeAlias = Callable[[Caller, bytes], object]
"""Takes the one message of a unary call and returns what `Call.request` shall be, or the Status
that the call is refused with."""


class Unread(Enum):
    """Why a call is ended that nobody has read."""

    LATE = "its message did not come in time"
    TOO_MANY = "there are too many like it"
    MALFORMED = "its message is none"


class Method(NamedTuple):
    """One method of a service."""

    handle: Callable[[Call], Awaitable[None]]
    """Answers a call, in a task that is cancelled where the client gives up."""
    read: Reader | None
    """None where the method takes a stream: then it is handed the call before any message, and
    reads."""
    screen: Screen | None = None
    unread: Callable[[Caller, Unread, str], Status] | None = None
    """Returns what a call is told at its end that nobody has read, with a text that says why."""
    identify: Identify | None = None
    """Comes before `screen`. What it returns is the caller's and the call's `identity`."""
    trace: Callable[[Presented], object] | None = None
    """Reads which trace a call is part of, first of all. What it returns is the caller's and the
    call's `trace`; must be quick."""
    interface: str = NATIVE
    """Of the server, that it belongs to."""
