"""Memory of large models, given back to the machine when a model is done with.

Without it the weights of a model would stay beside those of the graphs that are made of it: twice
the checkpoint. Does not know what a model is.
"""

import contextlib
import ctypes
import gc

import torch
from torch import nn


def give_up(*modules: nn.Module) -> None:
    """Takes modules' numbers from them, and gives their memory back.

    They are of no more use. Who else refers to them does not matter: onnxscript's rules for rewriting
    remember the last graph that they have seen, and with it the tensors that it was traced with.
    """
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = torch.empty(0, dtype=tensor.dtype)
    give_back()


def give_back() -> None:
    """Gives back what nobody refers to any more, cycles included.

    glibc keeps freed blocks of up to 32 MiB, as large as a layer's weights are, for whoever asks
    for more; another library's blocks do not fit into them. Others than glibc have no such call.
    """
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
