"""Google's methods for glossaries: created from files of a bucket, listed, told of, deleted.

Creating and deleting are operations that are done once they are answered: by then every process of
the server has seen the change. Does not know how terms are translated.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dragoman_server.access import ADMINISTRATION, LOOK_SECONDS
from dragoman_server.errors import PreconditionError
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.glossary_filters import read_filter, read_page_size
from dragoman_server.interfaces.google.glossary_folder import GlossaryFolder, check_name
from dragoman_server.interfaces.google.glossary_tables import FIELD, entry_count, table_reader
from dragoman_server.interfaces.google.names import check_location, glossary_of
from dragoman_server.interfaces.google.operation_methods import operations_of
from dragoman_server.interfaces.google.operations import Operation, finished, timestamp
from dragoman_server.interfaces.google.storage import Storage, needed, place_of
from dragoman_server.rpc import Call
from dragoman_server.service import Account, Unary, as_asked, name_of

_log = logging.getLogger(__name__)

TOLD = "ListModels"
"""What a caller must be granted to be told of glossaries: what requests may name, as models are."""

MOST_BYTES = 16 << 20
"""Of a file; what the server reads itself has no more."""

SEEN_SECONDS = 2 * LOOK_SECONDS + 0.5
"""In which each process has looked twice, and read what has changed."""

_POLL_SECONDS = 0.05


class GlossaryMethods:
    """The methods.

    Args:
        folder: Where glossaries are; None where the server has none.
        storage: Whose files they are made of; None where the server has none.
        operations: Directory of all operations, which goes with the storage.
        is_alone: Whether the calls of the server come to one process.
    """

    def __init__(
        self,
        folder: GlossaryFolder | None,
        storage: Storage | None,
        operations: Path | None,
        *,
        is_alone: bool,
    ) -> None:
        self._operations = operations
        self._folder = folder
        self._storage = storage
        self._is_alone = is_alone

    def calls(self) -> list[Unary[google.Message, google.Message]]:
        """Returns what they do."""
        return [
            Unary(
                "CreateGlossary",
                google.CreateGlossaryRequest,
                as_asked,
                self._create,
                granted=ADMINISTRATION,
            ),
            Unary(
                "DeleteGlossary",
                google.DeleteGlossaryRequest,
                as_asked,
                self._delete,
                granted=ADMINISTRATION,
            ),
            Unary("GetGlossary", google.GetGlossaryRequest, as_asked, self._get, granted=TOLD),
            Unary(
                "ListGlossaries", google.ListGlossariesRequest, as_asked, self._list, granted=TOLD
            ),
        ]

    async def _create(
        self,
        request: google.Message,
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> google.Message:
        submitted = timestamp()
        check_location(request.parent)
        glossary, folder, storage = request.glossary, self._there(), needed(self._storage)
        name = glossary_of(glossary.name, "glossary.name")
        check_name(name)
        place = place_of(glossary.input_config.gcs_source.input_uri, FIELD)
        read = table_reader(glossary, place.suffix)

        def create() -> google.Message:
            table = read(storage.read(place, FIELD, most_bytes=MOST_BYTES))
            told = google.Glossary(submit_time=submitted, end_time=timestamp())
            told.MergeFrom(glossary)
            told.entry_count = entry_count(table)
            folder.create(name, table, told)
            return told

        told = await asyncio.to_thread(create)
        _log.info("glossary_created", extra={"glossary": name, "caller": name_of(call)})
        await self._seen(lambda: name in folder.shelf.names)
        metadata = google.CreateGlossaryMetadata(
            name=glossary.name, state=google.SUCCEEDED, submit_time=submitted
        )
        return await self._kept(call, finished(request.parent, metadata, told))

    async def _delete(
        self,
        request: google.Message,
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> google.Message:
        submitted = timestamp()
        folder, name = self._there(), glossary_of(request.name, "name")
        folder.shelf.find(name)
        await asyncio.to_thread(folder.delete, name)
        _log.info("glossary_deleted", extra={"glossary": name, "caller": name_of(call)})
        await self._seen(lambda: name not in folder.shelf.names)
        metadata = google.DeleteGlossaryMetadata(
            name=request.name, state=google.SUCCEEDED, submit_time=submitted
        )
        response = google.DeleteGlossaryResponse(
            name=request.name, submit_time=submitted, end_time=timestamp()
        )
        parent = request.name.rpartition("/glossaries/")[0]
        return await self._kept(call, finished(parent, metadata, response))

    async def _get(
        self,
        request: google.Message,
        call: Call,  # noqa: ARG002
        account: Account,  # noqa: ARG002
    ) -> google.Message:
        folder, name = self._there(), glossary_of(request.name, "name")
        return await asyncio.to_thread(folder.tell, name, request.name)

    async def _list(
        self,
        request: google.Message,
        call: Call,  # noqa: ARG002
        account: Account,  # noqa: ARG002
    ) -> google.Message:
        check_location(request.parent)
        size, fits = read_page_size(request.page_size), read_filter(request.filter)
        folder = self._folder
        answer = google.ListGlossariesResponse()
        names = [] if folder is None else folder.names()
        for name in (each for each in names if each > request.page_token):
            assert folder is not None
            path = f"{request.parent}/glossaries/{name}"
            told = await asyncio.to_thread(folder.tell, name, path)
            if fits(told):
                if len(answer.glossaries) == size:
                    answer.next_page_token = glossary_of(answer.glossaries[-1].name)
                    break
                answer.glossaries.append(told)
        return answer

    async def _kept(self, call: Call, operation: Operation) -> Operation:
        """Returns an operation that is done, for its caller to ask for again if it can be kept."""
        if self._operations is not None:
            keep = operations_of(self._operations, call).keep
            with suppress(PreconditionError):  # buckets may be there for reading alone
                await asyncio.to_thread(keep, operation)
        return operation

    def _there(self) -> GlossaryFolder:
        if self._folder is None:
            raise PreconditionError(
                "the server was started without glossaries", reason="GLOSSARIES_OFF"
            )
        return self._folder

    async def _seen(self, is_seen: Callable[[], bool]) -> None:
        """Waits until requests to any process find what was changed."""
        until = time.monotonic() + SEEN_SECONDS
        # Threads see it, and other processes, which tell nobody.
        while time.monotonic() < until and not (self._is_alone and is_seen()):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
