"""What can go wrong in an export.

ExportError                 anything below; its message is one clear statement for the user
├── UsageError              the request itself: a flag is missing, the output exists
├── CheckpointError         the checkpoint cannot be read or is of a kind that is not supported
└── VerificationError       the ONNX graphs do not say what the checkpoint says
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

MOST_PROBLEMS = 20
"""That one message lists."""


class ExportError(Exception):
    """The bundle was not written."""


class UsageError(ExportError):
    """The request cannot be met as it stands."""


class CheckpointError(ExportError):
    """The checkpoint cannot be read or is of a kind that is not supported.

    Each argument is a statement of its own: of settings, of tokens, of weights.
    """

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))

    @classmethod
    def listing(cls, what: str, problems: Sequence[str]) -> "CheckpointError":
        """All problems at once, so that nobody fixes them one run at a time."""
        shown = [f"  - {problem}" for problem in problems[:MOST_PROBLEMS]]
        if more := len(problems) - len(shown):
            shown.append(f"  and {more} more")
        return cls("\n".join([what, *shown]))


class VerificationError(ExportError):
    """The ONNX graphs do not say what the checkpoint says."""


class Problems:
    """What hinders a checkpoint, gathered over its parts and told at once.

    ::

        with problems.noted():
            tokens = read_tokens(...)
        with problems.noted():
            blueprint = build(...)
        problems.require_none()

    What a part makes is there once nothing hinders any of them.
    """

    def __init__(self) -> None:
        self._errors: list[CheckpointError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Within it, a CheckpointError ends the part and is told with those of the others."""
        try:
            yield
        except CheckpointError as error:
            self._errors.append(error)

    def note(self, what: str, problems: Sequence[str]) -> None:
        """Notes a part's problems, if there are any; `what` introduces them."""
        if problems:
            self._errors.append(CheckpointError.listing(what, problems))

    def require_none(self) -> None:
        """Raises CheckpointError with everything that was noted, each statement once."""
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            told = dict.fromkeys(each for error in self._errors for each in error.args)
            raise CheckpointError(*told) from self._errors[0]
