"""What `dragoman serve` takes until it is ready, and the memory that it then has.

Knows bundles of several formats. Does not know what is compared.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from dragoman import Client
from tests.bench.corpus import Corpus
from tests.bench.cpu_time import cpu_seconds
from tests.bench.formats import Graphs
from tests.bench.peak_memory import memory
from tests.bench.progress import stage
from tests.bench.tables import with_range
from tests.bench.turns import in_turns
from tests.integration.served import Served

START_HEADINGS = ("graphs", "seconds until ready", "of CPU", "idle", "after", "files")

PATIENCE = 600.0
"""Seconds for a call with everything."""


@dataclass
class Started:
    """Starts of `dragoman serve` with one bundle."""

    seconds: list[float] = field(default_factory=list)
    """Until it was ready."""
    worked: list[float] = field(default_factory=list)
    """Of CPU time, likewise."""
    idle: list[int] = field(default_factory=list)
    """Resident bytes then, its own and mapped."""
    after: list[int] = field(default_factory=list)
    """Likewise after it had translated everything."""


def starts(taking_part: Sequence[Graphs], corpus: Corpus, runs: int) -> list[list[str]]:
    """A line of the table for each."""
    found = {graphs: Started() for graphs in taking_part}
    for number in range(runs):
        for graphs in in_turns(taking_part, number):
            with stage(f"{graphs.title}: start {number + 1}"):
                _start(graphs, corpus, found[graphs])
    return [
        [
            graphs.title,
            with_range(started.seconds, ".1f"),
            f"{statistics.median(started.worked):.1f}",
            *[
                f"{statistics.median(sizes) / 2**20:,.0f} MB"
                for sizes in (started.idle, started.after)
            ],
            f"{_file_bytes(graphs) / 1e6:.1f} MB",
        ]
        for graphs, started in found.items()
    ]


def _file_bytes(graphs: Graphs) -> int:
    """Of graphs and weights, the tokenizer not counted."""
    return sum(file.stat().st_size for file in graphs.path.iterdir() if file.is_file())


def _start(graphs: Graphs, corpus: Corpus, started: Started) -> None:
    began = time.perf_counter()
    with Served(graphs.path) as server:
        started.seconds.append(time.perf_counter() - began)
        started.worked.append(cpu_seconds(server.process.pid))
        started.idle.append(sum(memory(server.process.pid)))
        with Client(server.address, timeout=PATIENCE) as client:
            client.translate(corpus.sources, segmentation="none")
        started.after.append(sum(memory(server.process.pid)))
