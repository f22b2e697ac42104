"""How T5 and its kin cut texts, and are told their languages: by a prefix of the source.

Knows the tokenizers that transformers has for them, MADLAD's tokens `<2de>`, and what T5's own
settings say of its prefixes. Does not know weights.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dragoman.tokenizer.bytes import OFFSET
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import Checkpoint, CheckpointTokenizer
from dragoman_export.errors import CheckpointError
from dragoman_export.families.library_tokens import library_tokenizer
from dragoman_export.families.t5_settings import T5Settings
from dragoman_export.model import Target
from dragoman_export.verification import ReferenceTokenizer

LANGUAGE_TOKEN = re.compile(r"<2(?P<name>[A-Za-z][A-Za-z_]*)>")
"""MADLAD's, which go before the source."""

TASK = re.compile(r"translation_(?P<source>[a-z]{2,3})_to_(?P<target>[a-z]{2,3})")
"""T5's own, whose prefix is text: `translate English to German: `."""

BYTES = "ByT5Tokenizer"


class Tokens(NamedTuple):
    """All that is known of a checkpoint's tokens."""

    tokenizer: CheckpointTokenizer
    unknown_id: int
    targets: Sequence[Target]
    source_language: str | None


def read_tokens(
    checkpoint: Checkpoint,
    own: ReferenceTokenizer,
    settings: T5Settings,
    suppressed: Sequence[int],
) -> Tokens:
    """Asks transformers what the tokenizer's files add up to.

    Raises:
        CheckpointError: They cannot be used, or do not fit the model.
    """
    size = settings.values["vocab_size"]
    special = SpecialTokens(
        decoder_start_id=settings.special["decoder_start_token_id"],
        end_id=settings.special["eos_token_id"],
        unknown_id=own.unknown_id or 0,
        suppressed_ids=suppressed,
    )
    own.frame(special.end_id)
    vocabulary = own.vocabulary()
    labels = [
        (match["name"], token, token_id)
        for token, token_id in sorted(vocabulary.items(), key=lambda item: item[1])
        if (match := LANGUAGE_TOKEN.fullmatch(token)) and token_id < size
    ]
    if own.class_name == BYTES:
        tokenizer = _byte_tokenizer(own, special)
    else:
        controls = [token_id for _, _, token_id in labels]
        tokenizer = library_tokenizer(own, special, size, checkpoint.path, controls)
    targets = [Target(name, token, (token_id,)) for name, token, token_id in labels]
    tasks = [*_tasks(checkpoint, tokenizer)] if not labels else []
    sources = {source for source, _ in tasks}
    if len(sources) == 1:
        targets = [target for _, target in tasks]
    stated = checkpoint.tokenizer_config.get("source_lang")
    if labels and stated is None:
        stated = "mul"  # MADLAD is told nothing of the source
    return Tokens(
        tokenizer=tokenizer,
        unknown_id=special.unknown_id,
        targets=targets,
        source_language=sources.pop() if len(sources) == 1 else stated,
    )


def _tasks(checkpoint: Checkpoint, tokenizer: CheckpointTokenizer) -> Iterator[tuple[str, Target]]:
    """Languages translated from, and into what by which prefix."""
    tasks = checkpoint.config.get("task_specific_params")
    for name, task in tasks.items() if isinstance(tasks, dict) else ():
        match = TASK.fullmatch(name)
        prefix = task.get("prefix") if isinstance(task, dict) else None
        if match and isinstance(prefix, str) and prefix.strip():
            ids = tokenizer.encode_target(prefix.strip())
            yield match["source"], Target(match["target"], prefix.strip(), tuple(ids))


def _byte_tokenizer(own: ReferenceTokenizer, special: SpecialTokens) -> CheckpointTokenizer:
    if own.encode("a") != [OFFSET + ord("a"), special.end_id]:
        raise CheckpointError(f"the tokenizer {BYTES} has other ids than those of bytes plus 3")
    names = own.special_ids()
    return CheckpointTokenizer({}, TokenizerFiles(kind="bytes"), special, control_names=names)
