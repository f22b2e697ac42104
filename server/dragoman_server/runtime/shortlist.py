"""Which tokens the translation of a sentence chooses among, as a bundle's shortlist says.

Knows the manifest, its files and token ids. Does not know how a step is told of lists.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.errors import BundleError
from dragoman_server.models import Bundle


class Shortlist(NamedTuple):
    """What the lists of sentences are made of, and the weights of their tokens."""

    weights: NDArray[np.int8]
    """(tokens, width) of the output projection, padding counted; mapped from the bundle's file."""
    scales: NDArray[np.float32]
    """(tokens,) what a step of each token's is worth."""
    biases: NDArray[np.float32]
    """(tokens,)"""
    offsets: NDArray[np.int64]
    """(source tokens + 1,) where each one's begin among `tokens`."""
    tokens: NDArray[np.int32]
    """What source tokens were translated as."""
    frequent: NDArray[np.int32]
    """What every list has, the end token among them."""

    def list_for(self, source_ids: Iterable[int], others: Iterable[int] = ()) -> NDArray[np.int64]:
        """Returns the tokens that a translation chooses among, each once, ascending.

        Args:
            source_ids: Of the sentence.
            others: Tokens that are to be among them whatever its source is.
        """
        offsets = self.offsets
        parts = [self.tokens[offsets[each] : offsets[each + 1]] for each in set(source_ids)]
        given = np.fromiter(others, np.int32)
        return np.unique(np.concatenate((self.frequent, given, *parts))).astype(np.int64)


def load_shortlist(bundle: Bundle) -> Shortlist:
    """Reads a bundle's; weights are mapped, as the server's graphs are.

    Raises:
        BundleError: Files are not what the manifest makes them out to be.
    """
    manifest = bundle.manifest.shortlist
    made = Shortlist(
        _read(bundle.path / manifest.weights_path, np.int8, 2, mmap_mode="r"),
        _read(bundle.path / manifest.scales_path, np.float32, 1),
        _read(bundle.path / manifest.biases_path, np.float32, 1),
        _read(bundle.path / manifest.offsets_path, np.int64, 1),
        _read(bundle.path / manifest.tokens_path, np.int32, 1),
        _read(bundle.path / manifest.frequent_path, np.int32, 1),
    )
    if problems := list(_problems(bundle.manifest, made)):
        raise BundleError(f"{bundle.path}: shortlist: {'; '.join(problems)}")
    return made


def _read(
    path: Path, kind: type[Any], dimensions: int, mmap_mode: Literal["r"] | None = None
) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if array.dtype != kind or array.ndim != dimensions:
        raise BundleError(
            f"{path} has {array.dtype} in {array.ndim} dimensions; allowed: "
            f"{np.dtype(kind)} in {dimensions}"
        )
    return array


def _problems(manifest: Manifest, made: Shortlist) -> Iterator[str]:
    sizes = manifest.architecture
    sources = sizes.source_vocabulary_size or sizes.vocabulary_size
    rows, width = made.weights.shape
    if rows < sizes.vocabulary_size or width != sizes.model_dim:
        yield (
            f"weights are ({rows:,}, {width:,}); allowed: {sizes.vocabulary_size:,} rows or more, "
            f"{sizes.model_dim:,} wide"
        )
    for name in ("scales", "biases"):
        if (count := len(getattr(made, name))) != rows:
            yield f"there are {count:,} {name}; allowed: one for each row of the weights, {rows:,}"
    offsets = made.offsets
    if len(offsets) != sources + 1:
        yield f"there are {len(offsets):,} offsets; allowed: {sources + 1:,}"
    elif offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != len(made.tokens):
        yield f"offsets do not rise from 0 to the number of tokens, {len(made.tokens):,}"
    for name in ("tokens", "frequent"):
        ids = getattr(made, name)
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < sizes.vocabulary_size:
            yield f"{name} has ids beyond 0 to {sizes.vocabulary_size - 1:,}"
    if manifest.special_tokens.end_id not in made.frequent:
        yield "frequent lacks the end token"
