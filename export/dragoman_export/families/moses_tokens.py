"""Tokenizers of Moses and subword-nmt's merges, as the server will have them.

Knows what a bundle says of them. Does not know how a toolkit writes their files.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from dragoman.tokenizer.subwords import END_OF_WORD
from dragoman.v1.bundle_pb2 import Moses, SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import CheckpointTokenizer

MERGES, SOURCES, TARGETS = "merges.txt", "vocab-src.json", "vocab-tgt.json"
"""Files of the bundle: merges, pieces of sources and of targets and their ids."""


class Contents(NamedTuple):
    """Where the files are, or what is in them."""

    merges: Path | str
    sources: Path | str
    targets: Path | str


def moses_tokenizer(
    contents: Contents,
    moses: Moses,
    special: SpecialTokens,
    vocabulary: Mapping[str, int],
    controls: Collection[int],
) -> CheckpointTokenizer:
    """The tokenizer of these files.

    Args:
        contents: Merges as subword-nmt has them, JSON objects of pieces to ids.
        moses: What Moses is told.
        special: Ids with a meaning of their own.
        vocabulary: Source pieces and their ids.
        controls: Ids of both vocabularies that no text yields and that give no text.

    Raises:
        CheckpointError: A file is damaged.
    """
    steering = {special.end_id, special.decoder_start_id, special.unknown_id}
    unreachable = steering.union(controls)
    files = TokenizerFiles(
        kind="moses",
        source_model_path=MERGES,
        target_model_path=MERGES,
        vocabulary_path=SOURCES,
        target_vocabulary_path=TARGETS,
        control_ids=sorted(unreachable - steering),
        hidden_ids=sorted(unreachable - steering),
        moses=moses,
    )
    return CheckpointTokenizer(
        dict(zip((MERGES, SOURCES, TARGETS), contents, strict=True)),
        files,
        special,
        control_names=[piece for piece, i in vocabulary.items() if i in unreachable],
        probes=[piece.removesuffix(END_OF_WORD) for piece in vocabulary],
    )
