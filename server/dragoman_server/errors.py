"""What can go wrong, as exceptions; guard.py turns them into gRPC status codes.

DragomanError
├── ConfigError             a setting is wrong; the server does not start
├── BundleError             the bundle is wrong; the server does not start
├── InvalidArgumentError    a field of a request is wrong
├── NotFoundError           no such model or language pair
├── QueueFullError          no room for the request now
├── TooManyCallsError       as many calls as allowed are in progress
├── UnavailableError        the server is not ready or is draining
└── BackendError            our own failure while translating
"""


class DragomanError(Exception):
    """Root of all errors raised on purpose; its text is meant for the user.

    Attributes:
        reason: UPPER_SNAKE name of what went wrong, for programs.
    """

    reason = "INTERNAL"


class ConfigError(DragomanError):
    """A setting is unknown or has a value that is not allowed."""


class BundleError(DragomanError):
    """The model bundle is missing, damaged or of another format."""


class InvalidArgumentError(DragomanError):
    """A field of a request has a value that is not allowed.

    Attributes:
        field: Path of the field in the request, for example `contents[3]`.
        reason: UPPER_SNAKE name of the rule that it breaks.
        given: What the field has, as far as it is short and no text to translate.
        allowed: What the field may have.
    """

    def __init__(
        self, message: str, *, field: str, reason: str, given: str = "", allowed: str = ""
    ) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason
        self.given = given
        self.allowed = allowed


class NotFoundError(DragomanError):
    """The server has no such model, or the model no such language pair.

    Attributes:
        reason: MODEL_NOT_FOUND or LANGUAGE_PAIR_NOT_FOUND.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class QueueFullError(DragomanError):
    """The waiting queue has no room for the request.

    Attributes:
        retry_after_seconds: When it is sensible to try again.
    """

    reason = "QUEUE_FULL"

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooManyCallsError(DragomanError):
    """As many calls as allowed are in progress.

    Attributes:
        retry_after_seconds: When it is sensible to try again.
    """

    reason = "TOO_MANY_CALLS"

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(DragomanError):
    """The server is not ready yet, or is draining and takes no new requests.

    Attributes:
        reason: DRAINING where it takes no new requests, else UNAVAILABLE.
    """

    def __init__(self, message: str, *, reason: str = "UNAVAILABLE") -> None:
        super().__init__(message)
        self.reason = reason


class BackendError(DragomanError):
    """Translating failed through no fault of the request."""

    reason = "BACKEND_FAILED"
