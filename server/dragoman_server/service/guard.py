"""Stands around every call of the TranslationService: lets it in, parses it, ends it well.

Where settings say who may do what, it asks who calls before anything else is asked of the call.

Turns exceptions into the statuses of status.py's table and counts how each call ended. Does not
know what the calls do.
"""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

from google.protobuf.message import DecodeError, Message

from dragoman_server.access import Access, Admission
from dragoman_server.engine import Deadline, has_passed
from dragoman_server.errors import (
    DeadlineError,
    DragomanError,
    InvalidArgumentError,
    TooManyCallsError,
)
from dragoman_server.rpc import (
    MALFORMED,
    NATIVE,
    Call,
    Caller,
    Identify,
    Method,
    Presented,
    Reader,
    Screen,
    Status,
    Unread,
)
from dragoman_server.service.account import Account
from dragoman_server.service.gate import RETRY_AFTER_SECONDS, Gate
from dragoman_server.service.observer import Observer
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.status import told, wire_status
from dragoman_server.service.unary import Check, Unary

Request = TypeVar("Request", bound=Message)

MALFORMED_MESSAGE = "MALFORMED_MESSAGE"


@functools.cache
def _unknown(interface: str) -> Account:
    """Returns the account of a call that nobody has looked into."""
    return Account(interface=interface)


NewAccount: TypeAlias = Callable[[], Account]
"""Makes the account of each text of a stream."""


class CallGuard:
    """Makes methods of the TranslationService's calls.

    Args:
        gate: Lets calls in.
        outcomes: Told how each call ended.
        access: Says who may call what; None where everybody may.
        observer: Tells of each call; None where nobody wants to know.
    """

    def __init__(
        self,
        gate: Gate,
        outcomes: Outcomes,
        access: Access | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._gate = gate
        self._outcomes = outcomes
        self._access = access
        self._observer = observer

    def unary(self, call: Unary[Any, Any], *, interface: str = NATIVE) -> Method:
        """Returns the method that a call is.

        Args:
            call: The call.
            interface: Of the server, that it belongs to.
        """
        name, request_type, accept, answer, check, granted = call

        def read(caller: Caller, message: bytes) -> object:
            try:
                return accept(caller, _parsed(request_type, message))
            except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
                return self._refused(name, caller, error)

        async def handle(call: Call) -> None:
            arrived_at = self._outcomes.now()
            account = self._account(name, call)
            try:
                with self._gate:
                    response = await answer(call.request, call, account)
            except asyncio.CancelledError:
                now = self._outcomes.now()
                expired = has_passed(call.deadline, now, since=call.arrived_at)
                self._outcomes.cancelled(account, expired=expired)
                raise
            except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
                call.finish(self._failed(error, account))
            else:
                self._outcomes.succeeded(account, arrived_at)
                call.finish(message=response.SerializeToString())

        method = self._method(name, handle, read, check, granted=name if granted == "" else granted)
        return method._replace(interface=interface)

    def stream(
        self,
        name: str,
        request_type: type[Request],
        answers: Callable[
            [AsyncIterator[Request], Call, NewAccount], AsyncGenerator[Message, None]
        ],
    ) -> Method:
        """Returns the method of a name, that answers a stream with a stream."""

        async def handle(call: Call) -> None:
            deadline = Deadline(call)
            account, new_account = self._stream_accounts(name, call)
            try:
                with self._gate:
                    requests = _parsed_each(request_type, call)
                    async with aclosing(answers(requests, call, new_account)) as responses:
                        async for response in responses:
                            await call.write(response.SerializeToString())
            except asyncio.CancelledError:  # its texts were counted
                account.end("DEADLINE_EXCEEDED" if deadline.expired() else "CANCELLED")
                raise
            except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
                call.finish(self._failed(error, account))
            else:
                account.end("OK")
                call.finish()

        return self._method(name, handle, None, None, granted=name)

    def known(self, method: Method) -> Method:
        """Returns another service's method for those alone who are known, if anybody must be."""
        return method._replace(identify=self._identify(None, ""))

    def _identify(self, granted: str | None, name: str) -> Identify | None:
        """Returns what finds out who makes a call.

        Args:
            granted: What it must be granted; None for nothing but to be known.
            name: Of the method, as it is told.
        """
        if self._access is None:
            return None
        access = self._access

        def identify(caller: Caller, presented: Presented) -> Admission | Status:
            try:
                self._gate.check_room(caller.own_calls, caller.open_calls)
                return access.admit(presented, granted)
            except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
                return self._refused(name, caller, error)

        return identify

    def _method(
        self,
        name: str,
        handle: Callable[[Call], Awaitable[None]],
        read: Reader | None,
        check: Check | None,
        *,
        granted: str | None,
    ) -> Method:
        def unread(caller: Caller, why: Unread, text: str) -> Status:
            error: DragomanError = DeadlineError(text)
            if why is Unread.TOO_MANY:
                error = TooManyCallsError(text, retry_after_seconds=RETRY_AFTER_SECONDS)
            elif why is Unread.MALFORMED:
                error = InvalidArgumentError(text, field="", reason=MALFORMED_MESSAGE)
            return self._refused(name, caller, error)

        trace = None if self._observer is None else self._observer.trace
        screen, identify = self._screen(name, check), self._identify(granted, name)
        return Method(handle, read, screen, unread, identify, trace)

    def _account(self, name: str, call: Call) -> Account:
        if self._observer is None:
            return Account(interface=call.interface)
        return self._observer.begin(name, call)

    def _stream_accounts(self, name: str, call: Call) -> tuple[Account, NewAccount]:
        if self._observer is None:
            new_account = functools.partial(Account, interface=call.interface)
            return new_account(), new_account
        return self._observer.begin_stream(name, call)

    def _screen(self, name: str, check: Check | None) -> Screen:
        def screen(caller: Caller) -> Status | None:
            try:
                self._gate.check_room(caller.own_calls, caller.open_calls)
                if check is not None:
                    check(caller)
            except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
                return self._refused(name, caller, error)
            return None

        return screen

    def _refused(self, name: str, caller: Caller, error: Exception) -> Status:
        """Ends a call that nothing was done for."""
        if self._observer is None:
            return self._failed(error, _unknown(caller.interface))
        return self._failed(error, self._observer.refuse(name, caller))

    def _failed(self, error: Exception, account: Account) -> Status:
        error = told(error)
        return wire_status(error, self._outcomes.failed(error, account))


async def _parsed_each(request_type: type[Request], call: Call) -> AsyncIterator[Request]:
    while (message := await call.read()) is not None:
        yield _parsed(request_type, message)


def _parsed(request_type: type[Request], message: bytes) -> Request:
    try:
        return request_type.FromString(message)
    except DecodeError:
        raise InvalidArgumentError(
            MALFORMED,
            field="",
            reason=MALFORMED_MESSAGE,
            allowed="a protobuf message with UTF-8 strings",
        ) from None
