"""Rows and sentences of random numbers for the graphs that PyTorch runs, on the CPU.

Knows the contract of those graphs. Does not know what is looked for.
"""

import torch
from torch import Tensor

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_export.network import TORCH_TYPES
from dragoman_server.runtime.pytorch.encoding import encode
from dragoman_server.runtime.pytorch.graphs import STEP_INPUTS, Graph

ROWS = 64

PLACES = 64
"""Of sources and targets, in the largest step."""

LIVE = 12
"""Most tokens of a row's source and target."""

STATE_DIMENSIONS = 2
"""Of a recurrent decoder's cache, which has no places."""


class Steps:
    """Rows, and one step of them."""

    def __init__(self, manifest: Manifest) -> None:
        vocabulary = manifest.architecture.vocabulary_size
        self._tokens = torch.randint(1, vocabulary, (ROWS,), generator=random())
        self._lengths = torch.randint(1, LIVE + 1, (2, ROWS), generator=random())
        sizes = {"rows": ROWS, "target_capacity": PLACES, "source_capacity": PLACES}
        self._caches = {
            tensor.name: torch.randn(
                [sizes[size] if size in sizes else int(size) for size in tensor.shape],
                generator=random(),
            ).to(TORCH_TYPES[tensor.data_type])
            for tensor in manifest.decoder.inputs[STEP_INPUTS:]
        }

    def logits(self, decoder: Graph, rows: Tensor, target: int, source: int) -> Tensor:
        """Of some rows with so many places, (rows, vocabulary)."""
        own, cross = self._lengths[:, rows]
        with torch.inference_mode():
            return decoder(
                self._tokens[rows],
                own - 1,
                torch.arange(target) < own[:, None],
                torch.arange(source) < cross[:, None],
                *[
                    cache[rows]
                    if cache.dim() == STATE_DIMENSIONS
                    else cache[rows, :, : target if name.startswith("self") else source]
                    for name, cache in self._caches.items()
                ],
            ).clone()


class Sentences:
    """Sentences, and what an encoder makes of them."""

    def __init__(self, manifest: Manifest) -> None:
        sizes = manifest.architecture
        vocabulary = sizes.source_vocabulary_size or sizes.vocabulary_size
        self._tokens = torch.randint(1, vocabulary, (ROWS, PLACES), generator=random())
        self._lengths = torch.arange(ROWS) % LIVE + 1

    def padded(self, encoder: Graph, sentences: Tensor, source: int) -> Tensor:
        """Keys and values of some as one batch, (sentences, 2*layers, heads, LIVE, head_dim)."""
        mask = torch.arange(source) < self._lengths[sentences, None]
        with torch.inference_mode():
            return self._live(encoder(self._tokens[sentences, :source], mask), sentences)

    def as_served(self, encoder: Graph, sentences: Tensor) -> Tensor:
        """Likewise, as the runner encodes them."""
        ids = [self._tokens[each, : self._lengths[each]].tolist() for each in sentences]
        done, found = 0, []
        for encoded in encode(encoder, ids, alone=False):
            count = len(encoded.lengths)
            found.append(self._live(encoded.key_values[:, :count], sentences[done : done + count]))
            done += count
        return torch.cat(found)

    def _live(self, key_values: Tensor, sentences: Tensor) -> Tensor:
        """Zeros where a sentence has no token."""
        there = torch.arange(LIVE) < self._lengths[sentences, None]
        return torch.where(there[None, :, None, :, None], key_values[..., :LIVE, :], 0).transpose(
            0, 1
        )


def random() -> torch.Generator:
    """The same numbers each time."""
    return torch.Generator().manual_seed(0)
