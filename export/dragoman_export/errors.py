"""What can go wrong in an export.

ExportError                 anything below; its message is one clear statement for the user
├── UsageError              the request itself: a flag is missing, the output exists
├── CheckpointError         the checkpoint cannot be read or is of a kind that is not supported
└── VerificationError       the ONNX graphs do not say what the checkpoint says
"""

from collections.abc import Sequence

MOST_PROBLEMS = 20
"""That one message lists."""


class ExportError(Exception):
    """The bundle was not written."""


class UsageError(ExportError):
    """The request cannot be met as it stands."""


class CheckpointError(ExportError):
    """The checkpoint cannot be read or is of a kind that is not supported."""

    @classmethod
    def listing(cls, what: str, problems: Sequence[str]) -> "CheckpointError":
        """All problems at once, so that nobody fixes them one run at a time."""
        shown = [f"  - {problem}" for problem in problems[:MOST_PROBLEMS]]
        if more := len(problems) - len(shown):
            shown.append(f"  and {more} more")
        return cls("\n".join([what, *shown]))


class VerificationError(ExportError):
    """The ONNX graphs do not say what the checkpoint says."""
