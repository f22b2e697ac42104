"""How BART and its kin cut texts, and are told their languages.

Knows the tokenizers that transformers has for them. Does not know weights.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import (
    Checkpoint,
    CheckpointTokenizer,
    Settings,
    read_vocabulary,
)
from dragoman_export.errors import CheckpointError
from dragoman_export.families.bart_settings import setting_of_generation
from dragoman_export.families.library_tokens import library_tokenizer
from dragoman_export.families.marian_tokens import sentencepiece_tokenizer
from dragoman_export.model import Source, Target
from dragoman_export.verification import ReferenceTokenizer

LANGUAGE_TOKENS: Mapping[str, re.Pattern[str]] = {
    "M2M100Tokenizer": re.compile(r"__(?P<name>\w+)__"),
    "NllbTokenizer": re.compile(r"(?P<name>[a-z]{3}_[A-Z][a-z]{3})"),
    "MBartTokenizer": re.compile(r"(?P<name>[a-z]{2})_[A-Z]{2}"),
    "MBart50Tokenizer": re.compile(r"(?P<name>[a-z]{2})_[A-Z]{2}"),
}
"""Special tokens that name a language, by the class of the tokenizer. The countries of mBART's are
of no meaning: it has one token for each language."""

SENTENCEPIECE_MODEL, VOCABULARY = "sentencepiece.bpe.model", "vocab.json"
"""Of M2M100, whose tokenizer the tokenizers library does not have."""


class Tokens(NamedTuple):
    """All that is known of a checkpoint's tokens."""

    tokenizer: CheckpointTokenizer
    unknown_id: int
    sources: Sequence[Source]
    targets: Sequence[Target]
    any_source: Source
    any_target: Target
    default_target: str | None

    @property
    def forced(self) -> int:
        """Tokens that a translation begins with."""
        return max(len(each.target_prefix_ids) for each in (self.any_target, *self.targets))


def read_tokens(
    checkpoint: Checkpoint, own: ReferenceTokenizer, settings: Settings, suppressed: Sequence[int]
) -> Tokens:
    """Asks transformers what the tokenizer's files add up to.

    Raises:
        CheckpointError: They cannot be used, or do not fit the model.
    """
    size, end_id, start_id = (
        settings[name] for name in ("vocab_size", "eos_token_id", "decoder_start_token_id")
    )
    unknown_id = own.unknown_id
    if unknown_id is None:
        raise CheckpointError(f"{checkpoint.path}: the tokenizer has no unknown token")
    special_ids = own.special_ids()
    pattern = LANGUAGE_TOKENS.get(own.class_name)
    named = [
        (match["name"], token, token_id)
        for token, token_id in sorted(special_ids.items(), key=lambda item: item[1])
        if pattern is not None and (match := pattern.fullmatch(token)) and 0 <= token_id < size
    ]
    special = SpecialTokens(
        decoder_start_id=start_id, end_id=end_id, unknown_id=unknown_id, suppressed_ids=suppressed
    )
    forced = setting_of_generation(checkpoint, "forced_bos_token_id")
    by_id = {token_id: name for name, _, token_id in named}
    default = forced if forced in by_id else start_id
    is_started = start_id in by_id  # mBART-25: the target's token is what the decoder starts with
    targets = [
        Target(name, token, (), () if is_started else (token_id,))
        for name, token, token_id in named
        if not is_started or token_id == start_id
    ]
    if own.class_name == "M2M100Tokenizer":
        tokenizer = _m2m100_tokenizer(checkpoint, own, special, special_ids)
    else:
        tokenizer = library_tokenizer(own, special, size, checkpoint.path)
    return Tokens(
        tokenizer=tokenizer,
        unknown_id=unknown_id,
        sources=[
            Source(name, token, *own.frame(end_id, source_language=own.source_code(token)))
            for name, token, _ in named
        ],
        targets=targets,
        any_source=Source("", "", *own.frame(end_id)),
        any_target=Target(target_prefix_ids=() if not isinstance(forced, int) else (forced,)),
        default_target=by_id.get(default),
    )


def _m2m100_tokenizer(
    checkpoint: Checkpoint,
    own: ReferenceTokenizer,
    special: SpecialTokens,
    special_ids: Mapping[str, int],
) -> CheckpointTokenizer:
    vocabulary = read_vocabulary(checkpoint.path, VOCABULARY, SENTENCEPIECE_MODEL)
    steering = {special.end_id, special.decoder_start_id, special.unknown_id}
    controls = {*special_ids.values(), *special.suppressed_ids} - steering
    files = TokenizerFiles(
        kind="sentencepiece",
        source_model_path=SENTENCEPIECE_MODEL,
        target_model_path=SENTENCEPIECE_MODEL,
        vocabulary_path=VOCABULARY,
        added_tokens=[t for t in own.added_tokens() if t.id not in controls | steering],
        control_ids=sorted(controls),
        hidden_ids=sorted({*special_ids.values()} - steering),
    )
    contents = {name: checkpoint.path / name for name in (SENTENCEPIECE_MODEL, VOCABULARY)}
    return sentencepiece_tokenizer(contents, files, special, vocabulary | dict(special_ids))
