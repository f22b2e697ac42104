"""Google Cloud Storage as a directory: gs://BUCKET/OBJECT is the file BUCKET/OBJECT below it.

A bucket may be mounted there. Nothing outside of the directory is read or written: names are taken
one by one, and no symbolic link is followed. Knows files. Does not know what is in them. Blocks.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from dragoman_server.errors import ConfigError, NotFoundError, PreconditionError, shorten
from dragoman_server.service import wrong_field

_URI = re.compile(r"gs://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{0,221})/(?P<name>.*)", re.DOTALL)
_NO_NAMES = frozenset({"", ".", ".."})
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
    wrong = _NO_NAMES.intersection(parts) or any("\0" in part for part in parts)
    if found is None or wrong or not ends:
        form = "gs://BUCKET/FOLDER/" if is_folder else "gs://BUCKET/OBJECT"
        raise wrong_field(
            field,
            shorten(uri),
            f"{form}, without '.', '..' or nothing between slashes",
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
        with self._folder(place) as folder:
            descriptor = os.open(
                place.parts[-1], os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=folder
            )
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise not_there(place)
                content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise wrong_field(
                field,
                f"a file of more than {most_bytes:,} bytes",
                "a smaller one",
                reason="FILE_TOO_LARGE",
            )
        return content

    @contextmanager
    def _folder(self, place: Place) -> Iterator[int]:
        """Opens the directory of a file; what cannot be opened in it is not there."""
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in place.parts[:-1]:
                outer = descriptor
                descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=outer)
                os.close(outer)
            yield descriptor
        except OSError:
            raise not_there(place) from None
        finally:
            os.close(descriptor)


def not_there(place: Place) -> NotFoundError:
    """Returns the error about a file that is not there, or that nobody may reach."""
    return NotFoundError(f"no file {shorten(place.uri)} that can be read", reason="FILE_NOT_FOUND")


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
