"""What translates: the one interface that a service and engines in the worker's process share."""

from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Protocol

from dragoman.options import Options
from dragoman.results import StreamResult


class LineTranslator(Protocol):
    """Translates texts. Threads may share one."""

    def results(self, texts: list[str], options: Options) -> Generator[StreamResult, None, None]:
        """Yields what became of each text, in order.

        Raises:
            DragomanError: It cannot go on.
        """


class Backend(Protocol):
    """Where a LineTranslator comes from. It goes to the workers as it is."""

    def identify(self, options: Options) -> dict[str, str]:
        """Returns what tells the model from others.

        Raises:
            JobError, DragomanError: There is no such model.
        """

    def open(self) -> AbstractContextManager[LineTranslator]:
        """Returns a translator that works while its context is open."""
