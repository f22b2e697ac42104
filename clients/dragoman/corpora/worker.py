"""What a worker does: shards that it is handed, one after the other, each saved as it is finished.

An actor of Ray's, which knows nothing of Ray. Knows the order of things; what is a line's failure
is translate.py's to say, what is on the disk store.py's.
"""

import itertools
import logging
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman.calls import may_pass
from dragoman.corpora.backends.backend import Backend, LineTranslator
from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.accounts import Account
from dragoman.corpora.storage.shards import Shard, read_shard
from dragoman.corpora.storage.store import Store
from dragoman.corpora.translate import Translated, translate_lines
from dragoman.errors import DeadlineExceededError, DragomanError
from dragoman.options import Options

SHARDS_AT_A_TIME = 2
"""The next one fills the rows that the end of the first leaves idle."""

MOST_ATTEMPTS = 5
"""Workers that may die of a shard, or with it, before it is taken for the cause."""

PAUSE_SECONDS = 2.0
"""Between two tries of a shard whose server is away."""

NO_SHARD = -1
"""In place of a shard's number, in the row of what stops the job."""

_log = logging.getLogger(__name__)


class Report(NamedTuple):
    """A shard that is finished, or what stops the job."""

    shard: int
    """Its number, or NO_SHARD."""

    error: str
    """Empty for a shard."""


@dataclass(frozen=True)
class Task:
    """What all the workers of a job are told."""

    job: str
    """Digest of the job."""

    directory: Path
    """Where the shards are stored."""

    backend: Backend
    options: Options

    patience: float
    """Seconds that a server may be away."""


class ShardWorker:
    """Translates batches of shards; a batch is a column for each field of Shard."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._store = Store(task.directory, task.job)
        self._open = ExitStack()  # until the process ends
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Returns a row for each shard that is finished, and one more for what stops the job."""
        columns = [batch[name].tolist() for name in Shard._fields]
        reports: list[Report] = []
        try:
            translator = self._translator
            with ThreadPoolExecutor(SHARDS_AT_A_TIME) as threads:
                shards = itertools.starmap(Shard, zip(*columns, strict=True))
                numbers = threads.map(lambda shard: self._finish(shard, translator), shards)
                reports.extend(Report(number, "") for number in numbers)
        except (JobError, DragomanError, OSError) as problem:
            reports.append(Report(NO_SHARD, str(problem)))
        numbers_told, errors = zip(*reports, strict=True)
        return {"shard": np.array(numbers_told, np.int64), "error": np.array(errors, np.str_)}

    @cached_property
    def _translator(self) -> LineTranslator:
        return self._open.enter_context(self._task.backend.open())

    def _finish(self, shard: Shard, translator: LineTranslator) -> int:
        if self._store.account(shard) is not None:
            return shard.number  # by a worker that died before it could say so
        attempts = self._store.begin(shard)
        if attempts >= MOST_ATTEMPTS:
            raise JobError(f"{shard}: {attempts} workers died while they translated it")
        started = time.monotonic()
        done = self._translate(shard, translator)
        account = Account(
            job=self._store.job,
            shard=shard.number,
            tally=done.tally,
            problems=done.problems,
            output_sha256=sha256(done.output).hexdigest(),
            worker=self._name,
            seconds=round(time.monotonic() - started, 3),
            warnings=done.warnings,
        )
        self._store.save(shard, done.output, account)
        return shard.number

    def _translate(self, shard: Shard, translator: LineTranslator) -> Translated:
        """Translates a shard, from its start again where the server went away meanwhile."""
        lines = list(read_shard(shard))
        away_since: float | None = None
        while True:
            try:
                return translate_lines(lines, shard.first_line, translator, self._task.options)
            except JobError as error:
                raise JobError(f"{shard.path}: {error}") from error
            except DragomanError as error:
                now = time.monotonic()
                away_since = away_since or now
                if not _may_pass(error) or now - away_since >= self._task.patience:
                    raise
                _log.warning("%s: %s; they are tried again", shard, error)
                time.sleep(PAUSE_SECONDS)


def _may_pass(error: DragomanError) -> bool:
    """Whether the server may only be away; a stream raises the latter where it says nothing."""
    return may_pass(error) or isinstance(error, DeadlineExceededError)
