"""Has the pieces of a request decoded; those that lack what they must have are decoded once more.

Each is tried as it is asked for. What it must say, such as what stands for a placeholder, and does
not is required the second time, and the better of the two is what comes of it. Knows engines and
what pieces must have. Does not know texts.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import NamedTuple

from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.errors import DeadlineError, OverloadError, UnavailableError
from dragoman_server.sequence import Completion, RequiredSequence, TranslationOptions
from dragoman_server.service.account import Usage
from dragoman_server.service.progress import Progress
from dragoman_server.service.text_queue import TextQueue
from dragoman_server.service.windows import in_windows
from dragoman_server.terminology import Marked

FEWEST_BEAMS, BEAMS_EACH = 4, 2
"""A piece that must say something is a beam at least so wide, and so much wider for each thing."""

PIECES_AT_ONCE = 32
"""Looked at before others have their turn on the event loop."""


class Asked(NamedTuple):
    """What the engines are asked for: the pieces of all texts of a request, in order."""

    source_ids: list[list[int]]
    options: list[TranslationOptions]
    marks: dict[int, Marked]
    """What pieces must have, by their indices; most requests have none."""


class Attempts:
    """At the pieces of one model's texts.

    Args:
        engine: Decodes them.
        decode: Returns the text of target tokens.
        most_pieces: Of a call, that may be with the engine at a time: 2 or more.
        most_beams: Widest beam.
    """

    def __init__(
        self,
        engine: TextQueue,
        decode: Callable[[list[int]], str],
        *,
        most_pieces: int,
        most_beams: int,
    ) -> None:
        self._engine = engine
        self._decode = decode
        self._most_pieces = most_pieces
        self._most_beams = most_beams
        self._unfinished = 0

    @property
    def is_preparing(self) -> bool:
        """Whether the engine may still get pieces of a call that is here."""
        return self._unfinished > 0

    def decode(
        self,
        asked: Asked,
        forced: int,
        limit: TimeLimit,
        sender: Sender,
        *,
        usage: Usage | None,
        progress: Progress | None,
    ) -> Coroutine[None, None, list[Completion]]:
        """Returns what becomes of the pieces; an error, or nobody waiting, takes all of them back.

        Args:
            asked: The pieces.
            forced: Tokens that targets begin with and that are no part of their texts.
            limit: When they are due, the second attempts too.
            sender: Whose they are.
            usage: Told what they take, where somebody wants to know.
            progress: Told of the first attempts.
        """
        if not asked.marks:
            return self._once(asked, limit, sender, usage=usage, progress=progress)
        return self._twice(asked, forced, limit, sender, usage=usage, progress=progress)

    async def _twice(
        self,
        asked: Asked,
        forced: int,
        limit: TimeLimit,
        sender: Sender,
        *,
        usage: Usage | None,
        progress: Progress | None,
    ) -> list[Completion]:
        self._unfinished += 1
        try:
            finished = await self._once(asked, limit, sender, usage=usage, progress=progress)
            faults = await self._faults(asked, finished, forced)
            again = self._required(asked, faults)
            if again:
                wanted = Asked([asked.source_ids[i] for i in again], list(again.values()), {})
                try:
                    found = await self._once(wanted, limit, sender, usage=usage)
                except (OverloadError, DeadlineError, UnavailableError):
                    return finished  # no room, time or engine is left: it goes without
                for index, new in zip(again, found, strict=True):
                    if self._faults_of(asked.marks[index], new, forced) < faults[index]:
                        finished[index] = new
        finally:
            self._unfinished -= 1
        return finished

    async def _once(
        self,
        asked: Asked,
        limit: TimeLimit,
        sender: Sender,
        *,
        usage: Usage | None,
        progress: Progress | None = None,
    ) -> list[Completion]:
        source_ids, options = asked.source_ids, asked.options
        if usage is not None:
            usage.submit(source_ids, options)
        wants_timing = usage is not None and usage.is_timed

        def submit(begin: int, end: int) -> list[asyncio.Future[Completion]]:
            report = None if progress is None else functools.partial(_report, progress, begin)
            futures = self._engine.submit(
                source_ids[begin:end],
                options[begin:end],
                report,
                limit,
                sender,
                wants_timing=wants_timing,
            )
            if progress is not None:
                progress.expect(begin, futures)
            return futures

        finished = await self._finished(submit, len(source_ids))
        if usage is not None:
            usage.finish(finished)
        return finished

    async def _finished(
        self, submit: Callable[[int, int], list[asyncio.Future[Completion]]], count: int
    ) -> list[Completion]:
        """Waits for what is submitted, in windows where it is more than a call may have there."""
        if not count:
            return []
        if count > self._most_pieces:
            self._unfinished += 1
            try:
                return await in_windows(submit, count, self._most_pieces)
            finally:
                self._unfinished -= 1
        futures = submit(0, count)
        try:
            return [await futures[0]] if count == 1 else await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()

    async def _faults(
        self, asked: Asked, finished: list[Completion], forced: int
    ) -> dict[int, int]:
        """Returns how much the pieces lack that lack anything, by their indices."""
        faults = {}
        for number, (index, marked) in enumerate(asked.marks.items()):
            if number % PIECES_AT_ONCE == PIECES_AT_ONCE - 1:
                await asyncio.sleep(0)
            if count := self._faults_of(marked, finished[index], forced):
                faults[index] = count
        return faults

    def _faults_of(self, marked: Marked, completion: Completion, forced: int) -> int:
        return marked.faults(self._decode(completion.token_ids[forced:]))

    def _required(self, asked: Asked, faults: dict[int, int]) -> dict[int, TranslationOptions]:
        """Returns how pieces are decoded with all that they must say, where it has room."""
        again = {}
        for index in faults:
            options = asked.options[index]
            required = asked.marks[index].required()
            room = options.max_decoding_length - len(options.target_prefix)
            if required and sum(each.length for each in required) <= room:
                again[index] = _with_required(options, required, self._most_beams)
        return again


def _with_required(
    options: TranslationOptions, required: tuple[RequiredSequence, ...], most_beams: int
) -> TranslationOptions:
    """Returns options that require something; nothing is drawn then, as beams never are."""
    beams = min(most_beams, FEWEST_BEAMS + BEAMS_EACH * len(required))
    return replace(
        options,
        required_sequences=required,
        beam_size=max(options.beam_size, beams),
        sampling_topk=1,
        sampling_topp=1.0,
        sampling_temperature=1.0,
        seed=None,
    )


def _report(progress: Progress, begin: int, index: int, token_ids: list[int]) -> None:
    """Tells of a piece of those that were submitted from `begin` on."""
    progress.report(begin + index, token_ids)
