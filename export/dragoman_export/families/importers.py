"""Which importer maps which checkpoint: the table of families.

Knows the name that a checkpoint's config.json gives its family. Does not know how any is mapped.
"""

import difflib
from collections.abc import Callable, Mapping

from dragoman_export.checkpoints import Checkpoint
from dragoman_export.errors import CheckpointError, Problems
from dragoman_export.families.bart import (
    import_bart,
    import_m2m100,
    import_mbart,
    import_pegasus,
)
from dragoman_export.families.fsmt import import_fsmt
from dragoman_export.families.marian import import_marian
from dragoman_export.families.t5 import import_t5
from dragoman_export.families.t5_tokens import BYTES
from dragoman_export.model import ImportedModel

Importer = Callable[[Checkpoint], ImportedModel]
"""Maps a checkpoint onto the canonical Transformer; CheckpointError says all that hinders it."""

IMPORTERS: Mapping[str, Importer] = {
    "bart": import_bart,
    "fsmt": import_fsmt,
    "m2m_100": import_m2m100,
    "marian": import_marian,
    "mbart": import_mbart,
    "mt5": import_t5,
    "pegasus": import_pegasus,
    "t5": import_t5,
}
"""By `model_type` of config.json."""

UNSUPPORTED: Mapping[str, str] = {
    "nllb-moe": "mixtures of experts are not supported, NLLB's dense models are",
}
"""Why not, of those that somebody may well have."""


TOKENIZER_FILES = ("tokenizer.json", "vocab*.json", "*.spm", "*.model")
"""Of one of which a checkpoint has some, whatever its family; but those of bytes."""


def import_checkpoint(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a checkpoint of any family in the table onto the canonical Transformer.

    Raises:
        CheckpointError: It is of another family, or cannot be mapped.
    """
    _require_settings(checkpoint)
    family = checkpoint.config.get("model_type")
    importer = IMPORTERS.get(family) if isinstance(family, str) else None
    if importer is None:
        raise CheckpointError(f"{checkpoint.path}: model_type is {family!r}; {_allowed(family)}")
    return importer(checkpoint)


def _require_settings(checkpoint: Checkpoint) -> None:
    """Raises CheckpointError where settings cannot be read: then files are all that can be judged.

    Which ones a tokenizer needs its family says; it has some.
    """
    problems = Problems()
    for part in ("config", "generation_config"):
        with problems.noted():
            getattr(checkpoint, part)
    if problems:
        with problems.noted():
            checkpoint.require_files()
        with problems.noted():
            _require_tokenizer(checkpoint)
    problems.require_none()


def _require_tokenizer(checkpoint: Checkpoint) -> None:
    is_there = any(next(checkpoint.path.glob(name), None) for name in TOKENIZER_FILES)
    if not is_there and checkpoint.tokenizer_config.get("tokenizer_class") != BYTES:
        known = ", ".join(TOKENIZER_FILES)
        raise CheckpointError(f"checkpoint {checkpoint.path} has no tokenizer, none of {known}")


def _allowed(family: object) -> str:
    known = f"supported are {', '.join(IMPORTERS)}"
    if isinstance(family, str) and family in UNSUPPORTED:
        return f"{UNSUPPORTED[family]}; {known}"
    nearest = difflib.get_close_matches(str(family), IMPORTERS, 1)
    return f"{known}; the nearest is {nearest[0]}" if nearest else known
