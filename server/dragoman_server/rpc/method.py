"""What a server can be asked, and who is let in."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import NamedTuple, TypeAlias

from dragoman_server.rpc.call import Call, Caller
from dragoman_server.rpc.core import Presented
from dragoman_server.rpc.status import Status

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
