"""What processes of the tests load: engines without weights, made in the process."""

import os
from collections.abc import Collection, Sequence
from functools import partial

from dragoman_server.errors import BundleError
from dragoman_server.hosting.messages import Hosted, LogStyle
from dragoman_server.search.search import Search
from tests.server.engine.fakes import END_ID, START_ID, FakeRunner

ROWS = 8
LOG = LogStyle("info", "text")


class FailingRunner(FakeRunner):
    """Cannot encode what begins with 13, does not survive 14, and its thread not 15."""

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        told_ids: Sequence[Collection[int]] = (),
    ) -> None:
        if any(ids[0] == 13 for ids in source_ids):
            raise ValueError("thirteen")
        if any(ids[0] == 15 for ids in source_ids):
            raise SystemExit("fifteen")
        if any(ids[0] == 14 for ids in source_ids):
            os._exit(1)
        super().encode(source_ids, first_row, told_ids)


def _search() -> Search:
    return Search(max_rows=ROWS, max_length=2000, decoder_start_id=START_ID, end_id=END_ID)


def _warmed(runner: FakeRunner) -> None:
    runner.encode([[1]], 0)


def hosted(engines: int) -> Hosted:
    """As dragoman_server.hosted.make."""
    runners = [FailingRunner(ROWS) for _ in range(engines)]
    return Hosted(
        runners,
        _search,
        ROWS,
        [partial(_warmed, runner) for runner in runners],
        cache_bytes=1000 * engines,
    )


def broken() -> Hosted:
    """Cannot be loaded."""
    raise BundleError("the graph is torn")


def unprepared() -> Hosted:
    """Loads, but its engines cannot be prepared."""

    def prepare() -> None:
        raise BundleError("the graph does not run here")

    return hosted(1)._replace(prepare=[prepare])


def gone() -> Hosted:
    """Ends the process."""
    os._exit(1)
