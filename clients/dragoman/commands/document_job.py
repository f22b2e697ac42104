"""A document on its way through a stream: its parts are translated, what is between them is kept.

Knows what is written for a part that fails: the part as it is, so that nothing is missing. Does not
know the command line or the files.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice

from dragoman.commands.document import Part
from dragoman.commands.journal import Problem
from dragoman.commands.line_job import Translate, spoils_every_line
from dragoman.commands.lines import LineNames
from dragoman.commands.output import Output
from dragoman.commands.progress import LineProgress
from dragoman.results import FinishReason, StreamResult


class DocumentJob:
    """The parts of a document, and what became of them.

    Args:
        parts: Of the document, in order.
        output: Where it goes; counts parts as it does lines.
        progress: Told of each, and of what is wrong.
    """

    def __init__(self, parts: Sequence[Part], output: Output, progress: LineProgress) -> None:
        self._parts = parts
        self._output = output
        self._progress = progress
        self._done = output.earlier.done
        self._problems = dict(output.earlier.problems)
        self._sent: deque[Part] = deque()

    def run(self, translate: Translate) -> None:
        """Writes the document.

        Raises:
            DragomanError, OSError, KeyboardInterrupt: The job cannot go on; what is written is
                whole parts, and it is said where they are.
        """
        try:
            with closing(translate(self._texts(), self._done)) as results:
                for result in results:
                    self._finish(self._sent.popleft(), result)
            for rest in self._sent:
                self._write(rest, "", None)
            self._output.finish()
        except BaseException:
            if how_to_go_on := self._output.leave():
                self._say(f"stopped after {self._done:,} parts; {how_to_go_on}")
            raise

    def report(self) -> int:
        """Says what is not as it should be, and returns how many parts failed."""
        cut, failed = (
            [
                self._parts[number - 1].line
                for number, each in self._problems.items()
                if each == kind
            ]
            for kind in ("cut", "failed")
        )
        if cut:
            self._say(
                f"{len(cut):,} of {self._done:,} parts have translations that reached the maximum "
                f"decoding length and lack their end: those from {LineNames().many(cut)} on"
            )
        if failed:
            self._say(
                f"{len(failed):,} of {self._done:,} parts failed and are as they were: those from "
                f"{LineNames().many(failed)} on"
            )
        return len(failed)

    def _texts(self) -> Iterator[str]:
        for part in islice(self._parts, self._done, None):
            self._sent.append(part)
            if part.text:
                yield part.text

    def _finish(self, part: Part, result: StreamResult) -> None:
        if result.error is not None:
            if spoils_every_line(result.error):
                raise result.error
            self._say(f"line {part.line:,}: {result.error}")
            self._write(part, part.text, "failed")
            return
        translation = result.translation
        for warning in translation.warnings:
            self._say(f"line {part.line:,}: {warning.message}")
        is_cut = translation.finish_reason is FinishReason.LENGTH
        self._write(part, translation.translated_text, "cut" if is_cut else None)

    def _write(self, part: Part, text: str, problem: Problem | None) -> None:
        number = self._done + 1
        if problem:
            self._problems[number] = problem
        self._output.write([(part.before + text).encode()], number, problem)
        self._done = number
        self._progress.update(number)

    def _say(self, message: str) -> None:
        self._progress.say(f"dragoman translate: {message}")
