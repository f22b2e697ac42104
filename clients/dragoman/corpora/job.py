"""A job from its inputs to its outputs: begun or gone on with, translated, put together.

Knows the order of things and the job directory. Does not know the command line.
"""

import fcntl
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from dragoman.corpora.backends.backend import Backend
from dragoman.corpora.errors import JobError
from dragoman.corpora.progress import Progress, say
from dragoman.corpora.storage.accounts import Tally
from dragoman.corpora.storage.assemble import assemble
from dragoman.corpora.storage.inputs import JOB_DIRECTORY, Input
from dragoman.corpora.storage.manifest import describe_job, digest, keep_manifest
from dragoman.corpora.storage.shards import Cut, CutFile, Shard, cut_files
from dragoman.corpora.storage.store import Store
from dragoman.corpora.worker import Report, Task
from dragoman.options import Options

TranslateShards = Callable[[list[Shard], Task], Generator[Report, None, None]]
"""Hands shards to workers and yields their reports."""


class Job(NamedTuple):
    """What is to be done."""

    inputs: list[Input]
    output: Path
    cut: Cut
    backend: Backend
    options: Options
    patience: float
    """As in Task."""

    def run(self, translate_shards: TranslateShards) -> Tally:
        """Does what is not done yet and puts all together.

        Raises:
            JobError, DragomanError, OSError: It cannot be done, or not to its end. What is
                finished stays, and the next run goes on from there.
        """
        directory = self.output / JOB_DIRECTORY
        shards = directory / "shards"
        shards.mkdir(parents=True, exist_ok=True)
        with _locked(directory / "lock"):
            model = self.backend.identify(self.options)
            files = cut_files(self.inputs, self.cut)
            manifest = describe_job(files, self.cut, self.options, model)
            store = Store(shards, digest(manifest))
            keep_manifest(directory / "manifest.json", manifest, begun=store.is_begun)
            store.clear()
            task = Task(store.job, shards, self.backend, self.options, self.patience)
            _translate(files, store, task, translate_shards)
            return assemble(files, store, self.output, directory)


def _translate(
    files: list[CutFile], store: Store, task: Task, translate_shards: TranslateShards
) -> None:
    """Has the shards translated that are not finished."""
    missing = {
        shard.number: shard
        for file in files
        for shard in file.shards
        if store.account(shard) is None
    }
    if not missing:
        return
    total = sum(file.lines for file in files)
    done = total - sum(shard.lines for shard in missing.values())
    if done:
        say(f"{done:,} of {total:,} lines were finished before")
    progress = Progress(total, done)
    with closing(translate_shards(list(missing.values()), task)) as reports:
        for report in reports:
            if report.error:
                raise JobError(report.error)
            progress.add(missing[report.shard].lines)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the job directory; the system lets go of it when the process dies."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobError(f"another run is at work in {path.parent.parent}") from None
        yield
