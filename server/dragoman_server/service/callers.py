"""What it means to a call who makes it: whose turn it takes, which models there are, what it costs.

Where nobody has to say who calls there is no principal, and nothing is forbidden. Knows principals.
Does not know how one proves who it is, nor how anything is translated.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, cast

from dragoman.v1.translation_pb2 import Model, StreamTranslateTextRequest
from dragoman_server.access import Admission, Principal, RateLimits
from dragoman_server.errors import NotFoundError, shorten


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
    admission = cast("Admission | None", call.identity)
    return None if admission is None else admission.principal


def name_of(call: Identified) -> str:
    """Returns whose turn a call takes: its caller's, or else its connection's."""
    principal = principal_of(call)
    return call.peer if principal is None else principal.name


def check_model(principal: Principal | None, asked: str, model: str) -> None:
    """Refuses a model that the caller may not use as if it were not there.

    Args:
        principal: The caller.
        asked: What the request says; empty where it leaves the choice to the server.
        model: Which it would get.

    Raises:
        NotFoundError: The caller may not use it, or know of it.
    """
    if principal is not None and not principal.may_use(model):
        what = f"no model {shorten(asked)}" if asked else "no model"
        raise NotFoundError(f"{what} that the caller may use", reason="MODEL_NOT_FOUND")


def visible(principal: Principal | None, models: Iterable[Model]) -> list[Model]:
    """Returns those of the models that the caller may use."""
    return [model for model in models if principal is None or principal.may_use(model.name)]


def check_rate(principal: Principal | None, limits: RateLimits | None) -> None:
    """Raises RateLimitedError where the caller may not even have one short text now."""
    if limits is not None and principal is not None:
        limits.check(principal)


def charge(principal: Principal | None, limits: RateLimits | None, texts: Sequence[str]) -> None:
    """Charges the caller for texts, all or none; raises RateLimitedError."""
    if limits is not None and principal is not None:
        limits.charge(principal, len(texts), sum(map(len, texts)))


def admits(
    call: Identified, limits: RateLimits | None, model: str
) -> Callable[[StreamTranslateTextRequest], None] | None:
    """Returns what lets each text of a stream in or raises; None where nobody is asked.

    By what is in force then: a key may end, and limits change, while a stream goes on.
    """
    if call.identity is None:
        return None
    admission = cast("Admission", call.identity)

    def admit(request: StreamTranslateTextRequest) -> None:
        principal = admission.renew()
        check_model(principal, request.model, model)
        charge(principal, limits, [request.content])

    return admit
