"""Memory of large models, given back to the machine when a model is done with.

Without it the weights of a model would stay beside those of the graphs that are made of it: twice
the checkpoint. Does not know what a model is.
"""

import contextlib
import ctypes

import torch
from torch import nn

LARGE = 1 << 20
"""Bytes; a layer's weights have more, of all models whose size matters."""

_MMAP_THRESHOLD = -3
"""Of glibc's mallopt."""


def return_large_blocks() -> None:
    """Has malloc give each large block back to the machine as soon as it is freed.

    Left to itself glibc comes to keep blocks of up to 32 MiB for whoever asks next, and what asks
    next does not fit into them: smaller weights, or another library's. Others have no such setting.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)


def give_up(*modules: nn.Module) -> None:
    """Takes modules' numbers from them; they are of no more use.

    Who else refers to them does not matter: onnxscript's rules for rewriting remember the last
    graph that they have seen, and the tensors that it was traced with.
    """
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = torch.empty(0, dtype=tensor.dtype)
