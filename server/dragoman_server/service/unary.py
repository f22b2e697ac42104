"""A call that has one request and one answer, and the same call in the words of another interface.

Knows what such a call is made of. Does not know what stands around it: that is guard.py's.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from google.protobuf.message import Message

from dragoman_server.rpc import Call, Caller
from dragoman_server.service.account import Account
from dragoman_server.service.together import all_or_none

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
    granted: str | None = ""
    """What its caller must be granted: its own name where empty; None for nothing but to be known,
    if anybody must be."""


class Wording(NamedTuple, Generic[Request]):
    """How another interface asks for what a call of ours does."""

    request_type: type[Request]
    """What it is asked with."""
    ask: Callable[[Request], Message]
    """Returns our request for that, or raises the DragomanError that the call is refused with."""
    tell: Callable[[Request, Any], Message]
    """Returns the answer to it that our response is."""


class Wordings(NamedTuple, Generic[Request]):
    """How another interface asks at once for what several calls of ours do, all of one method."""

    request_type: type[Request]
    """What it is asked with."""
    ask: Callable[[Request], Sequence[Message]]
    """Returns our requests for that, or raises the DragomanError that the call is refused with."""
    tell: Callable[[Request, Sequence[Any]], Message]
    """Returns the answer to it that our responses are, in the order of the requests."""


def reworded(call: Unary[Any, Any], wording: Wording[Any]) -> Unary[Any, Any]:
    """Returns a call in other words: let in, limited, answered and counted as in ours."""

    def accept(caller: Caller, request: Message) -> tuple[Message, object]:
        return request, call.accept(caller, wording.ask(request))

    async def answer(asked: tuple[Message, object], of: Call, account: Account) -> Message:
        request, question = asked
        return wording.tell(request, await call.answer(question, of, account))

    return call._replace(request_type=wording.request_type, accept=accept, answer=answer)


def reworded_as_several(call: Unary[Any, Any], wording: Wordings[Any]) -> Unary[Any, Any]:
    """Returns a call that is several of ours: each is let in, limited and charged as ours are.

    They are answered side by side, all or none, and counted as one.
    """

    def accept(caller: Caller, request: Message) -> tuple[Message, list[object]]:
        return request, [call.accept(caller, each) for each in wording.ask(request)]

    async def answer(asked: tuple[Message, list[object]], of: Call, account: Account) -> Message:
        request, questions = asked
        if len(questions) == 1:
            return wording.tell(request, [await call.answer(questions[0], of, account)])
        answers = [_answer(call, question, of, account) for question in questions]
        return wording.tell(request, await all_or_none(answers))

    return call._replace(request_type=wording.request_type, accept=accept, answer=answer)


async def _answer(call: Unary[Any, Any], question: object, of: Call, account: Account) -> Message:
    return await call.answer(question, of, account)


def as_asked(caller: Caller, request: Request) -> Request:  # noqa: ARG001  for all alike
    """Accepts every request, and has it answered as it is."""
    return request
