"""A call that has one request and one answer, and the same call in the words of another interface.

Knows what such a call is made of. Does not know what stands around it: that is guard.py's.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from google.protobuf.message import Message

from dragoman_server.rpc import Call, Caller
from dragoman_server.service.account import Account

Request = TypeVar("Request", bound=Message)
Question = TypeVar("Question")

Check: TypeAlias = Callable[[Caller], None]
"""Raises the DragomanError that a call is refused with before its message is there."""


class Unary(NamedTuple, Generic[Request, Question]):
    """One call of a service."""

    name: str
    """Of the method, as it is granted and told."""
    request_type: type[Request]
    """What it is asked with."""
    accept: Callable[[Caller, Request], Question]
    """Returns what `answer` is asked, or raises what the call is refused with."""
    answer: Callable[[Question, Call, Account], Awaitable[Message]]
    """Answers it."""
    check: Check | None = None
    """Comes before the request is there."""


class Wording(NamedTuple, Generic[Request]):
    """How another interface asks for what a call of ours does."""

    request_type: type[Request]
    """What it is asked with."""
    ask: Callable[[Request], Message]
    """Returns our request for that, or raises the DragomanError that the call is refused with."""
    tell: Callable[[Request, Any], Message]
    """Returns the answer to it that our response is."""


def reworded(call: Unary[Any, Any], wording: Wording[Any]) -> Unary[Any, Any]:
    """Returns a call in other words: let in, limited, answered and counted as in ours."""

    def accept(caller: Caller, request: Message) -> tuple[Message, object]:
        return request, call.accept(caller, wording.ask(request))

    async def answer(asked: tuple[Message, object], of: Call, account: Account) -> Message:
        request, question = asked
        return wording.tell(request, await call.answer(question, of, account))

    return call._replace(request_type=wording.request_type, accept=accept, answer=answer)


def as_asked(caller: Caller, request: Request) -> Request:  # noqa: ARG001  for all alike
    """Accepts every request, and has it answered as it is."""
    return request
