"""Reads what a toolkit's training wrote with torch.save: tensors beside plain settings.

Nothing is unpickled but tensors, plain containers and `argparse.Namespace`, which is one. Does not
know what is in it.
"""

import argparse
import pickle
import warnings
from pathlib import Path

import torch

from dragoman_export.checkpoints.files import refuse_pointers
from dragoman_export.errors import CheckpointError


def load_training(file: Path, convert: str) -> object:
    """What the file holds.

    Args:
        file: As torch.save wrote it.
        convert: How whoever has the toolkit makes a file of plain containers; `{name}` is the
            file's.

    Raises:
        CheckpointError: It is damaged, or needs more than plain containers.
    """
    refuse_pointers([file])
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore")  # remarks on the pickle's age
            loaded: object = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        told = convert.format(name=file.name)
        raise CheckpointError(
            f"{file} holds more than tensors and plain settings and is not loaded; {told}"
        ) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise CheckpointError(f"cannot read {file}, it is damaged: {error!r}") from error
    return loaded
