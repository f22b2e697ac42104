"""A translator that upper-cases and fails on cue, and workers in this process instead of Ray's."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dragoman import results
from dragoman.corpora.job import Job
from dragoman.corpora.storage.inputs import find_inputs
from dragoman.corpora.storage.shards import Cut, Shard
from dragoman.corpora.worker import Report, ShardWorker, Task
from dragoman.errors import (
    DragomanError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
    UnavailableError,
)
from dragoman.options import Options
from dragoman.results import FinishReason, StreamResult, Translation


def wrong(name: str) -> InvalidArgumentError:
    error = InvalidArgumentError(f"{name} is not allowed here")
    error.violations = (FieldViolation(name, "is not allowed here"),)
    return error


ERRORS: dict[str, DragomanError] = {
    "bad": wrong("content"),
    "huge": wrong("texts[3]"),
    "options": wrong("options.beam_size"),
    "model": NotFoundError("no such model"),
    "broken": ServerError("the server failed"),
    "away": UnavailableError("the server is draining"),
}
"""What becomes of a text that is such a word."""


LOST = results.Warning("PLACEHOLDER_MOVED", "{x} was lost")
"""Of the text `lost`, of each of the two models that it goes through."""


def outcome_of(text: str) -> Translation | DragomanError:
    if text in ERRORS:
        return ERRORS[text]
    reason = FinishReason.LENGTH if text == "long" else FinishReason.STOP
    warnings = (LOST, LOST) if text == "lost" else ()
    return Translation(
        text.upper(), reason, None, len(text.strip()), len(text), "upper", warnings=warnings
    )


@dataclass
class Upper:
    """Upper-cases. Each of `failures` ends one call, after the first text."""

    failures: list[DragomanError] = field(default_factory=list)
    options: list[Options] = field(default_factory=list)
    """Of the calls, in order."""

    def results(self, texts: list[str], options: Options) -> Generator[StreamResult, None, None]:
        self.options.append(options)
        for index, text in enumerate(texts):
            if index == 1 and self.failures:
                raise self.failures.pop(0)
            yield StreamResult(index, text, outcome_of(text))


@dataclass
class UpperBackend:
    """Opens one Upper, again and again."""

    precision: str = "float32"
    upper: Upper = field(default_factory=Upper)

    def identify(self, options: Options) -> dict[str, str]:
        return {"name": options.model or "upper", "precision": self.precision}

    @contextmanager
    def open(self) -> Iterator[Upper]:
        yield self.upper


def task(directory: Path, backend: UpperBackend, **settings: float) -> Task:
    return Task("job", directory, backend, Options(), **({"patience": 0.0} | settings))


def report_of(worker: ShardWorker, shards: list[Shard]) -> list[Report]:
    """Hands a batch to a worker as Ray Data does."""
    batch = {name: np.array([getattr(shard, name) for shard in shards]) for name in Shard._fields}
    rows = worker(batch)
    return [
        Report(*row) for row in zip(rows["shard"].tolist(), rows["error"].tolist(), strict=True)
    ]


@dataclass
class Workers:
    """A pool of one worker, which is told of `most` shards and then dies."""

    most: int = 1_000_000
    told: list[int] = field(default_factory=list)
    """Numbers of the shards that were handed out."""

    def __call__(self, shards: list[Shard], job: Task) -> Generator[Report, None, None]:
        worker = ShardWorker(job)
        for shard in shards[: self.most]:
            self.told.append(shard.number)
            yield from report_of(worker, [shard])
        if len(shards) > self.most:
            raise KeyboardInterrupt


def job_of(
    source: Path,
    output: Path,
    *,
    lines: int = 2,
    backend: UpperBackend | None = None,
    options: Options | None = None,
) -> Job:
    """A job over one file, in shards of `lines` lines."""
    return Job(
        inputs=find_inputs([str(source)], output),
        output=output,
        cut=Cut(lines=lines),
        backend=backend or UpperBackend(),
        options=options or Options(),
        patience=0,
    )
