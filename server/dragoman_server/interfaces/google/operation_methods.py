"""google.longrunning.Operations: what became of operations, for those who began them.

Does not know what they do.
"""

import asyncio
import time
from pathlib import Path

from google.longrunning import operations_pb2  # type: ignore[import-untyped]
from google.protobuf.empty_pb2 import Empty

from dragoman_server.errors import PreconditionError, UnsupportedError
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.glossary_filters import read_page_size
from dragoman_server.interfaces.google.names import check_location
from dragoman_server.interfaces.google.operations import Operations
from dragoman_server.rpc import Call
from dragoman_server.service import Account, Unary, as_asked, principal_of

SERVICE = "google.longrunning.Operations"

_FIRST_POLL_SECONDS, _POLL_SECONDS = 0.05, 1.0
"""Between looks at what is waited for: twice as long each time, up to the most."""

MOST_WAIT_SECONDS = 10.0
"""Less than a server that drains waits for its calls; a client asks again."""


def operations_of(root: Path | None, call: Call) -> Operations:
    """Returns the operations of whoever makes a call.

    Raises:
        PreconditionError: The server keeps none.
    """
    if root is None:
        raise PreconditionError(
            "operations are kept by a server that was started with google_storage",
            reason="STORAGE_OFF",
        )
    principal = principal_of(call)
    return Operations(root, "" if principal is None else principal.name)


class OperationMethods:
    """The methods.

    Args:
        root: Directory of all operations; None where there are none.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def calls(self) -> list[Unary[google.Message, google.Message]]:
        """Returns what they do, for everybody who is known."""
        return [
            Unary(name, request_type, as_asked, answer, granted=None)
            for name, request_type, answer in (
                ("GetOperation", operations_pb2.GetOperationRequest, self._get),
                ("ListOperations", operations_pb2.ListOperationsRequest, self._list),
                ("WaitOperation", operations_pb2.WaitOperationRequest, self._wait),
                ("CancelOperation", operations_pb2.CancelOperationRequest, self._cancel),
                ("DeleteOperation", operations_pb2.DeleteOperationRequest, self._delete),
            )
        ]

    async def _get(
        self,
        request: google.Message,
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> google.Message:
        return await asyncio.to_thread(operations_of(self._root, call).find, request.name)

    async def _wait(
        self,
        request: google.Message,
        call: Call,
        account: Account,
    ) -> google.Message:
        """Waits until it is done, or for as long as is asked and no longer than the most."""
        asked = request.timeout.ToNanoseconds() / 1e9 or MOST_WAIT_SECONDS
        until = time.monotonic() + min(asked, MOST_WAIT_SECONDS)
        pause = _FIRST_POLL_SECONDS
        while not (found := await self._get(request, call, account)).done:
            if time.monotonic() > until:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, _POLL_SECONDS)
        return found

    async def _cancel(
        self,
        request: google.Message,
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> Empty:
        await asyncio.to_thread(operations_of(self._root, call).cancel, request.name)
        return Empty()

    async def _delete(
        self,
        request: google.Message,
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> Empty:
        await asyncio.to_thread(operations_of(self._root, call).delete, request.name)
        return Empty()

    async def _list(
        self,
        request: google.Message,
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> google.Message:
        check_location(request.name)
        if request.filter:
            raise UnsupportedError("filter: operations are listed without one")
        size = read_page_size(request.page_size)

        def listed() -> google.Message:
            answer = operations_pb2.ListOperationsResponse()
            operations = operations_of(self._root, call)
            for operation in operations.each(request.name, after=request.page_token):
                if len(answer.operations) == size:
                    answer.next_page_token = answer.operations[-1].name.rpartition("/")[2]
                    break
                answer.operations.append(operation)
            return answer

        return await asyncio.to_thread(listed)
