"""Which importer maps which checkpoint: the table of families.

Knows the name that a checkpoint's config.json gives its family. Does not know how any is mapped.
"""

from collections.abc import Callable, Mapping

from dragoman_export.checkpoints import Checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian import import_marian
from dragoman_export.model import ImportedModel

Importer = Callable[[Checkpoint], ImportedModel]
"""Maps a checkpoint onto the canonical Transformer; CheckpointError says all that hinders it."""

IMPORTERS: Mapping[str, Importer] = {
    "marian": import_marian,
}
"""By `model_type` of config.json."""


def import_model(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a checkpoint of any family in the table onto the canonical Transformer.

    Raises:
        CheckpointError: It is of another family, or cannot be mapped.
    """
    family = checkpoint.config.get("model_type")
    importer = IMPORTERS.get(family) if isinstance(family, str) else None
    if importer is None:
        known = ", ".join(map(repr, IMPORTERS))
        raise CheckpointError(
            f"{checkpoint.path}: model_type is {family!r}; only {known} is supported"
        )
    return importer(checkpoint)
