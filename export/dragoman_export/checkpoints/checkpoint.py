"""Reads a checkpoint directory in Hugging Face's layout: settings and named tensors.

Knows files and formats, not what a model does with them. Nothing is ever unpickled beyond what
`torch.load(weights_only=True)` allows, which is tensors and plain containers.
"""

import hashlib
import json
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dragoman_export.errors import CheckpointError

Settings = dict[str, Any]

CONFIG, GENERATION_CONFIG, TOKENIZER_CONFIG = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
)
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""In the order in which they are looked for."""


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

    tensors: dict[str, Tensor]
    """As float32."""

    weights_sha256: str
    """Of the weights' file, in lower-case hexadecimal."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads everything that an importer needs.

    Raises:
        CheckpointError: A file is missing, damaged, or holds more than tensors.
    """
    if not path.is_dir():
        raise CheckpointError(f"checkpoint {path} is not a directory")
    weights = _weights_path(path)
    return Checkpoint(
        path=path,
        config=_read_settings(path / CONFIG, required=True),
        generation_config=_read_settings(path / GENERATION_CONFIG, required=False),
        tokenizer_config=_read_settings(path / TOKENIZER_CONFIG, required=False),
        tensors={name: tensor.float() for name, tensor in _read_tensors(weights).items()},
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )


def _read_settings(path: Path, *, required: bool) -> Settings:
    if not path.exists() and not required:
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path} holds no JSON object")
    return settings


def _weights_path(path: Path) -> Path:
    for name in WEIGHTS:
        if (path / name).is_file():
            return path / name
    raise CheckpointError(f"checkpoint {path} has none of {', '.join(WEIGHTS)}")


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on the pickle's age
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors and is not loaded") from error
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path} holds no named tensors")
    return {name: value for name, value in loaded.items() if isinstance(value, Tensor)}
