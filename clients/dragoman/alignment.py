"""Which word of a translation stands for which word of its source, from attention to tokens.

Words are what is between spaces, each mark of punctuation by itself, and each character of scripts
that write no spaces. Knows spans and weights; does not know where either comes from. It needs
numpy, which a bare client does not have and does not ask for.
"""

import functools
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]
"""Code points of a text: the first, and the one after the last."""

LEAST_SHARE = 0.05
"""Of a target word's attention, that a source word is told with."""

HARD_SHARE = 0.4
"""From which on a source word is one of those that a target word stands for."""

JOINERS = frozenset("'\u2019-\u2010\u2011.,:/@_")
"""Part of a word where they stand between two letters or digits."""

ALONE = (
    ("\u2e80", "\u31ff"),
    ("\u3400", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)
"""Scripts without spaces whose characters are words: Chinese and Japanese."""


class Link(NamedTuple):
    """Two words that stand for each other."""

    source: int
    """Index of the word."""

    target: int
    """Likewise."""

    weight: float
    """Share of the target word's attention that the source word has, 0 to 1."""

    is_hard: bool
    """Whether it is a link where links are to be or not."""


class Side(NamedTuple):
    """A text, cut in two ways."""

    words: Sequence[Span]
    """In their order."""

    tokens: Sequence[Span]
    """A token that is nowhere in the text has an empty span."""


Kind = Literal["space", "letter", "mark", "joiner", "alone"]


def words_of(text: str) -> list[Span]:
    """Returns the words of a text."""
    spans: list[Span] = []
    begin = None
    for place, character in enumerate(text):
        kind = _kind(character)
        if (
            kind == "joiner"
            and begin is not None
            and _kind(text[place + 1 : place + 2]) == "letter"
        ):
            continue
        if kind == "mark" and (begin is not None or (spans and spans[-1][1] == place)):
            if begin is None:
                spans[-1] = (spans[-1][0], place + 1)
            continue
        if kind == "letter":
            begin = place if begin is None else begin
            continue
        if begin is not None:
            spans.append((begin, place))
            begin = None
        if kind != "space":
            spans.append((place, place + 1))
    if begin is not None:
        spans.append((begin, len(text)))
    return spans


@functools.lru_cache(maxsize=4096)
def _kind(character: str) -> Kind:
    if not character or character.isspace():
        return "space"
    if character in JOINERS:
        return "joiner"
    if any(first <= character <= last for first, last in ALONE):
        return "alone"
    category = unicodedata.category(character)
    if category[0] == "M" or category in {"Cf", "Sk"}:
        return "mark"
    return "letter" if category[0] in "LN" else "alone"


def align(weights: NDArray[np.floating], source: Side, target: Side) -> list[Link]:
    """Returns the links of each target word in turn, the heaviest first.

    What is attended to beside words (the end of the source, say) does not count. A word of several
    tokens attends as these do in the mean, and is attended to as they are together.

    Args:
        weights: (target tokens, source tokens), at least 0.
        source: The text.
        target: Its translation.
    """
    shares = _normalised(weights @ _membership(source))  # (target tokens, source words)
    shares = _normalised(_membership(target).T @ shares)  # (target words, source words)
    return [link for word, row in enumerate(shares) for link in _links(word, row)]


def _links(target: int, shares: NDArray[np.floating]) -> Iterator[Link]:
    heaviest = True
    for source in np.argsort(-shares, kind="stable").tolist():
        share = float(shares[source])
        if share < LEAST_SHARE:
            break
        yield Link(source, target, min(share, 1.0), heaviest or share >= HARD_SHARE)
        heaviest = False


def _normalised(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows that sum up to one, or to nothing."""
    sums = rows.sum(axis=1, keepdims=True)
    shares: NDArray[np.floating] = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
    return shares


def _membership(side: Side) -> NDArray[np.float32]:
    """(tokens, words): 1 where a token is of a word, the first one that it has a part of."""
    owners = {at: word for word, span in enumerate(side.words) for at in range(*span)}
    membership = np.zeros((len(side.tokens), len(side.words)), np.float32)
    for token, span in enumerate(side.tokens):
        word = next((owners[at] for at in range(*span) if at in owners), None)
        if word is not None:
            membership[token, word] = 1.0
    return membership
