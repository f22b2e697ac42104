"""The tokenizer that lies beside a CTranslate2 model, and how the model is told its languages.

A CTranslate2 model takes and gives tokens; whoever deploys it has the tokenizer. So it is looked
for in the model's folder under the names that it has in the places that models come from. Does not
know weights.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from dragoman.tokenizer.bytes import BYTES, OFFSET
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.checkpoints.files import read_settings
from dragoman_export.errors import CheckpointError
from dragoman_export.families.ctranslate2_config import Steering
from dragoman_export.families.ctranslate2_languages import (
    EVERY,
    find_labels,
    find_order,
    madlad_labels,
    named_languages,
    steering_ids,
)
from dragoman_export.families.ctranslate2_vocabularies import (
    SOURCE,
    TARGET,
    Ids,
    Vocabularies,
    ends_sources,
    numbered,
)
from dragoman_export.families.library_tokens import FILE as LIBRARY
from dragoman_export.families.library_tokens import without
from dragoman_export.families.safe_pieces import text_model
from dragoman_export.model import Source, Target

PAIR = ("source.spm", "target.spm")
SINGLE = ("sentencepiece.bpe.model", "spm.model", "sentencepiece.model", "spiece.model")
"""sentencepiece models, one for each language or one for both."""


LOOKED_FOR = f"{' and '.join(PAIR)}, {', '.join(SINGLE)}, {LIBRARY}"


LEAST_KNOWN = 0.1
"""Share of a sentencepiece model's pieces that a vocabulary made with it has; one language of two
may have few of them."""


class Tokens(NamedTuple):
    """All that an importer says of tokens."""

    tokenizer: CheckpointTokenizer
    start_id: int
    """What the decoder starts with, unless a target says another."""
    sources: Sequence[Source]
    targets: Sequence[Target]
    any_source: Source
    any_target: Target
    source_language: str | None
    """Where no request names it."""


def read_tokens(
    path: Path, vocabularies: Vocabularies, steering: Steering, ids: Ids, suppressed: Sequence[int]
) -> Tokens:
    """The tokenizer beside a model, and how the model is told its languages.

    Raises:
        CheckpointError: It is none of this model.
    """
    languages = named_languages(vocabularies.sources)
    order = find_order(path, steering, languages)
    start_id = ids.end if ids.start is None else ids.start
    special = SpecialTokens(
        decoder_start_id=start_id,
        end_id=ids.end,
        unknown_id=ids.unknown,
        suppressed_ids=suppressed,
    )
    bare = not ends_sources(vocabularies, steering)
    begin: tuple[int, ...] = () if ids.begin is None else (ids.begin,)
    if found := find_models(path):
        contents = {name: path / name for name in found}
        tokenizer = pieces_tokenizer(contents, vocabularies, special, bare=bare)
    elif os.path.lexists(path / LIBRARY):
        library = _Library.read(path / LIBRARY, vocabularies)
        tokenizer = library.tokenizer(special, bare=bare)
        if not languages and not begin:
            begin = library.begins_with(ids.end)
    elif bare:
        raise _no_tokenizer(path)
    else:
        tokenizer = CheckpointTokenizer({}, TokenizerFiles(kind="bytes"), special)
    labels = [
        target._replace(source_prefix_ids=(*begin, *target.source_prefix_ids))
        for target in find_labels(vocabularies.sources)
    ]
    targets = numbered(vocabularies.targets)
    before = () if labels else begin
    return Tokens(
        tokenizer,
        start_id,
        sources=[order.source(name, token, number, before) for name, token, number in languages],
        targets=[
            order.target(name, token, targets[token])
            for name, token, _ in languages
            if token in targets
        ]
        or labels,
        any_source=Source(prefix_ids=before),
        any_target=Target(source_prefix_ids=begin if labels else ()),
        source_language=EVERY if madlad_labels(vocabularies.sources) else None,
    )


def require_tokenizer(path: Path, vocabularies: Vocabularies | None) -> None:
    """Raises CheckpointError where there is none beside the model, and a vocabulary is none."""
    if find_models(path) or os.path.lexists(path / LIBRARY):
        return
    if vocabularies is None or not _are_bytes(vocabularies.sources):
        raise _no_tokenizer(path)


def _no_tokenizer(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} has no tokenizer: put that of the model beside it, one of {LOOKED_FOR}"
    )


def _are_bytes(tokens: Sequence[str]) -> bool:
    """Whether a vocabulary is that of ByT5, which has no file."""
    return list(tokens[OFFSET : OFFSET + BYTES]) == [chr(byte) for byte in range(BYTES)]


def find_models(path: Path) -> Sequence[str]:
    """Names of the sentencepiece models in a folder: two, one or none."""
    if all(os.path.lexists(path / name) for name in PAIR):
        return PAIR
    return [name for name in SINGLE if os.path.lexists(path / name)][:1]


def pieces_tokenizer(
    contents: Mapping[str, Path],
    vocabularies: Vocabularies,
    special: SpecialTokens,
    *,
    bare: bool,
) -> CheckpointTokenizer:
    """The tokenizer of sentencepiece models and vocabularies of their pieces.

    Args:
        contents: One model, or that of sources and that of targets, by the names they will have.
        vocabularies: Of the translation model.
        special: Ids with a meaning of their own.
        bare: Whether sources end without the end token.

    Raises:
        CheckpointError: A model is damaged, or makes other pieces than the vocabularies have.
    """
    models = [*contents]
    tables = {f"{SOURCE}.json": vocabularies.sources}
    if not vocabularies.is_shared:
        tables[f"{TARGET}.json"] = vocabularies.targets
    problems = [
        *_unlike(contents[models[0]], vocabularies.sources),
        *_unlike(contents[models[-1]], vocabularies.targets),
    ]
    if problems:
        raise CheckpointError.listing(
            "the tokenizer beside the model is another one's:", list(dict.fromkeys(problems))
        )
    steering = {special.end_id, special.decoder_start_id, special.unknown_id}
    always = {special.end_id, special.unknown_id} if not vocabularies.is_shared else steering
    files = TokenizerFiles(
        kind="sentencepiece",
        source_model_path=models[0],
        target_model_path=models[-1],
        vocabulary_path=f"{SOURCE}.json",
        target_vocabulary_path="" if vocabularies.is_shared else f"{TARGET}.json",
        control_ids=sorted(steering_ids(vocabularies.sources) - always),
        hidden_ids=sorted(steering_ids(vocabularies.targets) - steering),
        bare_sources=bare,
    )
    written = {
        name: json.dumps(numbered(tokens), ensure_ascii=False) for name, tokens in tables.items()
    }
    steered = {
        tokens[number]
        for tokens in (vocabularies.sources, vocabularies.targets)
        for number in steering_ids(tokens)
    }
    safe = {name: text_model(model, steered) for name, model in contents.items()}
    return CheckpointTokenizer({**safe, **written}, files, special)


def _unlike(model: Path, tokens: Sequence[str]) -> Iterator[str]:
    """A model that makes pieces which the vocabulary does not have is of another."""
    try:
        pieces = SentencePieceProcessor(model_file=str(model))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{model} is no sentencepiece file: {error}") from error
    ordinary = {
        pieces.id_to_piece(number)
        for number in range(pieces.get_piece_size())
        if not (pieces.is_control(number) or pieces.is_unknown(number) or pieces.is_byte(number))
    }
    known = len(ordinary.intersection(tokens))
    if known < LEAST_KNOWN * len(ordinary):
        yield f"the vocabulary has {known} of the {len(ordinary)} pieces of {model}"


class _Library(NamedTuple):
    """A tokenizer.json that has the tokens of a vocabulary."""

    path: Path
    definition: dict[str, Any]
    tokenizer_itself: Tokenizer
    size: int

    @classmethod
    def read(cls, path: Path, vocabularies: Vocabularies) -> "_Library":
        """Raises CheckpointError where it is damaged, or has other ids than the vocabulary."""
        if not vocabularies.is_shared:
            raise CheckpointError(
                f"{path} has one vocabulary and the model two; put {' and '.join(PAIR)} beside it"
            )
        definition = read_settings(path)
        try:
            itself = Tokenizer.from_str(json.dumps(definition))
        except Exception as error:  # the library raises nothing more precise
            raise CheckpointError(f"{path} is no tokenizer.json: {error}") from error
        tokens, names = vocabularies.sources, itself.get_vocab(with_added_tokens=True)
        problems = [
            f"{token!r} is {number} there and {tokens[number]!r} has that id in the vocabulary"
            for token, number in sorted(names.items(), key=lambda item: item[1])
            if number < len(tokens) and tokens[number] != token
        ]
        if problems:
            raise CheckpointError.listing(f"{path} is another model's tokenizer:", problems)
        return cls(path, definition, itself, len(tokens))

    def tokenizer(self, special: SpecialTokens, *, bare: bool) -> CheckpointTokenizer:
        """Without what no text may yield."""
        vocabulary = self.tokenizer_itself.get_vocab(with_added_tokens=True)
        tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
        numbers = [vocabulary[token] for token in tokens]
        named = {numbers[place] for place in steering_ids(tokens)}
        added = {token["id"] for token in self.definition["added_tokens"] if token["special"]}
        steering = {special.end_id, special.decoder_start_id, special.unknown_id}
        outside = {number for number in numbers if number >= self.size}
        hidden = added | named
        unreachable = hidden | steering | {*special.suppressed_ids} | outside
        return CheckpointTokenizer(
            {LIBRARY: json.dumps(without(self.definition, unreachable), ensure_ascii=False)},
            TokenizerFiles(
                kind="tokenizers",
                source_model_path=LIBRARY,
                target_model_path=LIBRARY,
                control_ids=sorted(i for i in unreachable - steering if i < self.size),
                hidden_ids=sorted(i for i in hidden - steering if i < self.size),
                bare_sources=bare,
            ),
            special,
        )

    def begins_with(self, end_id: int) -> tuple[int, ...]:
        """What it puts before every text.

        Raises:
            CheckpointError: It puts something after the end token.
        """
        plain = self.tokenizer_itself.encode("a", add_special_tokens=False).ids
        whole = self.tokenizer_itself.encode("a", add_special_tokens=True).ids
        before = next(
            (n for n in range(len(whole)) if plain and whole[n : n + len(plain)] == plain), 0
        )
        after = whole[before + len(plain) :]
        if after not in ([], [end_id]):
            raise CheckpointError(
                f"{self.path} ends texts with the tokens {after}; only the end token, {end_id}, is "
                "supported"
            )
        return tuple(whole[:before])
