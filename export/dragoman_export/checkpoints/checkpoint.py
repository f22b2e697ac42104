"""Reads a checkpoint directory in Hugging Face's layout: settings and named tensors.

Knows which files there are, not what a model does with them.
"""

import contextlib
import copy
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from torch import Tensor

from dragoman_export.checkpoints.files import Settings, read_settings, refuse_pointers
from dragoman_export.checkpoints.weights import Weights, find_weights, read_weights
from dragoman_export.errors import CheckpointError, Problems

CONFIG, GENERATION_CONFIG, TOKENIZER_CONFIG = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
)


class Checkpoint:
    """A checkpoint as it lies on the disk. A file is read, once, when somebody asks for it.

    Whoever does is raised a CheckpointError where it is missing, damaged, or holds more than data:
    what is in the other files can be judged none the less.
    """

    def __init__(self, path: Path) -> None:
        """Raises CheckpointError where there is no such directory, or a repository in the cache."""
        if not path.is_dir():
            raise CheckpointError(f"checkpoint {path} is not a directory; nothing is downloaded")
        if snapshots := sorted(path.glob(f"snapshots/*/{CONFIG}")):
            found = snapshots[0].parent
            raise CheckpointError(
                f"{path} is a repository in the Hub's cache; its checkpoint is {found}"
            )
        self.path = path

    @cached_property
    def config(self) -> Settings:
        """config.json."""
        return read_settings(self.path / CONFIG)

    @cached_property
    def generation_config(self) -> Settings:
        """generation_config.json, empty where there is none."""
        return self._settings_if_there(GENERATION_CONFIG)

    @cached_property
    def tokenizer_config(self) -> Settings:
        """tokenizer_config.json, likewise."""
        return self._settings_if_there(TOKENIZER_CONFIG)

    @cached_property
    def weights(self) -> Weights:
        """All of its files'."""
        files = find_weights(self.path)
        self.require_fetched()
        return read_weights(files)

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """As they are stored."""
        return self.weights.tensors

    def with_config(self, config: Settings) -> "Checkpoint":
        """The same with other settings than those of config.json."""
        changed = copy.copy(self)
        changed.config = config
        return changed

    def require_fetched(self) -> None:
        """Raises CheckpointError where git-lfs has not fetched the files, naming all of them."""
        weights: list[Path] = []
        with contextlib.suppress(CheckpointError):
            weights = find_weights(self.path)
        others = [sorted(self.path.glob(f"*.{end}")) for end in ("json", "spm", "model")]
        refuse_pointers([*(file for files in others for file in files), *weights])

    def require_files(self) -> None:
        """Raises CheckpointError with every file that is missing, damaged, or more than data."""
        problems = Problems()
        with problems.noted():
            self.require_fetched()
        for part in ("config", "generation_config", "tokenizer_config", "weights"):
            with problems.noted():
                getattr(self, part)
        problems.require_none()

    def _settings_if_there(self, name: str) -> Settings:
        path = self.path / name
        return read_settings(path) if os.path.lexists(path) else {}


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads everything that an importer needs.

    Raises:
        CheckpointError: With every file that is missing, damaged, or holds more than data.
    """
    checkpoint = Checkpoint(path)
    checkpoint.require_files()
    return checkpoint
