"""Operations that take long, as google.longrunning has them, kept as files.

Every process of the server finds them there. Whoever works on one holds a lock, which goes with its
process: an operation that is not done and that nobody holds is lost, and is told as that. Knows the
message and the files. Does not know what is done. Blocks.
"""

import fcntl
import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from google.longrunning.operations_pb2 import (  # type: ignore[import-untyped]
    Operation,
)
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2  # type: ignore[import-untyped]  # .pyi files but no py.typed

from dragoman_server.errors import NotFoundError, PreconditionError, shorten

__all__ = ["Held", "Operation", "Operations", "finished", "new_operation", "timestamp"]

KEPT_SECONDS = 30 * 86_400
"""That an operation which is done is kept, where nobody deletes it."""

LOST = (
    "the server's process that worked on it has ended; what index.csv names is complete, the rest "
    "is not there: ask for it again, into another directory"
)

_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/operations/(?P<id>[0-9a-f]{32})")


def new_operation(parent: str, metadata: Message) -> Operation:
    """Returns an operation that has just begun.

    Args:
        parent: The location that it belongs to.
        metadata: How far it is.
    """
    operation = Operation(name=f"{parent}/operations/{uuid.uuid4().hex}")
    operation.metadata.Pack(metadata)
    return operation


def finished(parent: str, metadata: Message, response: Message) -> Operation:
    """Returns an operation that is done; `response` is what came of it."""
    operation = new_operation(parent, metadata)
    operation.response.Pack(response)
    operation.done = True
    return operation


def timestamp() -> Timestamp:
    """Returns the time."""
    now = Timestamp()
    now.GetCurrentTime()
    return now


class Held:
    """An operation that this process works on.

    Args:
        path: Of its file.
        lock: Descriptor of the file that is locked meanwhile.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has asked that it ends."""
        return _cancel_path(self._path).exists()

    def tell(self, operation: Operation) -> None:
        """Says how far it is."""
        _write(self._path, operation)

    def let_go(self) -> None:
        """Nobody works on it any more."""
        os.close(self._lock)


class Operations:
    """Those of one caller: nobody else is told of them.

    Args:
        root: Directory of all operations.
        owner: Name of the caller; empty where callers have none.
    """

    def __init__(self, root: Path, owner: str) -> None:
        self._folder = root / hashlib.sha256(owner.encode()).hexdigest()[:32]

    def begin(self, operation: Operation) -> Held:
        """Keeps an operation, which this process works on until it lets it go.

        Raises:
            PreconditionError: It cannot be written.
        """
        try:
            return self._begin(operation)
        except OSError as error:
            raise PreconditionError(
                f"operations cannot be written: {error.strerror}", reason="STORAGE_NOT_WRITABLE"
            ) from None

    def _begin(self, operation: Operation) -> Held:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._drop_old()
        path = self._folder / operation.name.rpartition("/")[2]
        lock = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        held = Held(path, lock)
        held.tell(operation)
        return held

    def keep(self, operation: Operation) -> None:
        """Keeps an operation that is done; raises PreconditionError as `begin`."""
        self.begin(operation).let_go()

    def find(self, name: str) -> Operation:
        """Returns an operation as it is now.

        Raises:
            NotFoundError: The caller has none of the name.
        """
        path = self._path(name)
        operation = _read(path)
        if operation is None or operation.name != name:
            raise _not_there(name)
        return operation if operation.done else _checked(path, operation)

    def each(self, parent: str, after: str = "") -> Iterator[Operation]:
        """Yields those of a location, by their ids, from the one after an id on."""
        if not self._folder.is_dir():
            return
        ids = sorted(path.name for path in self._folder.iterdir() if not path.suffix)
        for each in ids:
            path = self._folder / each
            operation = _read(path) if each > after else None
            if operation is not None and operation.name == f"{parent}/operations/{each}":
                yield operation if operation.done else _checked(path, operation)

    def cancel(self, name: str) -> None:
        """Asks whoever works on an operation to end; nothing where it is done.

        Raises:
            NotFoundError: As `find`.
        """
        if not self.find(name).done:
            _cancel_path(self._path(name)).touch()

    def delete(self, name: str) -> None:
        """Keeps an operation no longer.

        Raises:
            NotFoundError: As `find`.
            PreconditionError: It is not done.
        """
        if not self.find(name).done:
            raise PreconditionError("the operation is not done: cancel it", reason="NOT_DONE")
        _remove(self._path(name))

    def _path(self, name: str) -> Path:
        found = _NAME.fullmatch(name)
        if found is None:
            raise _not_there(name)
        return self._folder / found["id"]

    def _drop_old(self) -> None:
        before = time.time() - KEPT_SECONDS
        for path in list(self._folder.iterdir()):
            with suppress(FileNotFoundError):  # somebody else drops it
                if not path.suffix and path.stat().st_mtime < before:
                    operation = _read(path)
                    if operation is None or operation.done:
                        _remove(path)


def _checked(path: Path, operation: Operation) -> Operation:
    """Returns an operation that was not done; with an error where nobody works on it any more."""
    try:
        lock = os.open(_lock_path(path), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # it is being deleted
        return operation
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        operation = _read(path) or operation
        if not operation.done:
            operation.done = True
            operation.error.code = code_pb2.ABORTED
            operation.error.message = LOST
            _write(path, operation)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)
    return operation


def _read(path: Path) -> Operation | None:
    try:
        return Operation.FromString(path.read_bytes())
    except (OSError, DecodeError):
        return None


def _write(path: Path, operation: Operation) -> None:
    beside = path.with_suffix(f".{uuid.uuid4().hex}")
    beside.write_bytes(operation.SerializeToString())
    beside.replace(path)


def _remove(path: Path) -> None:
    for each in (path, _cancel_path(path), _lock_path(path)):
        each.unlink(missing_ok=True)


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _cancel_path(path: Path) -> Path:
    return path.with_suffix(".cancel")


def _not_there(name: str) -> NotFoundError:
    return NotFoundError(f"no operation {shorten(name)}", reason="OPERATION_NOT_FOUND")
