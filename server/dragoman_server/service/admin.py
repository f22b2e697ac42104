"""The AdminService of admin.proto, and its audit log: a line for each call that was let in.

Knows calls and who makes them. Does not know how models come and go.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from google.protobuf.message import Message
from google.rpc import code_pb2  # type: ignore[import-untyped]  # .pyi files but no py.typed

from dragoman.v1.admin_pb2 import (
    DESCRIPTOR,
    Bundle,
    ListBundlesRequest,
    ListBundlesResponse,
    LoadBundleRequest,
    LoadBundleResponse,
    SetDefaultVersionRequest,
    SetDefaultVersionResponse,
    UnloadBundleRequest,
    UnloadBundleResponse,
)
from dragoman_server.access import ADMINISTRATION
from dragoman_server.rpc import Call, Method
from dragoman_server.service.account import Account
from dragoman_server.service.callers import name_of
from dragoman_server.service.guard import CallGuard
from dragoman_server.service.status import outcome_of
from dragoman_server.service.unary import Unary, as_asked

_log = logging.getLogger(__name__)

ADMIN_NAME = DESCRIPTOR.services_by_name["AdminService"].full_name

MOST_LOGGED = 256
"""Characters of what a call names."""

_Request = TypeVar("_Request", bound=Message)


class BundleAdministration(Protocol):
    """What is needed of an Administration."""

    async def bundles(self) -> list[Bundle]:
        """Returns all that are on disk or loaded."""

    async def load(self, label: str) -> Bundle:
        """Loads one and serves it."""

    async def unload(self, label: str) -> None:
        """Serves one no longer."""

    async def choose(self, model: str, version: str) -> None:
        """Lets a version answer to its model's name."""


class AdminService:
    """Answers the calls, each with a line in the audit log."""

    def __init__(self, administration: BundleAdministration, guard: CallGuard) -> None:
        self._administration = administration
        self._guard = guard

    def methods(self) -> dict[str, Method]:
        """Returns the service's methods by their paths."""
        methods = {
            "ListBundles": self._method(ListBundlesRequest, self._list_bundles),
            "LoadBundle": self._method(LoadBundleRequest, self._load_bundle),
            "UnloadBundle": self._method(UnloadBundleRequest, self._unload_bundle),
            "SetDefaultVersion": self._method(SetDefaultVersionRequest, self._set_default_version),
        }
        return {f"/{ADMIN_NAME}/{name}": method for name, method in methods.items()}

    def _method(
        self, request_type: type[_Request], answer: Callable[[_Request], Awaitable[Message]]
    ) -> Method:
        method = request_type.DESCRIPTOR.name.removesuffix("Request")

        async def audited(request: _Request, call: Call, account: Account) -> Message:  # noqa: ARG001
            with _audited(method, request, name_of(call)):
                return await answer(request)

        return self._guard.unary(Unary(ADMINISTRATION, request_type, as_asked, audited))

    async def _list_bundles(
        self,
        request: ListBundlesRequest,  # noqa: ARG002  it has no fields
    ) -> ListBundlesResponse:
        return ListBundlesResponse(bundles=await self._administration.bundles())

    async def _load_bundle(self, request: LoadBundleRequest) -> LoadBundleResponse:
        return LoadBundleResponse(bundle=await self._administration.load(request.bundle))

    async def _unload_bundle(self, request: UnloadBundleRequest) -> UnloadBundleResponse:
        await self._administration.unload(request.bundle)
        return UnloadBundleResponse()

    async def _set_default_version(
        self, request: SetDefaultVersionRequest
    ) -> SetDefaultVersionResponse:
        await self._administration.choose(request.model, request.version)
        return SetDefaultVersionResponse()


@contextmanager
def _audited(method: str, request: Message, caller: str) -> Iterator[None]:
    """Logs who asked for what, and how it ended."""
    asked = {
        f"asked_{field.name}": str(value)[:MOST_LOGGED] for field, value in request.ListFields()
    }
    code = "OK"
    try:
        yield
    except BaseException as error:
        code = "CANCELLED"
        if isinstance(error, Exception):
            code = code_pb2.Code.Name(outcome_of(type(error)).code)
        raise
    finally:
        _log.info("audit", extra={"caller": caller, "method": method, **asked, "code": code})
