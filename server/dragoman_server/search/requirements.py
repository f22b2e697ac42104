"""What one sequence must say, and how far a hypothesis has come with it.

An automaton over tokens: every required sequence that a hypothesis has begun is followed at once,
so that none is missed where several begin alike. Where one is said within another, as "York" in
"New York", the longer one counts and the shorter is still to be said. Knows tokens; knows nothing
of scores, rows or text.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.sequence import RequiredSequence

WordContinuations = Callable[[], NDArray[np.bool_]]
"""Of every token, whether it goes on with the word before it, (vocab,); empty where unknown."""


class _Begun(NamedTuple):
    """A required sequence of which the last tokens of a hypothesis are the beginning."""

    alternative: int
    said: int
    """How many of its tokens."""
    within: int
    """Bits of what was met by these tokens alone."""


class Progress(NamedTuple):
    """How far a hypothesis has come."""

    met: int = 0
    """A bit for each required sequence."""
    begun: tuple[_Begun, ...] = ()
    """Longest first."""
    open: int = 0
    """Bit of what the last token met and the next one undoes if it goes on with the word."""
    is_over: bool = False
    """Whether something was said too often."""


class Left(NamedTuple):
    """What a hypothesis has still to say."""

    missing: int
    """Tokens, at least."""
    bank: int
    """What it is compared by: those with an equal number have said as much. 0 says that all is met;
    an odd number that one more is begun."""
    wanted: tuple[int, ...]
    """Tokens that go on with what is begun or begin what is unmet."""


class _Alternative(NamedTuple):
    tokens: tuple[int, ...]
    kind: int


class Requirements:
    """Of one sequence.

    Args:
        required: What is to be said; equal ones so often.
        continuations: Asked for where a word must end.
    """

    def __init__(
        self, required: tuple[RequiredSequence, ...], continuations: WordContinuations
    ) -> None:
        kinds: dict[RequiredSequence, list[int]] = defaultdict(list)
        for bit, each in enumerate(required):
            kinds[each].append(1 << bit)
        self._kinds = list(kinds)
        self._bits = list(kinds.values())
        self._lengths = [each.length for each in required]
        self._alternatives = [
            _Alternative(tokens, kind)
            for kind, each in enumerate(kinds)
            for tokens in each.alternatives
        ]
        self._left: dict[Progress, Left] = {}  # of what hypotheses have come to
        self._by_first: dict[int, list[_Begun]] = defaultdict(list)
        for index, alternative in enumerate(self._alternatives):
            self._by_first[alternative.tokens[0]].append(_Begun(index, 0, 0))
        has_whole = any(each.is_whole for each in required)
        self._continues = continuations() if has_whole else np.zeros(0, np.bool_)
        self.tokens = sorted({token for each in self._alternatives for token in each.tokens})
        """All that any of them has."""

    def after(self, progress: Progress, token: int) -> Progress:
        """Returns how far a hypothesis has come with one more token."""
        if not (progress.begun or progress.open) and token not in self._by_first:
            return progress  # most tokens are of nothing that is required
        met = progress.met
        if progress.open and token < len(self._continues) and self._continues[token]:
            met &= ~progress.open
        begun: list[_Begun] = []
        ended: _Begun | None = None
        for each in (*progress.begun, *self._by_first.get(token, ())):
            tokens = self._alternatives[each.alternative].tokens
            if tokens[each.said] != token:
                continue
            if each.said + 1 < len(tokens):
                begun.append(each._replace(said=each.said + 1))
            elif ended is None:
                ended = each
        if ended is None:
            return Progress(met, tuple(begun), 0, progress.is_over)
        return self._met(progress, met & ~ended.within, begun, ended)

    def _met(self, progress: Progress, met: int, begun: list[_Begun], ended: _Begun) -> Progress:
        """Returns how far it is now that one has been said; what overlaps it begins anew."""
        kind = self._alternatives[ended.alternative].kind
        bit = next((bit for bit in self._bits[kind] if not met & bit), 0)
        over = progress.is_over or (not bit and self._kinds[kind].is_only)
        still = tuple(
            each._replace(within=each.within | bit) for each in begun if each.said > ended.said
        )
        return Progress(met | bit, still, bit if self._kinds[kind].is_whole else 0, over)

    def left(self, progress: Progress) -> Left:
        """Returns what is left to be said."""
        left = self._left.get(progress)
        if left is None:
            left = self._left[progress] = self._work_out(progress)
        return left

    def _work_out(self, progress: Progress) -> Left:
        unmet = [length for bit, length in enumerate(self._lengths) if not progress.met >> bit & 1]
        saved = max((self._saved(progress, each) for each in progress.begun), default=0)
        begun = [(self._alternatives[each.alternative], each.said) for each in progress.begun]
        begun += [(alternative, 0) for alternative in self._alternatives]
        wanted = {
            alternative.tokens[said]: None
            for alternative, said in begun
            if self._is_unmet(progress, alternative.kind)
        }
        return Left(sum(unmet) - saved, 2 * len(unmet) - bool(saved), tuple(wanted))

    def _saved(self, progress: Progress, each: _Begun) -> int:
        """How many tokens fewer it is to go on with what was begun than to begin anew."""
        alternative = self._alternatives[each.alternative]
        if not self._is_unmet(progress, alternative.kind):
            return 0
        undone = sum(length for bit, length in enumerate(self._lengths) if each.within >> bit & 1)
        still = len(alternative.tokens) - each.said
        return max(0, self._kinds[alternative.kind].length - still - undone)

    def _is_unmet(self, progress: Progress, kind: int) -> bool:
        return any(not progress.met & bit for bit in self._bits[kind])
