"""Where the words of a text are in another that has some of them changed.

Knows words. Does not know why texts differ: for the most part they are the same.
"""

from difflib import SequenceMatcher

from dragoman.alignment import words_of


class Relocation:
    """From one text to another.

    Args:
        given: A text.
        other: The same with some words in place of others, which may be more or fewer.
    """

    def __init__(self, given: str, other: str) -> None:
        before, after = words_of(given), words_of(other)
        self._places: dict[int, tuple[int, int]] = {}
        matcher = SequenceMatcher(
            None,
            [given[begin:end] for begin, end in before],
            [other[begin:end] for begin, end in after],
            autojunk=False,
        )
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag == "equal":
                for (begin, _), place in zip(before[i1:i2], after[j1:j2], strict=True):
                    self._places[begin] = place
            elif tag == "replace":  # all of the one stand for all of the other
                place = after[j1][0], after[j2 - 1][1]
                self._places.update((begin, place) for begin, _ in before[i1:i2])

    def of(self, begin: int) -> tuple[int, int] | None:
        """Returns where the word that begins there is in the other text; None where it is not."""
        return self._places.get(begin)
