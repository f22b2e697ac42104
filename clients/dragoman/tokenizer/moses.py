"""Text to token ids and back by Moses and subword-nmt, as WMT19's models and fairseq have it.

Moses cuts a text into words, merges cut a word into subwords, a vocabulary for each side gives the
ids. Knows what a bundle says of its tokenizer; does not know models or checkpoints.
"""

import html
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from dragoman.tokenizer.moses_words import Joiner, Splitter
from dragoman.tokenizer.pieces import read_ids
from dragoman.tokenizer.spans import NOWHERE, Span, locate
from dragoman.tokenizer.subwords import END_OF_WORD, Merges, read_merges
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles

MOST_WORDS = 2**15
"""Words whose ids are remembered."""

LONGEST_WORD = 64
"""Characters of a word that is worth it."""

SPLIT_DASH = {"@-@": "-"}
"""A dash within a word, and what it is in a text."""


class MosesTokenizer:
    """Words of Moses, subwords of merges, and a vocabulary or two.

    What steers the model is never in a text: "</s>" is cut like any other text.
    """

    def __init__(self, directory: Path, files: TokenizerFiles, special: SpecialTokens) -> None:
        """Reads the files.

        Args:
            directory: What the paths are relative to.
            files: What a bundle says of its tokenizer.
            special: Ids with a meaning of their own.

        Raises:
            OSError, ValueError: A file is missing or damaged.
        """
        told = files.moses
        vocabulary = read_ids(directory / files.vocabulary_path)
        targets = vocabulary
        if files.target_vocabulary_path:
            targets = read_ids(directory / files.target_vocabulary_path)
        merges = read_merges(directory / files.source_model_path)
        target_merges = merges
        if files.target_model_path != files.source_model_path:
            target_merges = read_merges(directory / files.target_model_path)
        steering = {special.end_id, special.decoder_start_id, *special.suppressed_ids}
        controls = {special.end_id, *files.control_ids}
        if not files.target_vocabulary_path:
            steering = controls = steering | controls
        self._end_id = special.end_id
        self._source, self._target = (
            _Side(
                Splitter(
                    language,
                    normalize_punctuation=told.normalize_punctuation,
                    lower_case=told.lower_case,
                ),
                merges_of_side,
                {piece: i for piece, i in ids.items() if i not in unreachable},
                special.unknown_id,
            )
            for language, merges_of_side, ids, unreachable in (
                (told.source_language, merges, vocabulary, controls),
                (told.target_language, target_merges, targets, steering),
            )
        )
        hidden = {special.end_id, special.decoder_start_id, special.unknown_id, *files.hidden_ids}
        self._shown = _shown(targets, hidden)
        self._joiner = Joiner(told.target_language)
        self._lower_case = told.lower_case
        self._source_names = {i: piece for piece, i in vocabulary.items()}
        self._target_names = {i: piece for piece, i in targets.items()}

    def encode(self, text: str) -> list[int]:
        """Returns the source token ids of `text`, ending with the end token."""
        return [*self._source.encode(text), self._end_id]

    def encode_target(self, text: str) -> list[int]:
        """Returns the target token ids of `text`, without an end token."""
        return self._target.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target `token_ids`.

        Special tokens, the unknown one among them, and ids that no piece has give no text.
        """
        shown = self._shown
        return self._joiner.join("".join(shown[i] for i in token_ids if i in shown).split())

    def target_pieces(self) -> dict[int, str]:
        """Returns nothing: subwords tell where a word ends, not where it begins."""
        return {}

    def source_spans(self, text: str) -> list[Span]:
        """Returns where in `text` each token of `encode(text)` stands; the end token is nowhere."""
        lowered = text.lower() if self._lower_case else text
        known = lowered if len(lowered) == len(text) else text
        return [*locate(known, _surfaces(self._source.pieces(text))), NOWHERE]

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """Returns where each token stands in `decode(token_ids)`."""
        surfaces = _surfaces(self._shown.get(i, "") for i in token_ids)
        return locate(self.decode(token_ids), surfaces)

    def source_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns the names of source tokens, as the vocabulary has them."""
        return [self._source_names.get(i, f"<{i}>") for i in token_ids]

    def target_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns those of target tokens."""
        return [self._target_names.get(i, f"<{i}>") for i in token_ids]


class _Side:
    """How texts of sources, or of targets, become ids."""

    def __init__(
        self, splitter: Splitter, merges: Merges, ids: dict[str, int], unknown_id: int
    ) -> None:
        self._splitter = splitter
        self._merges = merges
        self._ids = ids
        self._unknown_id = unknown_id
        self._remembered = lru_cache(MOST_WORDS)(self._cut)

    def encode(self, text: str) -> list[int]:
        token_ids: list[int] = []
        for word in self._splitter.split(text):
            token_ids += self._remembered(word) if len(word) <= LONGEST_WORD else self._cut(word)
        return token_ids

    def pieces(self, text: str) -> list[str]:
        """Returns what the tokens are of, the end of a word as a space."""
        words = self._splitter.split(text)
        return [
            piece.replace(END_OF_WORD, " ") for word in words for piece in self._merges.split(word)
        ]

    def _cut(self, word: str) -> tuple[int, ...]:
        ids, unknown_id = self._ids, self._unknown_id
        return tuple(ids.get(piece, unknown_id) for piece in self._merges.split(word))


def _surfaces(pieces: Iterable[str]) -> list[str]:
    """What pieces are in a text, where they are words: as Moses writes them it is escaped."""
    return [SPLIT_DASH.get(piece.strip(), html.unescape(piece)) for piece in pieces]


def _shown(vocabulary: dict[str, int], hidden: Collection[int]) -> dict[int, str]:
    """What each id adds to a text of words with spaces between them."""
    return {
        i: piece.replace(" ", "").replace(END_OF_WORD, " ")
        for piece, i in vocabulary.items()
        if i not in hidden
    }
