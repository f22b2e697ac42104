"""What a model can be made to say: a text's target tokens, and those of a word's inflected forms.

Knows a tokenizer. Does not know which texts are wanted, nor how they are decoded.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Protocol

Alternatives = tuple[tuple[int, ...], ...]

BEFORE = "a"
"""A word that stands before a text, so that its tokens are those of the middle of a sentence."""

MOST_FORMS = 24
"""Single tokens that are tried as a word's inflected forms, the shortest ones."""

LONGEST_ENDING = 3
"""Letters by which an inflected form may be longer than the word."""

STEM_KEY = 3
"""Letters by which pieces are looked up."""


class Speaker(Protocol):
    """What is needed of a Tokenizer."""

    def encode_target(self, text: str) -> list[int]:
        """Returns the target tokens of a text, without an end token."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target tokens."""

    def target_pieces(self) -> dict[int, str]:
        """Returns what each target token says, with a space before it where it begins a word."""


class Voice:
    """A model's.

    Args:
        tokenizer: The model's.
        unknown_id: Token that stands for all that it cannot say.
    """

    def __init__(self, tokenizer: Speaker, unknown_id: int) -> None:
        self._tokenizer = tokenizer
        self._unknown_id = unknown_id
        self.say = lru_cache(maxsize=4096)(self._say)
        """Returns the tokens that say a text; none where the model cannot."""
        self.inflect = lru_cache(maxsize=4096)(self._inflect)
        """Returns tokens with which inflected forms of a word begin; none where it cannot."""

    def _say(self, text: str) -> Alternatives:
        first = tuple(self._tokenizer.encode_target(text))
        if not first or self._unknown_id in first or self._tokenizer.decode(first) != text:
            return ()
        before = self._tokenizer.encode_target(BEFORE)
        both = self._tokenizer.encode_target(f"{BEFORE} {text}")
        if both[: len(before)] != before:
            return (first,)
        return tuple(dict.fromkeys((tuple(both[len(before) :]), first)))

    def _inflect(self, word: str) -> Alternatives:
        whole = self._say(word)
        if not whole:
            return ()
        stem = stem_of(word)
        forms = [
            (token,)
            for piece, token in self._by_key.get(stem[:STEM_KEY], ())
            if piece.startswith(stem) and len(piece) <= len(word) + LONGEST_ENDING
        ]
        begun = [self._until(tokens, stem) for tokens in whole]
        return tuple(dict.fromkeys((*begun, *forms[:MOST_FORMS])))

    def _until(self, tokens: tuple[int, ...], stem: str) -> tuple[int, ...]:
        """The first tokens that have the stem, all of them where none fewer do."""
        for count in range(1, len(tokens)):
            if folded(self._tokenizer.decode(tokens[:count])).startswith(stem):
                return tokens[:count]
        return tokens

    @cached_property
    def _by_key(self) -> dict[str, list[tuple[str, int]]]:
        """Pieces that begin a word, by their first letters, shortest first."""
        by_key: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for token, piece in self._tokenizer.target_pieces().items():
            if piece.startswith(" ") and len(piece) > STEM_KEY:
                form = folded(piece[1:])
                by_key[form[:STEM_KEY]].append((form, token))
        for pieces in by_key.values():
            pieces.sort(key=lambda each: len(each[0]))
        return dict(by_key)


def stem_of(word: str) -> str:
    """Returns what all inflected forms of a word begin with, as far as one can tell from letters.

    Of more than four letters the last one may change, of more than six the last two; capitals and
    marks on letters, as in the plural "Häuser" of "Haus", may change too.
    """
    form = folded(word)
    return form[: len(form) - (len(form) > 4) - (len(form) > 6)]  # noqa: PLR2004


def folded(text: str) -> str:
    """Returns a text without capitals and marks on letters."""
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))
