"""Runs a bundle's two graphs. The only file, with kv_cache.py, that knows how tensors are laid out.

Knows rows and arrays; knows nothing of sequences, queues or time.
"""

import functools
import logging
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue

from dragoman.v1.bundle_pb2 import Graph, Manifest
from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models import Bundle
from dragoman_server.runtime.kv_cache import KVCache
from dragoman_server.runtime.packing import batches, distinct, pack
from dragoman_server.runtime.row_lists import RowLists
from dragoman_server.runtime.shortlist import Shortlist
from dragoman_server.runtime.sources import Sources
from dragoman_server.search import NO_TOKENS, Candidates, Move, RowCopies

_log = logging.getLogger(__name__)

_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class Sessions(NamedTuple):
    """A bundle's graphs, loaded. Thread-safe: all engines share them and their weights."""

    encoder: Any
    decoder: Any
    shortlist: Shortlist | None = None
    """What rows choose among, where the decoder's graph is the one that takes lists."""


def available_providers() -> list[str]:
    """Execution providers of this onnxruntime."""
    providers: list[str] = onnxruntime.get_available_providers()
    return providers


def choose_provider(requested: str, *, available: Sequence[str], made_for: Sequence[str]) -> str:
    """Returns "cpu" or "cuda".

    Args:
        requested: auto, cpu or cuda. `auto` takes CUDA where it is there and the bundle is made
            for it, and says why where not.
        available: Execution providers of this onnxruntime.
        made_for: Providers that the bundle's graphs are made for.

    Raises:
        ConfigError: CUDA is asked for and not there, or the bundle runs on CUDA alone and it is
            not.
    """
    has_cuda = _CUDA in available
    if requested == "cuda" and not has_cuda:
        raise ConfigError(
            f"provider cuda is not there: this onnxruntime {onnxruntime.__version__} has "
            f"{', '.join(available)}. Install Dragoman with the extra gpu in place of server, "
            "or use provider cpu or auto"
        )
    if "cpu" not in made_for and (requested == "cpu" or not has_cuda):
        reason = "provider cpu is asked for" if has_cuda else "onnxruntime has no CUDA provider"
        raise ConfigError(
            f"the bundle is made for {', '.join(made_for)}, and {reason}. Install Dragoman with "
            "the extra gpu in place of server on a machine with a GPU, or export with --precision "
            "float32 or int8"
        )
    if requested == "cuda" and "cuda" not in made_for:
        _log.warning(
            "cuda_without_kernels",
            extra={"reason": f"the bundle is made for {', '.join(made_for)}: slow"},
        )
    if requested != "auto":
        return requested
    if has_cuda and "cuda" in made_for:
        return "cuda"
    reason = "the bundle is not made for cuda" if has_cuda else "onnxruntime has no CUDA provider"
    _log.info(
        "provider_fallback", extra={"requested": requested, "chosen": "cpu", "reason": reason}
    )
    return "cpu"


def load_sessions(
    bundle: Bundle,
    provider: str,
    *,
    engines: int = 1,
    threads: int = 1,
    shortlist: Shortlist | None = None,
) -> Sessions:
    """Loads both graphs; with a shortlist, the decoder that is told its lists. See load_graph."""
    load = functools.partial(
        load_graph, bundle, provider=provider, engines=engines, threads=threads
    )
    decoder = decoder_graph(bundle.manifest, shortlist)
    return Sessions(load(bundle.manifest.encoder), load(decoder), shortlist)


def decoder_graph(manifest: Manifest, shortlist: Shortlist | None) -> Graph:
    """Returns the decoder that is run: with a shortlist, the one that is told its lists."""
    return manifest.decoder if shortlist is None else manifest.shortlist.decoder


def load_graph(
    bundle: Bundle, graph: Graph, provider: str, *, engines: int = 1, threads: int = 1
) -> onnxruntime.InferenceSession:
    """Returns a session of a graph.

    Args:
        bundle: Whose it is.
        graph: The manifest's encoder or decoder.
        provider: cpu or cuda, as choose_provider returns it.
        engines: How many share them.
        threads: CPU threads of each. Engines side by side make more of a core: hand-over between an
            operator's threads costs more than a small operator (docs/benchmarks/tried.md).
        shortlist: The bundle's, whose decoding step then takes the decoder's place.

    Raises:
        ConfigError: the provider does not start.
        BundleError: a graph cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    # Each engine brings its own thread; the others are shared.
    options.intra_op_num_threads = engines * (threads - 1) + 1
    # Each graph has threads, which would go on spinning while the other graph's are at work.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, and stderr may have no reader
    # The fused SkipLayerNormalization is 6 times slower than its parts on the CPU provider.
    disabled = ["SkipLayerNormFusion"] if provider == "cpu" else []
    providers = [_CPU] if provider == "cpu" else [_CUDA, _CPU]
    path = bundle.path / graph.path
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=providers, disabled_optimizers=disabled
        )
    except Exception as error:  # onnxruntime's exceptions share no other root
        raise BundleError(f"{path} cannot be loaded: {error}") from error
    if providers[0] not in session.get_providers():
        raise ConfigError(
            f"provider {provider} does not start: onnxruntime chose {session.get_providers()}"
        )
    return session


PATIENCE = 1024
"""Steps after which the cache gives up room that only long texts needed."""

MOST_STEPS = 512
"""Layouts of the cache, and numbers of rows, sources, candidates and wanted tokens, for which
buffers are kept."""


WANTED_IDS, WANTED_COLUMNS = "wanted_ids", "wanted_columns"


class _Step(NamedTuple):
    """The decoder's inputs and outputs for some rows, sources and candidates, bound once."""

    binding: Any
    inputs: dict[str, NDArray[Any]]
    candidates: Candidates


class ModelRunner:
    """One engine's sessions, cache and bound buffers. Used by one thread."""

    def __init__(self, sessions: Sessions, cache: KVCache) -> None:
        self._sessions = sessions
        self._cache = cache
        self._sources = Sources(
            max_rows=cache.shape.max_rows,
            shared_rows=cache.shape.shared_rows,
            heads=cache.shape.heads,
        )
        self._steps: dict[tuple[tuple[int, int], int, int, int, int], _Step] = {}
        inputs = [each.name for each in sessions.decoder.get_inputs()]
        # How wanted tokens are told; graphs of older bundles take none.
        self._wanted = next((each for each in (WANTED_IDS, WANTED_COLUMNS) if each in inputs), None)
        shortlist = sessions.shortlist
        self._lists = None if shortlist is None else RowLists(shortlist, cache.shape.max_rows)
        self._list_layout = 0  # of what steps are bound to
        self._reach = 0  # no row's target has more positions
        self._patience = PATIENCE

    def warm_up(self, token_id: int) -> None:
        """Runs both graphs once, so that the first request does not pay for their buffers."""
        self.encode([[token_id]], 0)
        row = np.zeros(1, np.int32)
        self.decode(np.array([token_id]), row, row, candidate_count=1, with_normalizers=True)

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        told_ids: Sequence[Collection[int]] = (),
    ) -> None:
        """Encodes newcomers and keeps the keys and values of each for a row of its own.

        Sentences are packed one after the other: only attention sees a padded batch. One that
        several newcomers have is encoded once.
        """
        lengths = [len(ids) for ids in source_ids]
        self._settle(first_row)
        self._admit(max(lengths), first_row)
        first = self._sources.add(lengths)
        if self._lists is not None:
            self._lists.add(source_ids, told_ids)
        sentences = distinct(source_ids)
        readers = iter(sentences.values())
        for batch in batches(sentences):
            packed = pack(batch)
            key_values = self._sessions.encoder.run(["cross_key_value"], packed._asdict())[0]
            readers_of = list(islice(readers, len(batch)))
            self._cache.admit(first, readers_of, packed.lengths, key_values)

    def decode(
        self,
        token_ids: NDArray[np.int64],
        positions: NDArray[np.int32],
        source_last: NDArray[np.int32],
        *,
        candidate_count: int,
        with_normalizers: bool,
        wanted_ids: NDArray[np.int64] = NO_TOKENS,
    ) -> Candidates:
        """Runs one step of the first rows. See Runner.decode."""
        sources = self._sources
        self._settle(len(token_ids))
        self._reach += 1
        self._patience -= 1
        if self._reach > self._cache.target_capacity or not self._patience:
            self._fit(positions, source_last)
        wanted = wanted_ids
        if self._lists is not None:
            wanted = self._list(self._lists, wanted_ids, candidate_count)
        step = self._step(len(token_ids), candidate_count, len(wanted_ids))
        step.inputs["token_ids"][:] = token_ids
        step.inputs["positions"][:] = positions
        step.inputs["source_last"][:] = (
            source_last[sources.first_rows] if sources.is_shared else source_last
        )
        step.inputs["with_normalizers"][...] = with_normalizers
        if len(wanted) and self._wanted:
            step.inputs[self._wanted][:] = wanted
        self._sessions.decoder.run_with_iobinding(step.binding)
        return step.candidates

    def fork(self, forks: list[Move]) -> None:
        """Gives rows that follow the present ones what others hold, with the same sources."""
        self._cache.move(forks)
        if self._lists is not None:
            self._lists.move(forks)
        copies = self._sources.fork(forks)
        if copies is not None:
            self._cache.copy_sources(copies)

    def copy(self, copies: RowCopies) -> None:
        """Copies what rows of the cache hold of their targets."""
        self._cache.copy(copies)

    def move(self, moves: list[Move]) -> None:
        """Moves rows of the cache."""
        self._cache.move(moves)
        self._sources.move(moves)
        if self._lists is not None:
            self._lists.move(moves)

    def _settle(self, rows: int) -> None:
        """Makes the sources of the first `rows` rows a prefix."""
        copies = self._sources.settle(rows)
        if copies is not None:
            self._cache.copy_sources(copies)
        if self._lists is not None:
            self._lists.settle(rows)

    def _list(
        self, lists: RowLists, wanted_ids: NDArray[np.int64], candidate_count: int
    ) -> NDArray[np.int64]:
        """Makes lists ready for a step; returns where they have what is wanted."""
        lists.make_room(candidate_count)
        columns = lists.want(wanted_ids)
        if lists.layout != self._list_layout:
            self._list_layout = lists.layout
            self._steps.clear()
        return columns

    def _admit(self, longest: int, running_rows: int) -> None:
        """Makes room for sources of up to `longest` tokens; an idle cache becomes small again."""
        room = self._cache.reserve if running_rows else self._cache.trim
        room(target=1, source=longest, rows=running_rows, sources=self._sources.count)
        if not running_rows:
            self._reach = 0

    def _fit(self, positions: NDArray[np.int32], source_last: NDArray[np.int32]) -> None:
        """Makes room for what the rows are about to hold; gives some up every PATIENCE steps."""
        self._reach = int(positions.max()) + 1
        room = self._cache.reserve if self._patience else self._cache.trim
        self._patience = self._patience or PATIENCE
        source = int(source_last.max()) + 1
        room(target=self._reach, source=source, rows=len(positions), sources=self._sources.count)

    def _step(self, rows: int, candidate_count: int, wanted: int) -> _Step:
        key = self._cache.layout, rows, self._sources.count, candidate_count, wanted
        if key not in self._steps:
            if len(self._steps) == MOST_STEPS:
                self._steps.clear()
            self._steps[key] = self._bind(rows, candidate_count, wanted)
        return self._steps[key]

    def _bind(self, rows: int, candidate_count: int, wanted: int) -> _Step:
        sources = self._sources
        groups, grouped_rows = (sources.count, rows) if sources.is_shared else (0, 0)
        inputs: dict[str, NDArray[Any]] = {
            "token_ids": np.zeros(rows, np.int64),
            "positions": np.zeros(rows, np.int32),
            "source_last": np.zeros(sources.count, np.int32),
            "candidate_count": np.array([candidate_count], np.int64),
            "with_normalizers": np.zeros((), np.bool_),
            "is_shared": np.array(sources.is_shared),
            "query_index": sources.query_index[:groups],
            "attended_index": sources.attended_index[:grouped_rows],
        }
        candidates = Candidates(
            ids=np.zeros((rows, candidate_count), np.int64),
            logits=np.zeros((rows, candidate_count), np.float32),
            log_normalizers=np.zeros(rows, np.float32),
        )
        outputs: dict[str, NDArray[Any]] = {
            "candidate_ids": candidates.ids,
            "candidate_logits": candidates.logits,
            "log_normalizers": candidates.log_normalizers,
        }
        if self._wanted:
            inputs[self._wanted] = np.zeros(wanted, np.int64)
            outputs["wanted_logits"] = np.zeros((rows, wanted), np.float32)
            if wanted:
                candidates = candidates._replace(wanted_logits=outputs["wanted_logits"])
        if self._lists is not None:
            inputs |= self._lists.arrays(rows)
        caches = self._cache.tensors(rows, sources.count)
        present = {f"{name}_out": cache for name, cache in caches.items()}
        binding = self._sessions.decoder.io_binding()
        for name, array in (inputs | caches).items():
            binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array))
        for name, array in (outputs | present).items():
            binding.bind_ortvalue_output(name, OrtValue.ortvalue_from_numpy(array))
        return _Step(binding, inputs, candidates)
