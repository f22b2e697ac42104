"""Works on one batch: reads its files, has their texts translated, writes what comes of them.

Knows the order of things, and what is told of them meanwhile. Does not know how texts are
translated, nor who asks for it.
"""

import asyncio
from collections.abc import Sequence

from google.rpc import code_pb2  # type: ignore[import-untyped]  # .pyi files but no py.typed

from dragoman_server.errors import DragomanError, NotFoundError
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.batch_files import Item, Result, outputs_of, read_items
from dragoman_server.interfaces.google.batch_index import INDEX, Named, index_of, named
from dragoman_server.interfaces.google.batch_request import Batch, Input, Target
from dragoman_server.interfaces.google.batch_texts import TextsTranslator
from dragoman_server.interfaces.google.operations import Held, Operation, timestamp
from dragoman_server.interfaces.google.storage import Storage

MOST_CODE_POINTS = 10_000_000
MOST_BYTES = 4 * MOST_CODE_POINTS
"""Of all files together, and of one, which is in memory while it is worked on. Google takes ten
times as much."""


class CancelledError(Exception):
    """Somebody asked that the batch ends."""


class BatchRun:
    """One batch.

    Args:
        batch: What is asked for.
        storage: Where its files are.
        held: Its operation, of which `operation` is the message.
        most_code_points: Of a call of ours.
    """

    def __init__(
        self,
        batch: Batch,
        storage: Storage,
        held: Held,
        operation: Operation,
        *,
        most_code_points: int,
    ) -> None:
        self._batch = batch
        self._storage = storage
        self._held = held
        self._operation = operation
        self._most_code_points = most_code_points
        self._done: list[Named] = []
        self._state = google.BatchTranslateMetadata()
        operation.metadata.Unpack(self._state)

    async def check(self) -> None:
        """Raises CancelledError once somebody has asked that it ends."""
        if await asyncio.to_thread(lambda: self._held.is_cancelled):
            raise CancelledError

    async def run(self, translator: TextsTranslator) -> None:
        """Does all of it; what becomes of it is told of its operation."""
        try:
            await asyncio.to_thread(self._count_all)
            for file in self._batch.inputs:
                items = await asyncio.to_thread(self._items, file)
                for target in self._batch.targets:
                    await self._translate(translator, file, items, target)
        except CancelledError:
            self._end(google.CANCELLED, code_pb2.CANCELLED, "the operation was cancelled")
        except (ValueError, DragomanError) as error:
            is_gone = isinstance(error, NotFoundError)
            code = code_pb2.NOT_FOUND if is_gone else code_pb2.INVALID_ARGUMENT
            self._end(google.FAILED, code, str(error))
        else:
            self._succeed()
        await asyncio.to_thread(self._tell)

    def fail(self, message: str) -> None:
        """Says that it has failed through no fault of what was asked."""
        self._end(google.FAILED, code_pb2.INTERNAL, message)
        self._tell()

    def _count_all(self) -> None:
        characters = sum(_characters(self._items(file)) for file in self._batch.inputs)
        if characters > MOST_CODE_POINTS:
            raise ValueError(f"the files have more than {MOST_CODE_POINTS:,} code points")
        self._state.total_characters = characters * len(self._batch.targets)
        self._tell()

    async def _translate(
        self, translator: TextsTranslator, file: Input, items: Sequence[Item], target: Target
    ) -> None:
        plain = await translator.translate(items, file.mime_type, target, None)
        with_terms = None
        if target.glossary is not None:
            with_terms = await translator.translate(items, file.mime_type, target, target.glossary)

        def finish() -> None:
            self._write(named(file, target.code, outputs_of(file, items, plain, with_terms)))
            self._count(items, plain)
            self._tell()

        await asyncio.to_thread(finish)

    def _items(self, file: Input) -> list[Item]:
        uri = file.place.uri
        content = self._storage.read(file.place, uri, most_bytes=MOST_BYTES)
        try:
            return read_items(file, content, most_code_points=self._most_code_points)
        except ValueError as error:
            raise ValueError(f"{uri}: {error}") from None

    def _write(self, made: Named) -> None:
        for name, content in made.files.items():
            self._storage.write(self._batch.output, name, content.encode())
        self._done.append(made)
        index = index_of(self._done, self._batch.output.uri)
        self._storage.write(self._batch.output, INDEX, index.encode())

    def _count(self, items: Sequence[Item], results: Sequence[Result]) -> None:
        for item, result in zip(items, results, strict=True):
            if result.error:
                self._state.failed_characters += item.code_points
            else:
                self._state.translated_characters += item.code_points

    def _succeed(self) -> None:
        state = self._state
        if state.failed_characters and not state.translated_characters:
            message = "nothing could be translated: the files of errors say why"
            self._end(google.FAILED, code_pb2.INVALID_ARGUMENT, message)
            return
        state.state = google.SUCCEEDED
        self._operation.done = True
        self._operation.response.Pack(
            google.BatchTranslateResponse(
                total_characters=state.total_characters,
                translated_characters=state.translated_characters,
                failed_characters=state.failed_characters,
                submit_time=state.submit_time,
                end_time=timestamp(),
            )
        )

    def _end(self, state: int, code: int, message: str) -> None:
        self._state.state = state
        self._operation.done = True
        self._operation.error.code = code
        self._operation.error.message = message

    def _tell(self) -> None:
        self._operation.metadata.Pack(self._state)
        self._held.tell(self._operation)


def _characters(items: Sequence[Item]) -> int:
    return sum(item.code_points for item in items)
