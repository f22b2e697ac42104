"""Reads checkpoint folders: settings, named tensors, tokenizer files.

Knows files and formats. Does not know what a model does with them, nor of which family it is.
"""

from dragoman_export.checkpoints.checkpoint import Checkpoint, read_checkpoint
from dragoman_export.checkpoints.files import Settings, read_settings, reading, refuse_pointers
from dragoman_export.checkpoints.name import model_name
from dragoman_export.checkpoints.tidy import TOKENIZER_SETTINGS, tidied
from dragoman_export.checkpoints.tokenizer import CheckpointTokenizer, read_vocabulary
from dragoman_export.checkpoints.weights import Weights, read_state_dict, read_weights

__all__ = [
    "TOKENIZER_SETTINGS",
    "Checkpoint",
    "CheckpointTokenizer",
    "Settings",
    "Weights",
    "model_name",
    "read_checkpoint",
    "read_settings",
    "read_state_dict",
    "read_vocabulary",
    "read_weights",
    "reading",
    "refuse_pointers",
    "tidied",
]
