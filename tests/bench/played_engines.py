"""Plays any number of processes with engines, towards the owner of the queue: what they tell, when.

    python -m tests.bench.played_engines, with a job on its stdin

A machine of two cores has none for the Python of 64 such processes. It is not run: a step lasts
as long as it would with a core of its own, and costs no more than its message. So the owner has the
other core, and all that it does is real. Knows messages and moments; does not know how texts are
decoded.
"""

import heapq
import json
import selectors
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dragoman_server.hosting.messages import (
    Admit,
    Ended,
    Load,
    Loaded,
    Prepare,
    Prepared,
    Report,
    Text,
    Work,
)
from dragoman_server.hosting.reporter import STEPS_TOLD
from dragoman_server.link import Unpacker, pack
from dragoman_server.sequence import FinishReason
from tests.bench.simulated_engines import TOKEN_ID, Line, Log, StepCost

_BYTES = 1 << 18


@dataclass(frozen=True)
class Play:
    """What is to be played."""

    cost: StepCost
    log: Path
    descriptors: list[int]
    """Of each engine's end of its socket pair."""

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "Play":
        """Reads what came through JSON."""
        return cls(StepCost.parse(fields["cost"]), Path(fields["log"]), fields["descriptors"])

    def dump(self) -> str:
        """Returns it as JSON."""
        return json.dumps(asdict(self), default=str)


@dataclass(eq=False)
class PlayedEngine:
    """One engine in a process of its own, as its owner would see it."""

    cost: StepCost
    line: Line
    end: socket.socket
    unpacker: Unpacker = field(default_factory=Unpacker)
    rows: int = 0
    steps: int = 0
    due: dict[int, list[tuple[Text, float]]] = field(default_factory=dict)
    """Texts by the step that ends them, and when they were begun."""
    batches: list[list[Text]] = field(default_factory=list)
    work: Work = field(default_factory=Work)
    ended: list[Ended] = field(default_factory=list)
    """By the step that was last."""

    def begin(self, now: float) -> float | None:
        """Begins a step, newcomers first; returns when it ends, None where nothing is to do.

        As a reporter does, it tells in one what ended with the last step and what begins.
        """
        has_begun = bool(self.batches)
        if has_begun:
            self._admit(self.batches.pop(0), now)
        if has_begun or self.ended:
            self._tell(has_begun=has_begun)
        if not self.rows:
            return None
        seconds = self.cost.model.at(self.rows)
        self.line.stepped(self.rows, seconds)
        whole_seconds = seconds + self.cost.python.at(self.rows)
        self.work.rows.append(self.rows)
        self.work.seconds.append(seconds)
        self.work.whole_seconds += whole_seconds
        return now + whole_seconds

    def finish(self, now: float) -> None:
        """Ends the step that runs."""
        self.steps += 1
        ended = self.due.pop(self.steps, ())
        if not ended:
            return
        self.rows -= len(ended)
        if not self.rows:
            self.line.rest()
        for (number, source_ids, *_), begun in ended:
            plain = ([TOKEN_ID] * source_ids[0], FinishReason.STOP.value, 0.0)
            self.ended.append((number, plain, begun, begun, begun, now))

    def _admit(self, texts: list[Text], now: float) -> None:
        if not self.rows:
            self.line.begin()
        self.rows += len(texts)
        for text in texts:
            _, source_ids, *_ = text
            due = self.steps + source_ids[0] + 1
            self.due.setdefault(due, []).append((text, now))

    def _tell(self, *, has_begun: bool) -> None:
        is_due = len(self.work.rows) >= STEPS_TOLD or not self.rows
        report = Report(0, has_begun, self.ended, [], 0, self.work if is_due else None)
        if is_due:
            self.work = Work()
        self.ended = []
        self.end.sendall(pack([report]))


class Player:
    """Plays all engines, each as fast as if it were alone.

    Args:
        play: What to play.
    """

    def __init__(self, play: Play) -> None:
        log = Log(play.log, len(play.descriptors))
        self._selector = selectors.DefaultSelector()
        for index, descriptor in enumerate(play.descriptors):
            end = socket.socket(fileno=descriptor)
            engine = PlayedEngine(play.cost, log.line(index), end)
            self._selector.register(end, selectors.EVENT_READ, engine)
        self._running: list[tuple[float, int, PlayedEngine]] = []
        """When their steps end, in order."""

    def run(self) -> None:
        """Plays until nobody listens any longer."""
        while self._selector.get_map():
            timeout = self._running[0][0] - time.monotonic() if self._running else None
            for key, _ in self._selector.select(timeout and max(0.0, timeout)):
                self._listen(key.data)
            now = time.monotonic()
            while self._running and self._running[0][0] <= now:
                ended_at, _, engine = heapq.heappop(self._running)
                self._step(engine, ended_at)

    def _step(self, engine: PlayedEngine, ended_at: float) -> None:
        with suppress(OSError):  # its owner is gone
            engine.finish(ended_at)
        self._go_on(engine, ended_at)

    def _go_on(self, engine: PlayedEngine, now: float) -> None:
        ends_at = None
        with suppress(OSError):  # as above
            ends_at = engine.begin(now)
        if ends_at is not None:
            heapq.heappush(self._running, (ends_at, id(engine), engine))

    def _listen(self, engine: PlayedEngine) -> None:
        data = b""
        with suppress(OSError):  # as above
            data = engine.end.recv(_BYTES)
        if not data:
            self._selector.unregister(engine.end)
        for message in engine.unpacker.feed(data):
            match message:
                case Load():
                    engine.end.sendall(pack([Loaded(0)]))
                case Prepare():
                    engine.end.sendall(pack([Prepared()]))
                case Admit(texts=texts):
                    is_idle = not engine.rows
                    engine.batches.append(texts)
                    if is_idle:
                        self._go_on(engine, time.monotonic())


if __name__ == "__main__":
    Player(Play.parse(json.load(sys.stdin))).run()
