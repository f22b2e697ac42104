"""What the pieces of a request must be, how far they are, and how they get there.

Two things make pieces wrong: they lack what they must have, such as what stands for a placeholder,
or a guard finds a fault in them. Knows marks, the guard and tokens. Does not know engines, nor who
tells callers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from dragoman_server.quality import Fault, Reason
from dragoman_server.sequence import Completion, TranslationOptions
from dragoman_server.service.guarding import Guard
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import SplitText
from dragoman_server.service.remedies import remedied, with_required
from dragoman_server.service.sources import Source
from dragoman_server.terminology import Marked


class Asked(NamedTuple):
    """What the engines are asked for: the pieces of all texts of a request, in order."""

    source_ids: list[list[int]]
    options: list[TranslationOptions]
    marks: dict[int, Marked]
    """What pieces must have, by their indices; most requests have none."""


class Verdict(NamedTuple):
    """How far a piece is from what it must be."""

    missing: int = 0
    """How often it lacks something that it must have, or has it twice."""
    faults: tuple[Fault, ...] = ()
    """What the guard says."""

    @property
    def weight(self) -> int:
        """Nothing where it is as it must be; the smaller the better."""
        return self.missing + sum(fault.severity for fault in self.faults)

    def with_fault(self, fault: Fault) -> "Verdict":
        """Returns the same with one more."""
        return self._replace(faults=(*self.faults, fault))


class Expectations:
    """Of the pieces of one request.

    Args:
        asked: The pieces.
        decode: Returns the text of target tokens.
        forced: Tokens that targets begin with and that are no part of their texts.
        most_beams: Widest beam.
        guard: Finds faults; None where nobody asks for it.
        texts: Of the pieces as the model is given them, where there is a guard.

    Attributes:
        remaining: What the guard says of the pieces that stayed wrong.
        found: Faults that it found at first, and whether a second attempt was without it.
    """

    def __init__(
        self,
        asked: Asked,
        decode: Callable[[list[int]], str],
        forced: int,
        most_beams: int,
        *,
        guard: Guard | None = None,
        texts: Sequence[str] = (),
    ) -> None:
        self._asked = asked
        self._decode = decode
        self._forced = forced
        self._most_beams = most_beams
        self._guard = guard
        self._texts = texts
        self.remaining: dict[int, tuple[Fault, ...]] = {}
        self.found: list[tuple[Reason, bool]] = []

    @property
    def pieces(self) -> Iterable[int]:
        """Indices of the pieces of which something is expected."""
        return self._asked.marks if self._guard is None else range(len(self._asked.source_ids))

    def verdict(self, index: int, token_ids: list[int]) -> Verdict:
        """Returns what there is to say of a piece that says this."""
        said = self._decode(token_ids[self._forced :])
        marked = self._asked.marks.get(index)
        missing = 0 if marked is None else marked.faults(said)
        if self._guard is None or (marked is not None and marked.as_it_is is not None):
            return Verdict(missing)
        return Verdict(missing, self._guard.faults(*self._judged(index, token_ids), said))

    def may_lack(self, index: int, token_ids: list[int]) -> bool:
        """Whether it is worth its while to align what a piece says with its source."""
        if self._guard is None or len(token_ids) == self._forced:
            return False
        _, source_ids, target_ids = self._judged(index, token_ids)
        return self._guard.may_lack(len(source_ids), len(target_ids))

    def lost(self, index: int, completion: Completion) -> Fault | None:
        """Returns what a piece lacks of its source, by its alignment."""
        if self._guard is None or completion.attention is None:
            return None
        weights = completion.attention.alignment
        if weights is None:
            return None
        text, _, target_ids = self._judged(index, completion.token_ids)
        return self._guard.lost(text, target_ids, weights[self._forced :])

    def again(self, index: int, verdict: Verdict) -> TranslationOptions | None:
        """Returns how a piece is decoded once more; None where that is of no use."""
        options = before = self._asked.options[index]
        if verdict.missing:
            required = self._asked.marks[index].required()
            room = options.max_decoding_length - len(options.target_prefix)
            if required and sum(each.length for each in required) <= room:
                options = with_required(options, required, self._most_beams)
        if self._guard is not None and self._guard.mends and verdict.faults:
            source_length = len(self._judged(index, [])[1])
            reasons = {fault.reason for fault in verdict.faults}
            norm = self._guard.norm
            options = remedied(options, reasons, norm, source_length, self._most_beams)
        return None if options is before else options

    def ended(self, wrong: Mapping[int, Verdict], mended: Mapping[int, Verdict]) -> None:
        """All pieces are as good as they get.

        Args:
            wrong: What there was to say of those that were not as they must be at first.
            mended: What there is to say of those that became better.
        """
        last = {index: mended.get(index, verdict) for index, verdict in wrong.items()}
        self.found = [
            (fault.reason, all(fault.reason != other.reason for other in last[index].faults))
            for index, verdict in wrong.items()
            for fault in verdict.faults
        ]
        self.remaining = {index: each.faults for index, each in last.items() if each.faults}

    def _judged(self, index: int, token_ids: list[int]) -> tuple[str, list[int], list[int]]:
        """Returns a piece's text, and the tokens of it and of what it says that are of texts."""
        assert self._guard is not None
        source_ids = self._guard.of_text(self._asked.source_ids[index])
        return self._texts[index], source_ids, token_ids[self._forced :]


def asked_for(sources: list[Source], order: Order) -> Asked:
    """Returns what the engines are asked for: source tokens, and how each is decoded."""
    submitted: list[list[int]] = []
    options: list[TranslationOptions] = []
    marks: dict[int, Marked] = {}
    for index, source in enumerate(sources):
        if isinstance(source, SplitText):
            for number, (_, ids, marked) in enumerate(source.pieces):
                if marked is not None:
                    marks[len(submitted)] = marked
                submitted.append(ids)
                options.append(order.options.of_text(index, source_length=len(ids), piece=number))
        elif source:
            submitted.append(source)
            options.append(order.options.of_text(index, source_length=len(source)))
    return Asked(submitted, options, marks)
