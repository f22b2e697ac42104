"""Lines on their way through a stream: one line in, one line out, or the same number for each.

Knows what is written for a line that fails, and which failures are not about the line. Does not
know the command line or the files.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Protocol

from dragoman.commands.journal import Problem
from dragoman.commands.lines import Line, LineNames, encode_line
from dragoman.commands.output import Output
from dragoman.commands.pharaoh import pharaoh
from dragoman.commands.progress import LineProgress
from dragoman.errors import (
    AuthenticationError,
    DragomanError,
    InvalidArgumentError,
    NotFoundError,
)
from dragoman.results import FinishReason, StreamResult

Translate = Callable[[Iterator[str], int], Generator[StreamResult, None, None]]
"""Makes results of texts, given the index of the first of them in the whole input."""


class Names(Protocol):
    """What is translated, by its number from 1, as messages call it."""

    @property
    def noun(self) -> str:
        """All of it."""

    def one(self, number: int) -> str:
        """A single one."""

    def many(self, numbers: Iterable[int]) -> str:
        """Some."""


class LineJob:
    """Lines on their way from the input to the output, and what became of them."""

    def __init__(
        self,
        lines: Iterable[Line],
        output: Output,
        progress: LineProgress,
        *,
        num_hypotheses: int = 1,
        alignments: bool = False,
        confidence: bool = False,
        names: Names | None = None,
    ) -> None:
        self._lines = lines
        self._alignments = alignments
        self._confidence = confidence
        self._num_hypotheses = num_hypotheses
        self._output = output
        self._names: Names = names or LineNames()
        self._progress = progress
        self._unsent: dict[int, str] = {}  # lines that cannot be sent, by their number
        self._done = output.earlier.done
        self._problems = dict(output.earlier.problems)

    def run(self, translate: Translate) -> None:
        """Writes a line for each of the input, or one for each hypothesis.

        Raises:
            DragomanError, OSError, KeyboardInterrupt: The job cannot go on; what is written is
                whole lines, and it is said how many, and where they are.
        """
        try:
            first = self._done
            with closing(translate(self._texts(first), first)) as results:
                for result in results:
                    self._write(result, first + result.index + 1)
            self._output.finish()
        except BaseException as error:
            self._leave(error)
            raise

    def _texts(self, first: int) -> Iterator[str]:
        """Yields what is sent; a line that cannot be sent keeps its place as an empty text."""
        for number, line in enumerate(islice(self._lines, first, None), start=first + 1):
            if line.problem:
                self._unsent[number] = line.problem
            yield line.text

    def _write(self, result: StreamResult, number: int) -> None:
        texts, problem = self._outcome(result, number)
        if problem:
            self._problems[number] = problem
        self._output.write([encode_line(text) for text in texts], number, problem)
        self._done = number
        self._progress.update(number)

    def _leave(self, error: BaseException) -> None:
        how_to_go_on = self._output.leave()
        if how_to_go_on:
            self._say(f"stopped after {self._done:,} {self._names.noun}; {how_to_go_on}")
        elif self._done and isinstance(error, DragomanError):
            self._say(f"stopped after {self._done:,} lines, which are written")

    def report(self) -> int:
        """Says what is not as it should be, and returns how many lines failed."""
        cut = [number for number, problem in self._problems.items() if problem == "cut"]
        failed = len(self._problems) - len(cut)
        if cut:
            self._say(
                f"{len(cut):,} of {self._done:,} translations reached the maximum decoding "
                f"length and lack their end: {self._names.many(cut)}"
            )
        if failed:
            self._say(f"{failed:,} of {self._done:,} {self._names.noun} failed")
        return failed

    def _outcome(self, result: StreamResult, number: int) -> tuple[list[str], Problem | None]:
        """Returns what is written for a line, always as many lines, and what is wrong with it."""
        problem = self._unsent.pop(number, "")
        if result.error is not None and spoils_every_line(result.error):
            raise result.error
        if problem or result.error is not None:
            self._say(f"{self._names.one(number)}: {problem or _told(result.error)}")
            return [""] * self._num_hypotheses, "failed"
        for warning in result.translation.warnings:
            self._say(f"{self._names.one(number)}: {warning.message}")
        cut = result.translation.finish_reason is FinishReason.LENGTH
        texts = [hypothesis.translated_text for hypothesis in result.translation.hypotheses]
        if self._num_hypotheses == 1:
            texts = ["\t".join(self._columns(result))]
        lines = texts + [""] * (self._num_hypotheses - len(texts))
        return lines, "cut" if cut else None

    def _columns(self, result: StreamResult) -> Iterator[str]:
        """Yields a translation and what is told of it."""
        yield result.translation.translated_text
        if self._alignments:
            yield pharaoh(result.text, result.translation)
        if self._confidence:
            sure = result.translation.confidence
            yield "" if sure is None else f"{sure:.3f}"

    def _say(self, message: str) -> None:
        self._progress.say(f"dragoman translate: {message}")


def _told(error: DragomanError | None) -> str:
    """Returns what is said of an error, and which flag helps."""
    if error is not None and error.reason == "TOO_MANY_CODE_POINTS":
        return f"{error}; --document takes texts of any length"
    return str(error)


def spoils_every_line(error: DragomanError) -> bool:
    """Whether it is about what all lines have in common: the options, or the credentials."""
    if isinstance(error, InvalidArgumentError):
        fields = [violation.field for violation in error.violations]
        return bool(fields) and not any(_is_the_text(field) for field in fields)
    return isinstance(error, NotFoundError | AuthenticationError)


def _is_the_text(field: str) -> bool:
    return field.startswith(("content", "texts["))
