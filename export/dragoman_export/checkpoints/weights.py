"""Reads named tensors: safetensors or PyTorch's own format, in one file or in several.

Nothing is ever unpickled beyond what `torch.load(weights_only=True)` allows, which is tensors and
plain containers. Knows formats; does not know what a tensor is for.
"""

import hashlib
import os
import pickle
import warnings
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dragoman_export.checkpoints.files import read_settings
from dragoman_export.errors import CheckpointError, Problems

BLOCK = 1 << 22
"""Numbers looked at together: what is needed beside them is as large."""

INDEX = ".index.json"
"""Ends the name of a file that says which of several files holds which tensor."""

WEIGHTS = (
    "model.safetensors",
    f"model.safetensors{INDEX}",
    "pytorch_model.bin",
    f"pytorch_model.bin{INDEX}",
)
"""In the order in which they are looked for, which is that of transformers."""

SAVING = "save the state dict alone: torch.save(model.state_dict(), 'model.pt')"
"""What whoever saved a module is told: a module is code."""


class Weights(NamedTuple):
    """What the files of the weights hold."""

    tensors: Mapping[str, Tensor]
    """Of the types that they are stored in, and mapped into memory where the format allows it."""

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
        CheckpointError: With all that are missing, damaged, no numbers, or beside more than
            tensors.
    """
    problems, tensors = Problems(), dict[str, Tensor]()
    for file in files:
        with problems.noted():
            tensors |= _read(file)
    problems.require_none()
    return checked(tensors, files)


def read_state_dict(path: Path, keys: Sequence[str], ignored: Collection[str] = ()) -> Weights:
    """A state dict: of safetensors, or as torch.save wrote it, alone or within a training's.

    Args:
        path: Its file.
        keys: What leads to it in a dict of dicts, from without; none where the file is one.
        ignored: Names of tensors that are left out, whatever they hold.

    Raises:
        CheckpointError: It is missing, damaged, no numbers, or more than tensors; it is elsewhere.
    """
    try:
        found = _load(path)
    except CheckpointError as error:
        told = "" if path.suffix == ".safetensors" else f"; {SAVING}"
        raise CheckpointError(f"{error}{told}") from error
    for key in keys:
        if not isinstance(found, dict) or not isinstance(found.get(key), dict):
            raise CheckpointError(f"{path} holds no dict {'.'.join(keys)!r}; {_dicts(found)}")
        found = found[key]
    tensors = _named(found)
    if not tensors:
        raise CheckpointError(f"{path} holds no named tensors; {_dicts(found)}")
    return checked({name: tensors[name] for name in tensors if name not in ignored}, [path])


def checked(tensors: Mapping[str, Tensor], files: Sequence[Path]) -> Weights:
    """Tensors of these files, where all of them are numbers.

    Raises:
        CheckpointError: With every one that is not.
    """
    problems = [f"{name} holds {what}" for name in tensors if (what := _doubt(tensors[name]))]
    if problems:
        what = f"the weights in {', '.join(map(str, files))} cannot be used:"
        raise CheckpointError.listing(what, problems)
    return Weights(tensors, _sha256(files))


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and bool(name) and Path(name).name == name


def _read(path: Path) -> dict[str, Tensor]:
    tensors = _named(_load(path))
    if not tensors:
        raise CheckpointError(f"{path} holds no named tensors")
    return tensors


def _load(path: Path) -> object:
    """Tensors, and plain containers of them."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on the pickle's age
            loaded: object = torch.load(
                path, map_location="cpu", weights_only=True, mmap=_can_map(path)
            )
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors and is not loaded") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise CheckpointError(f"cannot read {path}, it is damaged: {error!r}") from error
    return loaded


def _named(loaded: object) -> dict[str, Tensor]:
    named = loaded.items() if isinstance(loaded, dict) else ()
    return {
        name: value for name, value in named if isinstance(name, str) and isinstance(value, Tensor)
    }


def _dicts(loaded: object) -> str:
    """Where a state dict may be instead."""
    named = loaded.items() if isinstance(loaded, dict) else ()
    found = [f"{name!r}" for name, value in named if _named(value)]
    return f"dicts of tensors in it: {', '.join(found) or 'none'}"


def _can_map(path: Path) -> bool:
    """Whether it is PyTorch's format since version 1.6, an archive."""
    return zipfile.is_zipfile(path)


def _doubt(tensor: Tensor) -> str | None:
    """What hinders its use as floating-point numbers; None where nothing does."""
    if tensor.layout != torch.strided or tensor.is_meta:
        return "no plain values"
    if not tensor.is_floating_point():
        return f"{str(tensor.dtype).removeprefix('torch.')}; a floating-point type is needed"
    if not all(part.float().isfinite().all() for part in torch.split(tensor.flatten(), BLOCK)):
        return "NaN or infinity"
    return None


def _sha256(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
