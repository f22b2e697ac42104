"""Reads checkpoint folders: settings, named tensors, tokenizer files.

Knows files and formats. Does not know what a model does with them, nor of which family it is.
"""

from dragoman_export.checkpoints.checkpoint import Checkpoint, read_checkpoint
from dragoman_export.checkpoints.files import Settings, reading
from dragoman_export.checkpoints.name import model_name
from dragoman_export.checkpoints.tidy import tidied
from dragoman_export.checkpoints.tokenizer import CheckpointTokenizer, read_vocabulary

__all__ = [
    "Checkpoint",
    "CheckpointTokenizer",
    "Settings",
    "model_name",
    "read_checkpoint",
    "read_vocabulary",
    "reading",
    "tidied",
]
