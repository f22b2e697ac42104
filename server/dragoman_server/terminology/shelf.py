"""The glossaries of a server: files of a directory, read anew when they change.

NAME.tsv or NAME@VERSION.tsv, likewise .tbx. A file that is wrong leaves what it held before in
force. Knows the directory. Does not know what is in a file, nor requests.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from dragoman_server.access import read_file
from dragoman_server.errors import ConfigError, NotFoundError, shorten
from dragoman_server.models import VersionedName, newness
from dragoman_server.monitoring import FileKind, Reload
from dragoman_server.terminology.files import READERS
from dragoman_server.terminology.glossary import Glossary

_log = logging.getLogger(__name__)

SETTING: FileKind = "glossaries"

MOST_NAMED = 20
"""Glossaries that an error names."""

Stamp = tuple[int, int, int, int]


class Shelf:
    """The glossaries of a directory.

    Attributes:
        generation: How often they have changed.

    Raises:
        ConfigError: The directory cannot be read, or a file is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.generation = 0
        self._glossaries: dict[str, Glossary] = {}
        self._loaded = self._seen = self._stamps()
        for path in self._loaded:
            self._load(path)

    @classmethod
    def of(cls, folder: Path | None) -> Self | None:
        """Returns the glossaries of a directory; None where there is none."""
        return None if folder is None else cls(folder)

    @property
    def names(self) -> frozenset[str]:
        """NAME or NAME@VERSION of each."""
        return frozenset(self._glossaries)

    def find(self, text: str) -> Glossary:
        """Returns the glossary that NAME or NAME@VERSION means; NAME is the newest version.

        Raises:
            NotFoundError: There is none.
        """
        wanted = VersionedName.parse(text)
        versions = {
            each.version or "": glossary
            for name, glossary in self._glossaries.items()
            if (each := VersionedName.parse(name)).name == wanted.name
            and wanted.version in {None, each.version}
        }
        if not versions:
            raise not_found(text, self._glossaries)
        return versions[max(versions, key=newness)]

    def look(self) -> Reload | None:
        """Reads what has changed, and not since the last look: it is all written then."""
        try:
            before, self._seen = self._seen, self._stamps()
        except ConfigError as error:
            if not self._seen:  # that was told
                return None
            self._seen = {}
            _log.error("file_refused", extra={"file": SETTING, "problem": str(error)})
            return Reload(SETTING, "REFUSED")
        if self._seen != before or self._seen == self._loaded:
            return None
        changed = [path for path, stamp in self._seen.items() if self._loaded.get(path) != stamp]
        gone = {path.stem for path in self._loaded} - {path.stem for path in self._seen}
        self._loaded = self._seen
        for name in gone:
            self._glossaries.pop(name, None)
        problems = [problem for path in changed if (problem := self._reload(path))]
        self.generation += 1
        for problem in problems:
            _log.error("file_refused", extra={"file": SETTING, "problem": problem})
        if not problems:
            _log.info("file_reloaded", extra={"file": SETTING})
        return Reload(SETTING, "REFUSED" if problems else "OK")

    def _reload(self, path: Path) -> str:
        """Reads a file; returns what is wrong with it, nothing where nothing is."""
        try:
            self._load(path)
        except Exception as error:  # noqa: BLE001  what was good stays in force, whatever it was
            return str(error) if isinstance(error, ConfigError) else type(error).__name__
        return ""

    def _load(self, path: Path) -> None:
        try:
            self._glossaries[path.stem] = READERS[path.suffix](read_file(path, SETTING))
        except ValueError as error:
            raise ConfigError(f"{SETTING} {path}: {error}") from None

    def _stamps(self) -> dict[Path, Stamp]:
        """Returns the files, in order, and what changes with them."""
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix in READERS)
            found = [(path, path.stat()) for path in paths]
        except OSError as error:
            raise ConfigError(
                f"{SETTING} {self._folder} cannot be read: {error.strerror}"
            ) from None
        names = [path.stem for path in paths]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ConfigError(f"{SETTING} {self._folder} has {twice} both as .tsv and as .tbx")
        return {
            path: (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            for path, stat in found
        }


def not_found(name: str, known: Mapping[str, Glossary]) -> NotFoundError:
    """Returns the error about a glossary that is not there."""
    there = ", ".join(sorted(known)[:MOST_NAMED]) or "none"
    return NotFoundError(
        f"no glossary {shorten(name)}; the server has {there}", reason="GLOSSARY_NOT_FOUND"
    )
