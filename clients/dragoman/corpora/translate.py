"""A shard's lines through a translator: one line in, one line out, each accounted for.

Knows which failures are a line's and which are everybody's. Does not know files.
"""

from collections import Counter
from contextlib import closing
from typing import NamedTuple

from dragoman.calls import may_pass
from dragoman.commands.line_job import spoils_every_line
from dragoman.commands.lines import Line, encode_line
from dragoman.corpora.backends.backend import LineTranslator
from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.accounts import Outcome, Problem, Tally, Warned
from dragoman.errors import InvalidArgumentError
from dragoman.options import Options
from dragoman.results import FinishReason, StreamResult

MOST_SERVER_FAILURES = 100
"""Of a shard: lines that failed for no fault of theirs. More of them are no accident, and would go
on through all the shards that follow."""


class Translated(NamedTuple):
    """A shard's lines, translated."""

    output: bytes
    """As many lines as were read, in their order; those that failed are empty."""

    tally: Tally
    problems: tuple[Problem, ...]
    warnings: tuple[Warned, ...]


def translate_lines(
    lines: list[Line], first_line: int, translator: LineTranslator, options: Options
) -> Translated:
    """Translates consecutive lines of a file, whose first has the number `first_line`.

    Sampling begins at the seed and the number of the line: it draws the same however the file is
    cut.

    Raises:
        DragomanError: The translator cannot go on, or none of the lines can be translated so.
        JobError: Too many failed.
    """
    options = options.from_index(first_line - 1)
    counts: Counter[str] = Counter()
    output: list[bytes] = []
    problems: list[Problem] = []
    warnings: list[Warned] = []
    server_failures = 0
    with closing(translator.results([line.text for line in lines], options)) as results:
        for line, result in zip(lines, results, strict=True):
            assert result.text == line.text
            number = first_line + result.index
            outcome, text, reason = _outcome(line, result)
            counts[outcome] += 1
            output.append(encode_line(text))
            if reason:
                problems.append(Problem(number, outcome, reason))
            if outcome != "failed":
                warnings += _warned(number, result)
            server_failures += outcome == "failed" and not _is_its_own(line, result)
            if server_failures > MOST_SERVER_FAILURES:
                raise JobError(f"{server_failures} lines failed, at last line {number:,}: {reason}")
    tally = Tally(len(lines), **counts, warnings=_counted(warnings))
    return Translated(b"".join(output), tally, tuple(problems), tuple(warnings))


def _outcome(line: Line, result: StreamResult) -> tuple[Outcome, str, str]:
    """Returns what became of a line, its translation, and why it is not as it should be."""
    error = result.error
    if error is not None and (spoils_every_line(error) or may_pass(error)):
        raise error
    if line.problem or error is not None:
        return "failed", "", line.problem or str(error)
    translation = result.translation
    if translation.finish_reason is FinishReason.LENGTH:
        reason = f"cut after {translation.target_token_count} target tokens"
        return "cut", translation.translated_text, reason
    if not translation.source_token_count:
        return "empty", "", ""
    return "translated", translation.translated_text, ""


def _warned(line: int, result: StreamResult) -> list[Warned]:
    return [Warned(line, each.reason, each.message) for each in result.translation.warnings]


def _counted(warnings: list[Warned]) -> dict[str, int]:
    """Returns how many lines have a warning, by its reason: of a way by two models, both may."""
    return dict(Counter(reason for _, reason in {(each.line, each.reason) for each in warnings}))


def _is_its_own(line: Line, result: StreamResult) -> bool:
    """Whether a line that failed would fail again."""
    return bool(line.problem) or isinstance(result.error, InvalidArgumentError)
