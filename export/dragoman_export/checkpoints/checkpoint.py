"""Reads a checkpoint directory in Hugging Face's layout: settings and named tensors.

Knows which files there are, not what a model does with them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dragoman_export.checkpoints.files import Settings, read_settings, refuse_pointers
from dragoman_export.checkpoints.weights import find_weights, read_weights
from dragoman_export.errors import CheckpointError

CONFIG, GENERATION_CONFIG, TOKENIZER_CONFIG = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint as it lies on the disk."""

    path: Path

    config: Settings
    """config.json."""

    generation_config: Settings
    """generation_config.json, empty where there is none."""

    tokenizer_config: Settings
    """tokenizer_config.json, likewise."""

    tensors: Mapping[str, Tensor]
    """As they are stored."""

    weights_sha256: str
    """Of the weights' file or files, in lower-case hexadecimal."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads everything that an importer needs.

    Raises:
        CheckpointError: A file is missing, damaged, or holds more than tensors.
    """
    if not path.is_dir():
        raise CheckpointError(f"checkpoint {path} is not a directory; nothing is downloaded")
    if snapshots := sorted(path.glob(f"snapshots/*/{CONFIG}")):
        raise CheckpointError(
            f"{path} is a repository in the Hub's cache; its checkpoint is {snapshots[0].parent}"
        )
    weights_files = find_weights(path)
    refuse_pointers([*sorted(path.glob("*.json")), *sorted(path.glob("*.spm")), *weights_files])
    config = read_settings(path / CONFIG)
    others = [
        read_settings(path / name) if os.path.lexists(path / name) else {}
        for name in (GENERATION_CONFIG, TOKENIZER_CONFIG)
    ]
    weights = read_weights(weights_files)
    return Checkpoint(
        path=path,
        config=config,
        generation_config=others[0],
        tokenizer_config=others[1],
        tensors=weights.tensors,
        weights_sha256=weights.sha256,
    )
