"""The glossaries of a server as Google tells of them: those that were created, and all others.

NAME.tsv beside NAME.json, which has what Google keeps of a glossary. Whoever serves the directory
puts files there without; these are told of, and not deleted. Knows the directory. Blocks.
"""

import os
import re
import tempfile
from pathlib import Path

from google.protobuf import json_format

from dragoman_server.errors import (
    AlreadyThereError,
    PreconditionError,
    shorten,
)
from dragoman_server.interfaces.google import messages as google
from dragoman_server.service import wrong_field
from dragoman_server.terminology import Shelf

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def check_name(name: str) -> None:
    """Raises InvalidArgumentError where a glossary that is created may not be called so."""
    if not _NAME.fullmatch(name):
        raise wrong_field(
            "glossary.name",
            shorten(name),
            "1 to 63 letters, digits, _ and -, of which the first is a letter or a digit",
            reason="NAME_MALFORMED",
            verb="is called",
        )


class GlossaryFolder:
    """The directory.

    Args:
        folder: Of the glossaries.
        shelf: What requests find there.
    """

    def __init__(self, folder: Path, shelf: Shelf) -> None:
        self._folder = folder
        self.shelf = shelf

    def create(self, name: str, table: str, told: google.Message) -> None:
        """Writes a glossary.

        Args:
            name: Of it alone.
            table: Its terms.
            told: What Google tells of it.

        Raises:
            AlreadyThereError: There is one of the name.
            PreconditionError: It cannot be written there.
        """
        if name in self.shelf.names:
            raise _there(name)
        try:
            self._put(f"{name}.tsv", table)
            self._keep(name, told)
        except FileExistsError:
            raise _there(name) from None
        except OSError as error:
            raise PreconditionError(
                f"the server cannot write its glossaries: {error.strerror}",
                reason="GLOSSARIES_NOT_WRITABLE",
            ) from None

    def delete(self, name: str) -> None:
        """Deletes a glossary that was created.

        Raises:
            PreconditionError: It was not, or cannot be deleted.
        """
        try:
            (self._folder / f"{name}.json").stat()
            (self._folder / f"{name}.tsv").unlink()
            (self._folder / f"{name}.json").unlink()
        except FileNotFoundError:
            raise PreconditionError(
                f"glossary {shorten(name)} was not created by a client: its file is the server's",
                reason="GLOSSARY_NOT_CREATED",
            ) from None
        except OSError as error:
            raise PreconditionError(
                f"the server cannot delete the glossary: {error.strerror}",
                reason="GLOSSARIES_NOT_WRITABLE",
            ) from None

    def names(self) -> list[str]:
        """Returns those that requests may name, in order."""
        return sorted(self.shelf.names)

    def tell(self, name: str, path: str) -> google.Message:
        """Returns what Google tells of a glossary.

        Args:
            name: Of it alone.
            path: Its whole name.

        Raises:
            NotFoundError: There is none.
        """
        found = self.shelf.find(name)
        told = self._kept(name)
        if told is None:
            told = google.Glossary(entry_count=len(found))
            told.language_codes_set.language_codes.extend(found.languages)
        told.name = path
        return told

    def _kept(self, name: str) -> google.Message | None:
        """Returns what was kept of a glossary that was created; None of others."""
        try:
            kept = (self._folder / f"{name}.json").read_text("utf-8")
            return json_format.Parse(kept, google.Glossary())
        except (OSError, ValueError, json_format.ParseError):
            return None

    def _keep(self, name: str, told: google.Message) -> None:
        """Writes what Google keeps, over what may be left of one that was deleted by halves."""
        path = self._folder / f"{name}.json"
        path.unlink(missing_ok=True)
        self._put(path.name, json_format.MessageToJson(told))

    def _put(self, name: str, content: str) -> None:
        """Writes a file that is not there, all of it at once.

        Raises:
            OSError: FileExistsError where it is.
        """
        with tempfile.NamedTemporaryFile(
            "w", dir=self._folder, encoding="utf-8", newline=""
        ) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, self._folder / name)


def _there(name: str) -> AlreadyThereError:
    return AlreadyThereError(f"there is a glossary {shorten(name)}")
