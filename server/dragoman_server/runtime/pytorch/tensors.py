"""Tensors and arrays of the same memory, in host memory, whatever numbers they hold.

Knows types of elements. Does not know what they mean.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Returns a tensor; numpy has no bfloat16, whose bits are uint16 to it."""
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if array.dtype == np.uint16 else tensor


def array_of(tensor: Tensor) -> NDArray[Any]:
    """The way back."""
    array: NDArray[Any] = (
        tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor
    ).numpy()
    return array
