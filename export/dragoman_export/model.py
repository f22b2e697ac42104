"""What an importer makes of a checkpoint: everything that a bundle says, and the model itself."""

from dataclasses import dataclass

from dragoman_export.checkpoints import CheckpointTokenizer, Settings
from dragoman_export.network import Transformer


@dataclass(frozen=True, kw_only=True)
class ImportedModel:
    """A checkpoint mapped onto the canonical Transformer."""

    family: str
    """Checkpoint family, as in the manifest: "marian"."""

    transformer: Transformer

    tokenizer: CheckpointTokenizer

    vocabulary: dict[str, int]
    """Source pieces and their ids, added tokens included."""

    decoder_start_id: int
    """First token that the decoder is given."""

    end_id: int
    """Ends a source and a target."""

    pad_id: int
    """Fills up the shorter sentences of a batch, in the checkpoint's own implementation."""

    unknown_id: int
    """Stands for a piece that the vocabulary lacks."""

    suppressed_ids: tuple[int, ...]
    """Never generated; the output bias sees to it."""

    max_decoding_length: int
    """Default limit of a translation in tokens, the end token not counted."""

    reference_settings: Settings
    """What the checkpoint's own implementation is told of its settings, so that it goes by the
    weights that are there."""

    source_language: str | None
    """As the checkpoint says; None where it says nothing."""

    target_language: str | None
    """Likewise."""
