"""The TranslationService of translation.proto, on top of the `Translator`s of a `Catalog`.

Knows what each call is made of. Does not know how an exception reaches the client: that is
guard.py's.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from dragoman.v1.translation_pb2 import (
    DESCRIPTOR,
    DetectLanguageRequest,
    ListModelsRequest,
    ListModelsResponse,
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman_server.access import Access
from dragoman_server.engine import Deadline, Sender, TimeLimit
from dragoman_server.rpc import Call, Caller, Method
from dragoman_server.service.account import Account
from dragoman_server.service.callers import (
    StreamCaller,
    allowed_models,
    charge,
    check_rate,
    principal_of,
    sender_of,
)
from dragoman_server.service.catalog import Allowed, Catalog
from dragoman_server.service.detect_language import LanguageDetection
from dragoman_server.service.gate import Gate
from dragoman_server.service.guard import CallGuard, NewAccount
from dragoman_server.service.observer import Observer
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.route import CallRoute
from dragoman_server.service.routes import Routes
from dragoman_server.service.stream import TextStream
from dragoman_server.service.targets import texts_asked_for
from dragoman_server.service.timeouts import Timeouts
from dragoman_server.service.unary import (
    Unary,
    Wording,
    Wordings,
    as_asked,
    reworded,
    reworded_as_several,
)
from dragoman_server.service.validation import read_priority

SERVICE_NAME = DESCRIPTOR.services_by_name["TranslationService"].full_name


class _Accepted(NamedTuple):
    """A TranslateText that was let in."""

    request: TranslateTextRequest
    route: CallRoute
    """What translates it, if that is still served once there is time for it."""
    allowed: Allowed
    """Models that its caller may use."""
    sender: Sender
    limit: TimeLimit
    timeout_seconds: float | None
    """None where the client's own deadline is all that counts: the core sees to that."""


class TranslationService:
    """Answers the calls, each within its time.

    Args:
        catalog: What is served.
        routes: Ways through that.
        detection: Answers DetectLanguage.
        gate: Lets calls in.
        outcomes: Told how each call ended.
        max_stream_texts: Most unanswered texts of a stream.
        default_timeout_seconds: Of a call whose client set no deadline.
        max_timeout_seconds: Of any other.
        access: Says who may do what; None where everybody may do everything.
        observer: Tells of each call; None where nobody wants to know.
    """

    def __init__(
        self,
        catalog: Catalog,
        routes: Routes,
        detection: LanguageDetection,
        gate: Gate,
        outcomes: Outcomes,
        *,
        max_stream_texts: int,
        default_timeout_seconds: float,
        max_timeout_seconds: float,
        access: Access | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._catalog = catalog
        self._routes = routes
        self._max_stream_texts = max_stream_texts
        self._gate = gate
        self._outcomes = outcomes
        self._guard = CallGuard(gate, outcomes, access, observer)
        self._limits = None if access is None else access.limits
        self._default_timeout_seconds = min(default_timeout_seconds, max_timeout_seconds)
        self._max_timeout_seconds = max_timeout_seconds
        self._unary: dict[str, Unary[Any, Any]] = {
            call.name: call
            for call in (
                Unary(
                    "TranslateText",
                    TranslateTextRequest,
                    self._accept,
                    self._translate_texts,
                    self._check,
                ),
                Unary(
                    "DetectLanguage",
                    DetectLanguageRequest,
                    detection.accept,
                    detection.answer,
                    detection.check,
                ),
                Unary("ListModels", ListModelsRequest, as_asked, self._list_models),
            )
        }
        lengths = {self._default_timeout_seconds, max_timeout_seconds}
        self._timeouts = {seconds: Timeouts(seconds) for seconds in lengths}

    def methods(self) -> dict[str, Method]:
        """Returns the service's methods by their paths."""
        guard, stream = self._guard, "StreamTranslateText"
        methods = {name: guard.unary(call) for name, call in self._unary.items()}
        methods[stream] = guard.stream(stream, StreamTranslateTextRequest, self._translate_stream)
        return {f"/{SERVICE_NAME}/{name}": method for name, method in methods.items()}

    def reworded(self, name: str, wording: Wording[Any] | Wordings[Any], interface: str) -> Method:
        """Returns a method of another interface that asks for the same in other words.

        Args:
            name: Of the unary call of this service that it is.
            wording: The words.
            interface: Name of the interface.
        """
        call = self._unary[name]
        if isinstance(wording, Wordings):
            return self._guard.unary(reworded_as_several(call, wording), interface=interface)
        return self._guard.unary(reworded(call, wording), interface=interface)

    def beside(self, call: Unary[Any, Any], interface: str) -> Method:
        """Returns a method of another interface that this service has nothing like.

        Args:
            call: What it does.
            interface: Name of the interface.
        """
        return self._guard.unary(call, interface=interface)

    def for_the_known(self, methods: dict[str, Method]) -> dict[str, Method]:
        """Returns another service's methods, for those alone who say who they are if they must."""
        return {path: self._guard.known(method) for path, method in methods.items()}

    def _check(self, caller: Caller) -> None:
        """Refuses a TranslateText that nobody has read; it counts as interactive.

        Raises:
            RateLimitedError: The caller has had what it may have for now.
            QueueFullError, WouldExpireError: Every model's engines'.
        """
        check_rate(principal_of(caller), self._limits)
        if self._catalog.is_at_ease:
            return
        limit = self._limit(caller.seconds, self._timeout_seconds(caller.seconds))
        self._catalog.check_room(limit, sender_of(caller), caller.calls_before)

    def _accept(self, caller: Caller, request: TranslateTextRequest) -> _Accepted:
        """Refuses a TranslateText of a model that its caller may not use, or has no room for.

        Raises:
            RateLimitedError: The caller has had what it may have for now.
            QueueFullError, WouldExpireError: The engine's.
            NotFoundError, InvalidArgumentError, UnavailableError: The catalog's.
        """
        principal, sender = principal_of(caller), sender_of(caller)
        if request.priority:
            sender = sender._replace(priority=read_priority(request.priority))
        timeout_seconds = self._timeout_seconds(caller.seconds)
        limit = self._limit(caller.seconds, timeout_seconds)
        allowed = allowed_models(principal)
        route = self._routes.find_for_call(request, allowed)
        route.check_room(limit, sender, caller.calls_before, request)
        charge(principal, self._limits, texts_asked_for(request))
        return _Accepted(request, route, allowed, sender, limit, timeout_seconds)

    async def _translate_texts(
        self,
        accepted: _Accepted,
        call: Call,  # noqa: ARG002
        account: Account,
    ) -> TranslateTextResponse:
        request, route, allowed, sender, limit, timeout_seconds = accepted
        with self._timeout(timeout_seconds):
            if account.usage is not None:
                account.usage.ask(texts_asked_for(request), sender.priority)
            if route not in self._catalog:
                route = self._routes.find_for_call(request, allowed)
            account.model = route.name
            account.model_version = route.version
            translations = await route.translate_texts(request, limit, sender, account.usage)
        return TranslateTextResponse(translations=translations)

    def _translate_stream(
        self,
        requests: AsyncIterator[StreamTranslateTextRequest],
        call: Call,
        new_account: NewAccount,
    ) -> AsyncGenerator[StreamTranslateTextResponse, None]:
        """Translates texts as they arrive."""
        stream = TextStream(
            self._routes,
            self._gate,
            self._outcomes,
            Deadline(call),
            max_texts=self._max_stream_texts,
            timeout_seconds=self._timeout_seconds(call.time_remaining()),
            caller=StreamCaller(call, self._limits),
            new_account=new_account,
        )
        return stream.answers(requests)

    async def _list_models(
        self,
        request: ListModelsRequest,  # noqa: ARG002  it has no fields
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> ListModelsResponse:
        """Lists the models that the caller may use."""
        allowed = allowed_models(principal_of(call))
        return ListModelsResponse(models=self._catalog.models(allowed))

    def _limit(self, remaining: float | None, timeout_seconds: float | None) -> TimeLimit:
        seconds = remaining if timeout_seconds is None else timeout_seconds
        due = self._outcomes.now() + (seconds or 0.0)
        return TimeLimit(due, due)

    def _timeout_seconds(self, remaining: float | None) -> float | None:
        """As in _Accepted."""
        if remaining is None:
            return self._default_timeout_seconds
        return self._max_timeout_seconds if remaining > self._max_timeout_seconds else None

    def _timeout(self, seconds: float | None) -> AbstractContextManager[object]:
        """Returns what raises TimeoutError after what `_timeout_seconds` said."""
        return nullcontext() if seconds is None else self._timeouts[seconds].timeout()
