"""What it means to a call who makes it: whose turn it takes, which models there are, what it costs.

Where nobody has to say who calls there is no principal, and nothing is forbidden. Knows principals.
Does not know how one proves who it is, nor how anything is translated.
"""

from collections.abc import Sequence
from typing import Protocol, cast

from dragoman_server.access import ALL, Admission, Principal, RateLimits
from dragoman_server.engine import Sender
from dragoman_server.service.catalog import Allowed


class Identified(Protocol):
    """What is needed of a Caller and of a Call."""

    @property
    def peer(self) -> str:
        """The other end of the connection."""

    @property
    def identity(self) -> object:
        """What the guard found out: an Admission, or None."""


def principal_of(call: Identified) -> Principal | None:
    """Returns who makes a call; None where nobody has to say so."""
    if call.identity is None:
        return None
    return cast("Admission", call.identity).principal


def name_of(call: Identified) -> str:
    """Returns whose turn a call takes: its caller's, or else its connection's."""
    principal = principal_of(call)
    return call.peer if principal is None else principal.name


def sender_of(call: Identified) -> Sender:
    """Returns whose texts a call's are, with its caller's weight."""
    principal = principal_of(call)
    if principal is None:
        return Sender(call.peer)
    return Sender(principal.name, weight=principal.weight)


def allowed_models(principal: Principal | None) -> Allowed:
    """Returns the names of the models that the caller may use, or even know of; None for all."""
    return None if principal is None or ALL in principal.models else principal.models


def check_rate(principal: Principal | None, limits: RateLimits | None) -> None:
    """Raises RateLimitedError where the caller may not even have one short text now."""
    if limits is not None and principal is not None:
        limits.check(principal)


def charge(principal: Principal | None, limits: RateLimits | None, texts: Sequence[str]) -> None:
    """Charges the caller for texts, all or none; raises RateLimitedError."""
    if limits is not None and principal is not None:
        limits.charge(principal, len(texts), sum(map(len, texts)))


class StreamCaller:
    """Who sends the texts of a stream, by what is in force when each of them comes.

    A key may end, and limits change, while a stream goes on.

    Attributes:
        sender: Whose its texts are.
    """

    def __init__(self, call: Identified, limits: RateLimits | None) -> None:
        self.sender = sender_of(call)
        self._admission = cast("Admission | None", call.identity)
        self._limits = limits

    def admitted(self) -> Principal | None:
        """Returns who it is; None where nobody has to say so.

        Raises:
            CredentialsError, PermissionDeniedError: It may not send any more.
        """
        return None if self._admission is None else self._admission.renew()

    def charge(self, principal: Principal | None, text: str) -> None:
        """Charges the caller for a text; raises RateLimitedError."""
        charge(principal, self._limits, [text])
