"""Reads named tensors: safetensors or PyTorch's own format, in one file or in several.

Nothing is ever unpickled beyond what `torch.load(weights_only=True)` allows, which is tensors and
plain containers. Knows formats; does not know what a tensor is for.
"""

import hashlib
import os
import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dragoman_export.checkpoints.files import read_settings
from dragoman_export.errors import CheckpointError

INDEX = ".index.json"
"""Ends the name of a file that says which of several files holds which tensor."""

WEIGHTS = (
    "model.safetensors",
    f"model.safetensors{INDEX}",
    "pytorch_model.bin",
    f"pytorch_model.bin{INDEX}",
)
"""In the order in which they are looked for, which is that of transformers."""


class Weights(NamedTuple):
    """What the files of the weights hold."""

    tensors: dict[str, Tensor]
    """As float32."""

    sha256: str
    """Of the file, or of all files in the order of their names, in lower-case hexadecimal."""


def find_weights(directory: Path) -> list[Path]:
    """The file or files that hold a checkpoint's weights.

    Raises:
        CheckpointError: There are none, or what says which they are says nothing.
    """
    found = [directory / name for name in WEIGHTS if os.path.lexists(directory / name)]
    if not found:
        single = ", ".join(name for name in WEIGHTS if not name.endswith(INDEX))
        raise CheckpointError(f"checkpoint {directory} has none of {single}, in one file or more")
    if not found[0].name.endswith(INDEX):
        return [found[0]]
    parts = read_settings(found[0]).get("weight_map")
    if not isinstance(parts, dict) or not parts or not all(map(_is_plain, parts.values())):
        raise CheckpointError(f"{found[0]} has no weight_map of tensors to files beside it")
    return [directory / name for name in sorted(set(parts.values()))]


def read_weights(files: Sequence[Path]) -> Weights:
    """All tensors of the files that `find_weights` found.

    Raises:
        CheckpointError: They are missing, damaged, no numbers, or beside more than tensors.
    """
    tensors = {name: tensor for file in files for name, tensor in _read(file).items()}
    problems = [f"{name} holds {what}" for name in tensors if (what := doubt(tensors[name]))]
    if problems:
        what = f"the weights in {', '.join(map(str, files))} cannot be used:"
        raise CheckpointError.listing(what, problems)
    floats = {name: tensor.float() for name, tensor in tensors.items()}
    return Weights(floats, _sha256(files))


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and bool(name) and Path(name).name == name


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on the pickle's age
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors and is not loaded") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise CheckpointError(f"cannot read {path}, it is damaged: {error!r}") from error
    named = loaded.items() if isinstance(loaded, dict) else ()
    tensors = {
        name: value for name, value in named if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        raise CheckpointError(f"{path} holds no named tensors")
    return tensors


def doubt(tensor: Tensor) -> str | None:
    """What hinders its use as floating-point numbers; None where nothing does."""
    if tensor.layout != torch.strided or tensor.is_meta:
        return "no plain values"
    if not tensor.is_floating_point():
        return f"{str(tensor.dtype).removeprefix('torch.')}; a floating-point type is needed"
    if not tensor.float().isfinite().all():
        return "NaN or infinity"
    return None


def _sha256(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
