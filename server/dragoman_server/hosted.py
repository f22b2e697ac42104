"""What the engines of a model are made of where they are in processes of their own.

Knows bundles and settings on one side, and searches and runners on the other. Does not know how
texts come to an engine.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.hosting import Hosted, LoadedProcesses, LogStyle, spread
from dragoman_server.models import Bundle, word_continuations
from dragoman_server.runtime import CacheShape
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.runtimes import Chosen, choose
from dragoman_server.search import Search, WordContinuations
from dragoman_server.service import longest_target


def layout_of(
    config: Config, processes: int, chosen: Chosen, cores: int, *, is_alone: bool
) -> Layout:
    """Returns the engines that are spread over so many processes, as the settings ask for.

    Args:
        config: The settings.
        processes: So many; at least one.
        chosen: What runs the model.
        cores: Of the machine.
        is_alone: Whether the model has all cores to itself.

    Raises:
        ConfigError: There are fewer engines, or engines have to be where they are.
    """
    threads = config.threads_per_engine or 1
    if chosen.provider != "cpu":
        raise ConfigError(
            f"engine_processes {processes} is asked for with provider {chosen.provider}: only "
            "engines on cpu may have processes of their own"
        )
    if not is_alone:
        raise ConfigError(
            f"engine_processes {processes} is asked for with several models, which share the cores "
            "step by step: that takes engines in one process, engine_processes 0"
        )
    engines = config.engines or max(1, cores // threads)
    if engines < processes:
        raise ConfigError(
            f"engine_processes {processes} are more than the {engines} engines; each has at least "
            "one"
        )
    return Layout(engines, threads)


class Recipe(NamedTuple):
    """What a process needs to know to build its engines; it is pickled."""

    bundle: Bundle
    config: Config
    limits: Limits
    """Longest source and target."""
    threads: int
    """CPU threads of each engine."""
    shape: CacheShape
    """Of each engine's caches."""


def load_processes(recipe: Recipe, engines: int, processes: int) -> LoadedProcesses:
    """Starts processes that load the graphs and allocate the caches of so many engines in all.

    Raises:
        BundleError: A graph cannot be loaded.
        ConfigError: There is no room.
    """
    makes = [
        (count, functools.partial(make, recipe, count)) for count in spread(engines, processes)
    ]
    config = recipe.config
    return LoadedProcesses(makes, LogStyle(config.log_level, config.log_format))


def make(recipe: Recipe, engines: int) -> Hosted:
    """Loads the graphs and builds what so many engines are made of, in their process.

    Raises:
        BundleError: A graph cannot be loaded, or a file is not the one that was verified.
        ConfigError: There is no room.
    """
    bundle, config = recipe.bundle, recipe.config
    bundle.check_unchanged()
    chosen = choose(bundle.manifest, config.runtime, config.provider)
    loaded = chosen.runtime.load_runners(
        bundle,
        chosen.provider,
        lambda _: recipe.shape,
        cores=engines * recipe.threads,
        engines=engines,
        threads=recipe.threads,
        fixed_shapes=config.fixed_batch_shapes,
        with_shortlist=config.shortlist,
    )
    rows = loaded.shape.max_rows
    build = search_builder(bundle, recipe.limits, rows)
    return Hosted(loaded.runners, build, rows, loaded.prepare, loaded.cache_bytes)


def search_builder(bundle: Bundle, limits: Limits, rows: int) -> Callable[[], Search]:
    """Returns what builds a search for each engine of so many rows."""
    manifest = bundle.manifest
    continuations = functools.cache(lambda: np.array(word_continuations(bundle), np.bool_))
    return functools.partial(_search, manifest, rows, limits, continuations)


def _search(
    manifest: Manifest, rows: int, limits: Limits, continuations: WordContinuations
) -> Search:
    special = manifest.special_tokens
    return Search(
        max_rows=rows,
        max_length=longest_target(manifest, limits),
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        vocabulary_size=manifest.architecture.vocabulary_size,
        continuations=continuations,
    )
