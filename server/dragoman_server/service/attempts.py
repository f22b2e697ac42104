"""Has the pieces of a request decoded; those that are not as they must be are decoded once more.

Each is tried as it is asked for. Where it is not what is expected, as it lacks something or has a
fault, it is tried with other options while there is time, and the better of the two is what comes
of it. Knows what more may be asked of engines. Does not know texts, nor what is expected.
"""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import NamedTuple

from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.errors import DeadlineError, OverloadError, UnavailableError
from dragoman_server.sequence import Completion, Hypothesis, TranslationOptions
from dragoman_server.service.account import Usage
from dragoman_server.service.decoding import Decoding, Way
from dragoman_server.service.expectations import Asked, Expectations, Verdict
from dragoman_server.service.progress import Progress
from dragoman_server.service.remedies import said_again
from dragoman_server.service.text_queue import TextQueue

PIECES_AT_ONCE = 32
"""Looked at before others have their turn on the event loop."""

TIME_SHARE = 0.9
"""Of the time that is left, that more than a first attempt may take: an answer is to be in time."""

_TOO_BUSY = (OverloadError, DeadlineError, UnavailableError, TimeoutError)
"""No room, time or engine is left: what can be done without goes without."""


class _Try(NamedTuple):
    """What became of a piece, and what there is to say of that."""

    completion: Completion
    verdict: Verdict


class Attempts:
    """At the pieces of one model's texts.

    Args:
        engine: Decodes them.
        most_pieces: Of a call, that may be with the engine at a time: 2 or more.
        clock: Seconds, monotonic; the engine's.
    """

    def __init__(
        self,
        engine: TextQueue,
        *,
        most_pieces: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decoding = Decoding(engine, most_pieces)
        self._clock = clock
        self._unfinished = 0

    @property
    def is_preparing(self) -> bool:
        """Whether the engine may still get pieces of a call that is here."""
        return self._unfinished > 0 or self._decoding.is_preparing

    def decode(
        self,
        asked: Asked,
        expectations: Expectations | None,
        limit: TimeLimit,
        sender: Sender,
        *,
        usage: Usage | None,
        progress: Progress | None,
    ) -> Coroutine[None, None, list[Completion]]:
        """Returns what becomes of the pieces; an error, or nobody waiting, takes all of them back.

        Args:
            asked: The pieces.
            expectations: Of them; told what stays wrong. None where nothing is expected.
            limit: When they are due, the second attempts too.
            sender: Whose they are.
            usage: Told what they take, where somebody wants to know.
            progress: Told of the first attempts.
        """
        way = Way(limit, sender, usage)
        if expectations is None:
            return self._decoding.once(asked, way, progress)
        return self._twice(asked, expectations, way, progress)

    async def _twice(
        self, asked: Asked, expectations: Expectations, way: Way, progress: Progress | None
    ) -> list[Completion]:
        self._unfinished += 1
        try:
            finished = await self._decoding.once(asked, way, progress)
            tried = await self._looked_at(
                asked, expectations, {i: finished[i] for i in expectations.pieces}, way
            )
            wrong = {i: each for i, each in tried.items() if each.verdict.weight}
            mended = await self._again(asked, expectations, wrong, way) if wrong else {}
            expectations.ended(
                {i: each.verdict for i, each in wrong.items()},
                {i: each.verdict for i, each in mended.items()},
            )
            for index, better in mended.items():
                finished[index] = better.completion
        finally:
            self._unfinished -= 1
        return finished

    async def _again(
        self, asked: Asked, expectations: Expectations, wrong: Mapping[int, _Try], way: Way
    ) -> dict[int, _Try]:
        """Tries pieces once more; returns those that are better now."""
        options = {
            index: options
            for index, each in wrong.items()
            if (options := expectations.again(index, each.verdict)) is not None
        }
        try:
            found = await self._more(_part(asked, options), way)
            picked: dict[int, Completion] = {}
            for index, completion in zip(options, found, strict=True):
                await _give_way(len(picked))
                picked[index] = _picked(asked, expectations, index, completion)
            tried = await self._looked_at(asked, expectations, picked, way)
            better = {i: e for i, e in tried.items() if e.verdict.weight < wrong[i].verdict.weight}
            return await self._explained(asked, better, way)
        except _TOO_BUSY:
            return {}

    async def _looked_at(
        self,
        asked: Asked,
        expectations: Expectations,
        said: Mapping[int, Completion],
        way: Way,
    ) -> dict[int, _Try]:
        """Returns what there is to say of what pieces say, what it lacks of the source included."""
        tried: dict[int, _Try] = {}
        doubtful: dict[int, Completion] = {}
        for index, completion in said.items():
            await _give_way(len(tried))
            token_ids = completion.token_ids
            tried[index] = _Try(completion, expectations.verdict(index, token_ids))
            if expectations.may_lack(index, token_ids):
                doubtful[index] = completion
        try:
            aligned = await self._aligned(asked, doubtful, way)
        except _TOO_BUSY:
            return tried
        for index, completion in aligned.items():
            if (fault := expectations.lost(index, completion)) is not None:
                tried[index] = _Try(said[index], tried[index].verdict.with_fault(fault))
        return tried

    async def _explained(self, asked: Asked, better: dict[int, _Try], way: Way) -> dict[int, _Try]:
        """Aligns what is answered in place of what was aligned, where that was asked for."""
        bare = {
            index: each.completion
            for index, each in better.items()
            if asked.options[index].return_alignment and each.completion.attention is None
        }
        aligned = await self._aligned(asked, bare, way)
        return {i: e._replace(completion=aligned.get(i, e.completion)) for i, e in better.items()}

    async def _aligned(
        self, asked: Asked, said: Mapping[int, Completion], way: Way
    ) -> dict[int, Completion]:
        """Returns what pieces say with its alignment, for which those say it again that have none.

        They run in the batch like all others, and are passed over when they have ended.
        """
        bare = {
            index: said_again(asked.options[index], completion.token_ids)
            for index, completion in said.items()
            if completion.attention is None or completion.attention.alignment is None
        }
        found = await self._more(_part(asked, bare), way)
        again = {
            i: said[i]._replace(attention=e.attention) for i, e in zip(bare, found, strict=True)
        }
        return {**said, **again}

    async def _more(self, asked: Asked, way: Way) -> list[Completion]:
        """Decodes what can be done without; raises one of _TOO_BUSY where it is."""
        if not asked.source_ids:
            return []
        left = (way.limit.due - self._clock()) * TIME_SHARE
        async with asyncio.timeout(left if math.isfinite(left) else None):
            return await self._decoding.once(asked, way)


def _part(asked: Asked, options: Mapping[int, TranslationOptions]) -> Asked:
    """Returns some of the pieces, to be decoded with these options."""
    return Asked([asked.source_ids[index] for index in options], list(options.values()), {})


def _picked(
    asked: Asked, expectations: Expectations, index: int, completion: Completion
) -> Completion:
    """Returns the best of what a second attempt has found, as its request asks for it."""
    wanted = asked.options[index]
    found = completion.hypotheses
    if not found:
        return completion
    best = found[0]
    if len(found) > wanted.num_hypotheses and not wanted.return_attention:
        best = min(found, key=lambda each: expectations.verdict(index, each.token_ids).weight)
    return _completion(best, completion, wanted.num_hypotheses)


def _completion(best: Hypothesis, completion: Completion, count: int) -> Completion:
    """Returns a completion whose best hypothesis is another, with so many of the hypotheses."""
    others = [each for each in completion.hypotheses if each is not best]
    return completion._replace(
        token_ids=best.token_ids,
        finish_reason=best.finish_reason,
        score=best.score,
        token_scores=best.token_scores,
        hypotheses=(best, *others)[:count] if count > 1 else (),
        attention=completion.attention if best is completion.hypotheses[0] else None,
    )


async def _give_way(count: int) -> None:
    """Lets others have their turn on the event loop, after so many pieces."""
    if count % PIECES_AT_ONCE == PIECES_AT_ONCE - 1:
        await asyncio.sleep(0)
