"""A server that can be made to fail, and callers who keep what became of each of their calls.

Knows how to break things. Does not know what is expected of them.
"""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dragoman import Client, DragomanError
from tests.attacks.harness import Server

ROOT = Path(__file__).parents[2]

START = """
import resource, sys
sys.path.insert(0, sys.argv.pop(1))
if space := int(sys.argv.pop(1)):
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
from tests.faults.faulty import main
sys.exit(main(sys.argv[1:]))
"""

SENTENCES = ("the cat", "where is the house by the river", "a", "1 2 3", "the long road")


class Faulty(Server):
    """`dragoman serve` of the faults' kind, with one engine.

    Args:
        bundle: What it serves.
        folder: For the socket that it is told its faults by.
        space: Most bytes of its address space; 0 for no limit.
        settings: The flags' names.
    """

    def __init__(self, bundle: Path, folder: Path, space: int = 0, **settings: object) -> None:
        super().__init__(bundle, engines=1, threads_per_engine=1, **settings)
        self._control = folder / "control"
        start = [sys.executable, "-c", START, str(ROOT), str(space), str(self._control)]
        self._command = [*start, *self._command[2:]]

    def tell(self, line: str) -> None:
        """Brings a fault about; returns when it is there."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._control))
            with control.makefile("rw") as lines:
                lines.write(f"{line}\n")
                lines.flush()
                assert lines.readline() == "done\n"


class Ended(NamedTuple):
    """What became of a call."""

    text: str
    translated: str
    error: DragomanError | None


class Callers:
    """Translate one text after the other until they are told to stop, each by its own client.

    Args:
        target: The server.
        count: Of callers.
        seconds: That a call may take.
        retry_seconds: For which the client tries again; 0 for not at all.
    """

    def __init__(
        self, target: str, count: int, *, seconds: float = 30, retry_seconds: float = 0
    ) -> None:
        self._clients = [
            Client(target, timeout=seconds, retry_seconds=retry_seconds) for _ in range(count)
        ]
        self._stopped = threading.Event()
        self.ended: list[Ended] = []

    @property
    def errors(self) -> list[DragomanError]:
        """Of the calls that failed."""
        return [each.error for each in self.ended if each.error is not None]

    @property
    def wrong(self) -> list[Ended]:
        """Translations that differ from the first of their text."""
        right: dict[str, str] = {}
        answered = [each for each in self.ended if each.error is None]
        return [
            each
            for each in answered
            if right.setdefault(each.text, each.translated) != each.translated
        ]

    def run(self, client: Client, number: int) -> None:
        """One caller's life."""
        while not self._stopped.is_set():
            text = SENTENCES[(number := number + 1) % len(SENTENCES)]
            try:
                self.ended.append(Ended(text, client.translate(text).translated_text, None))
            except DragomanError as error:
                self.ended.append(Ended(text, "", error))
                self._stopped.wait(0.01)

    @contextmanager
    def at_it(self) -> Iterator[None]:
        """They call while the context is open."""
        threads = [
            threading.Thread(target=self.run, args=(client, number))
            for number, client in enumerate(self._clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()
            for client in self._clients:
                client.close()
