"""Shards on a pool of Ray actors, through Ray Data.

The only file that knows Ray. Ray Data starts an actor again whose process or machine died, and
hands its shards to the pool once more, for ever; that this ends, and that a shard which was
finished all the same is not done twice, is the worker's to see to.
"""

import logging
import os
from collections.abc import Generator
from typing import NamedTuple

from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.shards import Shard
from dragoman.corpora.worker import Report, ShardWorker, Task

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported: nothing goes out

import ray
import ray.data
import ray.exceptions

SHARDS_A_TASK = 8
"""Most shards that an actor is handed at a time."""

TASKS_A_WORKER = 4
"""Fewest tasks for each worker: small ones, so that all have some until the end."""

OBJECT_STORE_BYTES = 100_000_000
"""Of a Ray that is started here: no texts go through it."""


class Cluster(NamedTuple):
    """Where the actors run."""

    address: str
    """Of a running Ray cluster; "local" starts Ray on this machine alone."""

    workers: int
    """Actors."""

    cpus: int
    """CPUs that Ray sets aside for each of them."""


def translate_shards(
    shards: list[Shard], task: Task, cluster: Cluster
) -> Generator[Report, None, None]:
    """Yields the reports of all shards, in the order in which they come; closing it stops Ray.

    Raises:
        JobError: Ray cannot do it.
    """
    try:
        _start(cluster)
        try:
            for row in _dataset(shards, task, cluster).iter_rows():
                yield Report(row["shard"], row["error"])
        finally:
            ray.shutdown()
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise JobError(f"Ray failed: {error}") from error


def _start(cluster: Cluster) -> None:
    here = {"num_cpus": cluster.workers * cluster.cpus, "object_store_memory": OBJECT_STORE_BYTES}
    ray.init(
        address=cluster.address,
        include_dashboard=False,
        logging_level=logging.ERROR,
        **(here if cluster.address == "local" else {}),
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def _dataset(shards: list[Shard], task: Task, cluster: Cluster) -> ray.data.Dataset:
    size = max(1, min(SHARDS_A_TASK, len(shards) // (cluster.workers * TASKS_A_WORKER)))
    rows = [shard._asdict() for shard in shards]
    dataset = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // size))
    return dataset.map_batches(
        ShardWorker,
        fn_constructor_args=(task,),
        batch_size=size,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=cluster.workers),
        num_cpus=cluster.cpus,
    )
