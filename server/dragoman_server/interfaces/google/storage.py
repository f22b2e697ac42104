"""Google Cloud Storage as a directory: gs://BUCKET/OBJECT is the file BUCKET/OBJECT below it.

A bucket may be mounted there. Nothing outside of the directory is read or written: names are taken
one by one, and no symbolic link is followed. Knows files. Does not know what is in them. Blocks.
"""

import os
import re
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from dragoman_server.errors import ConfigError, NotFoundError, PreconditionError, shorten
from dragoman_server.service import wrong_field

_URI = re.compile(r"gs://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{0,221})/(?P<name>.*)", re.DOTALL)
_NO_NAMES = frozenset({"", ".", ".."})

MOST_BYTES = 1024
"""Of an object's name, as Google has it: a directory's name may make as many directories."""

_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC


class Place(NamedTuple):
    """A file, or a directory, of a bucket."""

    uri: str
    parts: tuple[str, ...]
    """The bucket, directories and the file's name."""

    @property
    def suffix(self) -> str:
        """Ending of its name, in lower case."""
        return Path(self.parts[-1]).suffix.lower()


def place_of(uri: str, field: str, *, is_folder: bool = False) -> Place:
    """Returns what a URI means; a directory's ends with a slash.

    Raises:
        InvalidArgumentError: It is none of an object, or could lead elsewhere.
    """
    found = _URI.fullmatch(uri)
    name = "" if found is None else found["name"]
    if is_folder and found is not None:
        name, ends = name.removesuffix("/"), name.endswith("/") or not name
    else:
        ends = True
    parts = name.split("/") if name or not is_folder else []
    wrong = _NO_NAMES.intersection(parts) or "\0" in name or len(os.fsencode(name)) > MOST_BYTES
    if found is None or wrong or not ends:
        form = "gs://BUCKET/FOLDER/" if is_folder else "gs://BUCKET/OBJECT"
        raise wrong_field(
            field,
            shorten(uri),
            f"{form} of at most {MOST_BYTES:,} bytes, without '.', '..' or nothing between slashes",
            reason="URI_MALFORMED",
            verb="is",
        )
    return Place(uri, (found["bucket"], *parts))


class Storage:
    """The directory.

    Args:
        root: Whose directories are buckets.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def of(cls, root: Path | None) -> Self | None:
        """Returns a directory's; None where there is none.

        Raises:
            ConfigError: It is no directory.
        """
        if root is None:
            return None
        if not root.is_dir():
            raise ConfigError(f"google_storage {root} is no directory")
        return cls(root)

    def read(self, place: Place, field: str, *, most_bytes: int) -> bytes:
        """Returns what a file holds.

        Raises:
            NotFoundError: There is none, or it is reached over a symbolic link.
            InvalidArgumentError: It is larger.
        """
        with self._folder(place, place.parts[:-1]) as folder:
            descriptor = _opened(folder, place)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise wrong_field(
                field,
                f"a file of more than {most_bytes:,} bytes",
                "a smaller one",
                reason="FILE_TOO_LARGE",
            )
        return content

    def names(self, folder: Place) -> list[str]:
        """Returns what is in a directory of a bucket, in order; nothing where it is not there.

        Raises:
            NotFoundError: The bucket is not there.
        """
        with self._folder(folder, folder.parts[:1]):
            pass
        try:
            with self._folder(folder, folder.parts) as descriptor:
                return sorted(os.listdir(descriptor))  # noqa: PTH208  a path has no descriptor
        except NotFoundError:
            return []

    def write(self, folder: Place, name: str, content: bytes) -> None:
        """Writes a file into a directory, which is made where it is not there, all of it at once.

        Raises:
            NotFoundError: The bucket is not there, or no directory can be made in it.
            PreconditionError: The file cannot be written.
        """
        with self._folder(folder, folder.parts[:1]):
            pass
        beside = f".{uuid.uuid4().hex}.part"
        with self._folder(folder, folder.parts, makes=True) as descriptor:
            try:
                _write(descriptor, beside, content)
                os.rename(beside, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
            except OSError as error:
                with suppress(OSError):
                    os.unlink(beside, dir_fd=descriptor)
                raise PreconditionError(
                    f"{shorten(folder.uri)} cannot be written: {error.strerror}",
                    reason="STORAGE_NOT_WRITABLE",
                ) from None

    @contextmanager
    def _folder(self, place: Place, parts: Sequence[str], *, makes: bool = False) -> Iterator[int]:
        """Opens a directory; what cannot be opened on the way, or in it, is not there."""
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                outer = descriptor
                if makes:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=outer)
                descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=outer)
                os.close(outer)
            yield descriptor
        except OSError:
            raise not_there(place) from None
        finally:
            os.close(descriptor)


def _opened(folder: int, place: Place) -> int:
    """Opens a file that is one: a pipe would keep its reader waiting."""
    flags = os.O_RDONLY | os.O_NONBLOCK | _NO_LINK
    descriptor = os.open(place.parts[-1], flags, dir_fd=folder)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise not_there(place)


def _write(folder: int, name: str, content: bytes) -> None:
    """Writes a file that is not there into a directory."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK
    with os.fdopen(os.open(name, flags, 0o644, dir_fd=folder), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def not_there(place: Place) -> NotFoundError:
    """Returns the error about a file that is not there, or that nobody may reach."""
    return NotFoundError(
        f"there is no {shorten(place.uri)} that the server may use", reason="FILE_NOT_FOUND"
    )


def needed(storage: Storage | None) -> Storage:
    """Returns the directory.

    Raises:
        PreconditionError: The server has none.
    """
    if storage is None:
        raise PreconditionError(
            "gs:// needs a server that was started with google_storage", reason="STORAGE_OFF"
        )
    return storage
