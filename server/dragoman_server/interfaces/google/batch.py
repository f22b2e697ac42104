"""Google's BatchTranslateText: files of buckets, translated while nobody waits.

The work goes on in the process that took the call, as calls of its caller. Does not know how
anything is translated, nor what is in files.
"""

import asyncio
import logging
from pathlib import Path

from dragoman.v1.translation_pb2 import Limits, TranslateTextRequest, TranslateTextResponse
from dragoman_server.access import FILES
from dragoman_server.config import Config
from dragoman_server.errors import TooManyCallsError
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.batch_index import INDEX
from dragoman_server.interfaces.google.batch_request import Batch, read_batch
from dragoman_server.interfaces.google.batch_run import BatchRun
from dragoman_server.interfaces.google.batch_texts import Ask, TextsTranslator
from dragoman_server.interfaces.google.operation_methods import operations_of
from dragoman_server.interfaces.google.operations import Held, Operation, new_operation, timestamp
from dragoman_server.interfaces.google.storage import Storage, needed
from dragoman_server.rpc import Call, LocalCalls, Origin
from dragoman_server.service import SERVICE_NAME, Account, Unary, as_asked

_log = logging.getLogger(__name__)

MOST_AT_ONCE = 8
"""Batches that a process works on."""

RETRY_SECONDS = 10.0

_TRANSLATE = f"/{SERVICE_NAME}/TranslateText"


class BatchMethod:
    """The method.

    Args:
        storage: Where files are; None where the server has none.
        operations: Directory of all operations.
        calls: Makes calls of the server's own.
        config: Says how much such a call may have.
        interface: Name of the interface.
    """

    def __init__(
        self,
        storage: Storage | None,
        operations: Path | None,
        calls: LocalCalls,
        config: Config,
        interface: str,
    ) -> None:
        self._storage = storage
        self._operations = operations
        self._calls = calls
        self._interface = interface
        self._limits = Limits(
            max_contents=min(config.max_contents, config.max_queue_size),
            max_code_points=config.max_code_points,
        )
        self._running: set[asyncio.Task[None]] = set()

    def call(self) -> Unary[google.Message, google.Message]:
        """Returns what it does."""
        return Unary(
            "BatchTranslateText",
            google.BatchTranslateTextRequest,
            as_asked,
            self._begin,
            granted=FILES,
        )

    async def _begin(
        self,
        request: google.Message,
        call: Call,
        account: Account,  # noqa: ARG002
    ) -> google.Message:
        needed(self._storage)
        if len(self._running) >= MOST_AT_ONCE:
            raise TooManyCallsError(
                f"{MOST_AT_ONCE} batches are worked on", retry_after_seconds=RETRY_SECONDS
            )
        begun = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._work(request, call, begun))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(begun)  # who hangs up meanwhile has asked for it all the same

    async def _work(
        self, request: google.Message, call: Call, begun: asyncio.Future[Operation]
    ) -> None:
        """Begins a batch, tells its operation, and works on it."""
        try:
            batch, run, held, operation = await self._start(request, call)
        except Exception as error:  # noqa: BLE001  it is the call's, who waits for it
            begun.set_exception(error)
            return
        begun.set_result(operation)
        await self._run(run, batch, held, self._ask_for(call))

    async def _start(
        self, request: google.Message, call: Call
    ) -> tuple[Batch, BatchRun, Held, Operation]:
        """Takes its place; returns what is to be done, and its operation as it begins."""
        storage = needed(self._storage)
        assert self._operations is not None
        batch = await asyncio.to_thread(read_batch, request, storage)
        await asyncio.to_thread(storage.write, batch.output, INDEX, b"")  # nobody else may now
        metadata = google.BatchTranslateMetadata(state=google.RUNNING, submit_time=timestamp())
        operation = new_operation(batch.parent, metadata)
        held = await asyncio.to_thread(operations_of(self._operations, call).begin, operation)
        told = Operation()
        told.CopyFrom(operation)
        most = self._limits.max_code_points
        return batch, BatchRun(batch, storage, held, operation, most_code_points=most), held, told

    async def _run(self, run: BatchRun, batch: Batch, held: Held, ask: Ask) -> None:
        """Works on a batch; where the server ends meanwhile, its operation is lost."""
        try:
            await run.run(TextsTranslator(ask, batch.source, self._limits, run.check))
        except Exception:  # noqa: BLE001  nobody else would tell its caller
            _log.error("batch_failed", exc_info=True)
            await asyncio.to_thread(run.fail, "the server failed; its log says why")
        finally:
            held.let_go()

    def _ask_for(self, call: Call) -> Ask:
        """Returns what makes calls for whoever makes a call, as long as it takes."""
        origin = Origin(call.peer, self._interface, _Known(), identity=call.identity)

        async def ask(request: TranslateTextRequest) -> TranslateTextResponse:
            answer = await self._calls.unary(_TRANSLATE, request.SerializeToString(), origin)
            return TranslateTextResponse.FromString(answer)

        return ask


class _Known:
    """What a call shows whose caller is known already: nothing."""

    def headers(self) -> tuple[()]:
        """See Presented."""
        return ()

    def certificate_names(self) -> tuple[()]:
        """See Presented."""
        return ()
