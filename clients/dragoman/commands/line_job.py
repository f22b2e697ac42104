"""Lines on their way through a stream: one line in, one line out, or the same number for each.

Knows what is written for a line that fails, and which failures are not about the line. Does not
know the command line or the files.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

from dragoman.commands.lines import Line, encode_line, shorten
from dragoman.commands.progress import LineProgress
from dragoman.errors import (
    AuthenticationError,
    DragomanError,
    InvalidArgumentError,
    NotFoundError,
)
from dragoman.results import FinishReason, StreamResult


class LineJob:
    """Lines on their way from the input to the output, and what became of them."""

    def __init__(
        self,
        lines: Iterable[Line],
        output: BinaryIO,
        progress: LineProgress,
        *,
        num_hypotheses: int = 1,
    ) -> None:
        self._lines = lines
        self._num_hypotheses = num_hypotheses
        self._output = output
        self._progress = progress
        self._problems: dict[int, str] = {}  # lines that cannot be sent, by index
        self._done = 0
        self._failed = 0
        self._cut: list[int] = []  # numbers of lines whose translations are incomplete

    def texts(self) -> Iterator[str]:
        """Yields what is sent; a line that cannot be sent keeps its place as an empty text."""
        for index, line in enumerate(self._lines):
            if line.problem:
                self._problems[index] = line.problem
            yield line.text

    def write(self, results: Generator[StreamResult, None, None]) -> None:
        """Writes a line for each of the results of `texts`, or one for each hypothesis.

        Raises:
            DragomanError: The job cannot go on; what is written is whole lines.
        """
        try:
            with closing(results):
                for result in results:
                    self._output.writelines(map(encode_line, self._outcome(result)))
                    self._output.flush()
                    self._done += 1
                    self._progress.update(self._done)
        except DragomanError:
            if self._done:
                self._say(f"stopped after {self._done:,} lines, which are written")
            raise

    def report(self) -> int:
        """Says what is not as it should be, and returns how many lines failed."""
        if self._cut:
            self._say(
                f"{len(self._cut):,} of {self._done:,} translations reached the maximum decoding "
                f"length and lack their end: lines {shorten(self._cut)}"
            )
        if self._failed:
            self._say(f"{self._failed:,} of {self._done:,} lines failed")
        return self._failed

    def _outcome(self, result: StreamResult) -> list[str]:
        """Returns what is written for a line: always the same number of lines."""
        problem = self._problems.pop(result.index, "")
        if result.error is not None and spoils_every_line(result.error):
            raise result.error
        if problem or result.error is not None:
            self._failed += 1
            self._say(f"line {result.index + 1:,}: {problem or result.error}")
            return [""] * self._num_hypotheses
        if result.translation.finish_reason is FinishReason.LENGTH:
            self._cut.append(result.index + 1)
        if self._num_hypotheses == 1:
            return [result.translation.translated_text]
        texts = [hypothesis.translated_text for hypothesis in result.translation.hypotheses]
        return texts + [""] * (self._num_hypotheses - len(texts))

    def _say(self, message: str) -> None:
        self._progress.say(f"dragoman translate: {message}")


def spoils_every_line(error: DragomanError) -> bool:
    """Whether it is about what all lines have in common: the options, or the credentials."""
    if isinstance(error, InvalidArgumentError):
        fields = [violation.field for violation in error.violations]
        return bool(fields) and not any(_is_the_text(field) for field in fields)
    return isinstance(error, NotFoundError | AuthenticationError)


def _is_the_text(field: str) -> bool:
    return field.startswith(("content", "texts["))
