"""Reads Marian's own models: numpy's archive of tensors, one of which is YAML.

Source of the format: marian-dev, `common/io.cpp`. Nothing is unpickled. Knows the format; does not
know what a setting or a tensor is for.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from torch import Tensor

from dragoman_export.checkpoints.files import Settings, refuse_pointers
from dragoman_export.checkpoints.weights import checked
from dragoman_export.errors import CheckpointError

SETTINGS = "special:model.yml"
"""The tensor that holds the settings, text as bytes."""


class MarianFile(NamedTuple):
    """What a model's file holds."""

    path: Path

    settings: Settings
    """Under Marian's names, `dim-emb`."""

    tensors: Mapping[str, Tensor]

    sha256: str
    """Of the file, in lower-case hexadecimal."""


def read_marian(path: Path) -> MarianFile:
    """Reads a model.

    Raises:
        CheckpointError: It is damaged, holds Python objects or what are no numbers, or has no
            settings.
    """
    refuse_pointers([path])
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    except Exception as error:  # a damaged archive may raise anything
        raise CheckpointError(f"cannot read {path}, it is damaged: {error!r}") from error
    if SETTINGS not in arrays:
        raise CheckpointError(
            f"{path} is no model of Marian: it has no {SETTINGS}, which newer releases write"
        )
    settings = _settings(path, arrays.pop(SETTINGS))
    unlike = [
        f"{name} is of {array.dtype}; a floating-point type is needed"
        for name, array in arrays.items()
        if array.dtype not in (np.float32, np.float16, np.float64)
    ]
    if unlike:
        raise CheckpointError.listing(f"the weights in {path} cannot be used:", unlike)
    weights = checked({name: torch.from_numpy(array) for name, array in arrays.items()}, [path])
    return MarianFile(path, settings, weights.tensors, weights.sha256)


def read_yaml(path: Path) -> object:
    """What a YAML file says, every scalar as text.

    Raises:
        CheckpointError: It cannot be read.
    """
    try:
        # A vocabulary is large, and its pieces are text whatever YAML takes them for.
        return yaml.load(path.read_bytes(), yaml.CBaseLoader)  # noqa: S506 - makes text alone
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error


def _settings(path: Path, array: "np.ndarray[Any, Any]") -> Settings:
    try:
        settings = yaml.safe_load(array.tobytes().rstrip(b"\0").decode())
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise CheckpointError(f"{path}: {SETTINGS} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path}: {SETTINGS} holds no settings")
    return {str(name): value for name, value in settings.items()}
