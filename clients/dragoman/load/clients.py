"""Several client processes that send in turns, for rates that one process cannot reach.

Knows processes and pipes. What a process does is endpoint.py's.
"""

import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import NamedTuple, Protocol

from dragoman.load.answers import Answer, Reader
from dragoman.load.endpoint import Connection, Endpoint, OnAnswers
from dragoman.load.sentences import Sentences
from dragoman.options import Options

START_SECONDS = 60.0


class Client(Protocol):
    """What sends samples: an Endpoint or ClientProcesses."""

    def start(self) -> None:
        """Makes it ready to send."""

    def send(self, response_ids: Sequence[int], indices: Sequence[int]) -> None:
        """See Endpoint.send."""

    def close(self) -> None:
        """Ends it; afterwards `reader` has all that was read."""

    @property
    def cpu_seconds(self) -> float:
        """CPU time that this process and those that send for it have taken."""

    @property
    def reader(self) -> Reader:
        """Translations and wrong answers."""


class _Ended(NamedTuple):
    """The last thing that a process says."""

    translations: dict[int, str]
    wrong: list[str]


class ClientProcesses:
    """Endpoints in processes of their own; takes what an Endpoint takes, and how many."""

    def __init__(
        self,
        connection: Connection,
        sentences: Sentences,
        options: Options,
        on_answers: OnAnswers,
        *,
        count: int,
    ) -> None:
        self.reader = Reader(sentences)
        self._on_answers = on_answers
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            arguments = (theirs, connection, sentences, options)
            self._processes.append(context.Process(target=_live, args=arguments, daemon=True))
            self._pipes.append(ours)
        self._turns = itertools.cycle(self._pipes)
        self._readers = [
            threading.Thread(target=self._read, args=(pipe,), daemon=True) for pipe in self._pipes
        ]

    def start(self) -> None:
        """Starts the processes and waits until they are ready.

        Raises:
            RuntimeError: One does not start.
        """
        for process in self._processes:
            process.start()
        for pipe in self._pipes:
            if not pipe.poll(START_SECONDS):
                raise RuntimeError("a client process did not start")
            pipe.recv()
        for reader in self._readers:
            reader.start()

    def send(self, response_ids: Sequence[int], indices: Sequence[int]) -> None:
        """See Endpoint.send; many samples at once are dealt to all processes."""
        if len(indices) == 1:
            next(self._turns).send((response_ids, indices))
            return
        count = len(self._pipes)
        for start, pipe in enumerate(self._pipes):
            if len(indices) > start:
                pipe.send((response_ids[start::count], indices[start::count]))

    def close(self) -> None:
        """Ends the processes and takes over what they read."""
        try:
            for pipe in self._pipes:
                pipe.send(None)
        except BrokenPipeError:
            raise RuntimeError("a client process has ended") from None
        for reader in self._readers:
            reader.join()
        for process in self._processes:
            process.join()

    @property
    def cpu_seconds(self) -> float:
        """See Client."""
        return time.process_time() + sum(_cpu_seconds(each.pid) for each in self._processes)

    def _read(self, pipe: Pipe) -> None:
        while not isinstance(message := pipe.recv(), _Ended):
            self._on_answers([Answer(*fields) for fields in message])
        for index, text in message.translations.items():
            self.reader.translations.setdefault(index, text)
        self.reader.wrong += message.wrong


def _cpu_seconds(pid: int | None) -> float:
    """Of another process that runs: user and system time, the 14th and 15th field of its status."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _live(pipe: Pipe, connection: Connection, sentences: Sentences, options: Options) -> None:
    """A client process' life."""

    def tell(answers: list[Answer]) -> None:
        pipe.send([tuple(answer) for answer in answers])

    endpoint = Endpoint(connection, sentences, options, tell)
    endpoint.start()
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        endpoint.send(*order)
    endpoint.close()
    pipe.send(_Ended(endpoint.reader.translations, endpoint.reader.wrong))
