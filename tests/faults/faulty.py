"""`dragoman serve`, whose model, memory and engine can be made to fail while it serves.

    python tests/faults/faulty.py CONTROL --bundle DIR --port 0 ...

It listens on the socket CONTROL for lines, and answers each with `done`:

    fail encoder COUNT      so many runs of the graph raise what onnxruntime raises
    starve encoder COUNT    so many have no memory
    kill engine             the thread of the first engine ends in whatever it is doing
    eat BYTES               takes memory until only so much is left of the process's limit
    spit                    gives it back
"""

import ctypes
import socket
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from dragoman_server import cli
from dragoman_server.memory import MemoryLimit
from dragoman_server.runtime import model_runner

PIECE = 1 << 20


class Faults:
    """Those that are still to come, by graph."""

    def __init__(self) -> None:
        self._left: Counter[tuple[str, str]] = Counter()
        self._eaten: list[bytearray] = []

    def check(self, graph: str) -> None:
        """Raises where a run of the graph is to fail."""
        for kind, error in (("fail", RuntimeException("broken")), ("starve", MemoryError())):
            if self._left[kind, graph] > 0:
                self._left[kind, graph] -= 1
                raise error

    def obey(self, line: str) -> None:
        """Does what a line says."""
        kind, *words = line.split()
        if kind in {"fail", "starve"}:
            self._left[kind, words[0]] = int(words[1])
        elif kind == "kill":
            _end_thread("engine-0")
        elif kind == "eat":
            memory = MemoryLimit()
            while memory.left > int(words[0]) + PIECE:
                self._eaten.append(bytearray(PIECE))
        elif kind == "spit":
            self._eaten.clear()


class FaultySession:
    """A graph that runs unless it is told to fail."""

    def __init__(self, session: Any, graph: str, faults: Faults) -> None:
        self._session = session
        self._graph = graph
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, *arguments: Any) -> Any:
        self._faults.check(self._graph)
        return self._session.run(*arguments)

    def run_with_iobinding(self, *arguments: Any) -> Any:
        self._faults.check(self._graph)
        return self._session.run_with_iobinding(*arguments)


def _end_thread(name: str) -> None:
    (thread,) = [each for each in threading.enumerate() if each.name == name]
    number, error = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(number, error) == 1


def _listen(path: str, faults: Faults) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        while True:
            connection, _ = listening.accept()
            with connection, connection.makefile("rw") as lines:
                for line in lines:
                    faults.obey(line)
                    lines.write("done\n")
                    lines.flush()


def _make_sessions_faulty(faults: Faults) -> None:
    original = model_runner.ModelRunner.__init__

    def made(self: Any, sessions: Any, *arguments: Any) -> None:
        graphs = ("encoder", "decoder")
        faulty = {each: FaultySession(getattr(sessions, each), each, faults) for each in graphs}
        original(self, sessions._replace(**faulty), *arguments)

    model_runner.ModelRunner.__init__ = made  # type: ignore[method-assign,assignment]


def main(arguments: Sequence[str]) -> int:
    """Serves; returns the exit status."""
    control, *flags = arguments
    faults = Faults()
    _make_sessions_faulty(faults)
    threading.Thread(target=_listen, args=(control, faults), daemon=True).start()
    return cli.main(flags)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
