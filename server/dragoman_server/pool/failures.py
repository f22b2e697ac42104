"""Why what is on disk is not served, and whom to tell.

Knows reasons by the names of directories. Does not know what is served instead.
"""

import logging
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)


class Failures:
    """By label, until each is forgotten.

    Attributes:
        tell: Told of all of them after each change.
    """

    def __init__(self) -> None:
        self.tell: Callable[[Mapping[str, str]], None] = _nobody
        self._reasons: dict[str, str] = {}

    @property
    def reasons(self) -> dict[str, str]:
        """Why, by label."""
        return dict(self._reasons)

    def add(self, label: str, reason: str) -> None:
        """What a label stands for on disk could not be loaded."""
        _log.error("model_load_failed", extra={"bundle": label, "reason": reason})
        self._change({label: reason})

    def unloaded(self, labels: list[str], *, room_for: str) -> None:
        """What these labels stood for had to make room."""
        self._change(dict.fromkeys(labels, f"unloaded to make room for {room_for}"))

    def forget(self, label: str) -> None:
        """What a label stands for is served, or gone."""
        if self._reasons.pop(label, None) is not None:
            self.tell(self.reasons)

    def _change(self, reasons: Mapping[str, str]) -> None:
        self._reasons |= reasons
        self.tell(self.reasons)


def _nobody(reasons: Mapping[str, str]) -> None:
    pass
