"""A bundle as far as it takes to run its encoder: files, sizes, inputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from google.protobuf import json_format
from numpy.typing import NDArray

from dragoman.v1 import bundle_pb2
from dragoman_export.errors import UsageError

MANIFEST = "bundle.json"
PROVIDER = "cpu"

SEED = 0

Inputs = dict[str, NDArray[np.generic]]
"""Of a graph, by their names."""


@dataclass(frozen=True)
class MeasuredBundle:
    """What is measured."""

    encoder: Path
    """Its graphs."""
    decoder: Path
    name: str
    """Of the model."""
    precision: str
    layers: int
    model_dim: int
    heads: int
    vocabulary: int
    max_positions: int
    """Tokens of the longest source."""
    weights_sha256: str
    """Of the checkpoint that it was made from."""

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Reads a bundle's manifest.

        Raises:
            UsageError: There is none, or it is not one for CPUs.
        """
        manifest = _manifest(directory / MANIFEST)
        if PROVIDER not in manifest.providers:
            made_for = ", ".join(manifest.providers) or "nothing"
            raise UsageError(f"{directory} is made for {made_for}; give a bundle for CPUs")
        sizes = manifest.architecture
        return cls(
            encoder=directory / manifest.encoder.path,
            decoder=directory / manifest.decoder.path,
            name=manifest.name,
            precision=manifest.precision,
            layers=sizes.encoder_layers,
            model_dim=sizes.model_dim,
            heads=sizes.encoder_heads,
            vocabulary=sizes.source_vocabulary_size or sizes.vocabulary_size,
            max_positions=sizes.max_positions,
            weights_sha256=manifest.provenance.weights_sha256,
        )

    def inputs(self, length: int) -> Inputs:
        """Returns the encoder's inputs for one sentence of so many tokens, drawn at random."""
        places = np.arange(length, dtype=np.int64)
        ids = np.random.default_rng(SEED).integers(1, self.vocabulary, length, np.int64)
        return {
            "token_ids": ids,  # (tokens,)
            "positions": places,  # (tokens,)
            "padded_index": places[None],  # (batch, source)
            "packed_index": places,  # (tokens,)
            "source_last": np.array([length - 1], np.int32),  # (batch,)
        }


def _manifest(file: Path) -> bundle_pb2.Manifest:
    try:
        return json_format.Parse(file.read_bytes().decode(), bundle_pb2.Manifest())
    except OSError as error:
        raise UsageError(f"no bundle at {file.parent}: {file.name}: {error.strerror}") from None
    except (ValueError, RecursionError, json_format.ParseError) as error:
        raise UsageError(f"{file} is no manifest of a bundle: {error}") from None
