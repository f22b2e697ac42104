"""What can go wrong, as exceptions; guard.py turns them into gRPC status codes.

DragomanError
├── ConfigError             a setting is wrong; the server does not start
│   └── NoRoomError         the memory for models has no room for one more
├── BundleError             the bundle is wrong; the server does not start
├── InvalidArgumentError    a field of a request is wrong
├── NotFoundError           no such model, language pair, glossary or bundle
├── PreconditionError       what is asked for cannot be done as things are
├── AlreadyThereError       what is to be made is there already
├── UnsupportedError        another service has it, and this server has not
├── CredentialsError        who calls is not known
├── PermissionDeniedError   who calls may not call this
├── OverloadError           refused at once, to be tried again later
│   ├── QueueFullError      no room for the request now
│   ├── TooManyCallsError   as many calls as allowed are in progress
│   ├── OutOfMemoryError    no memory is left for it
│   ├── RateLimitedError    its caller has had what it may have for now
│   └── WouldExpireError    its deadline would pass first
├── DeadlineError           its deadline passed before it began
├── UnavailableError        the server is not ready or is draining
└── BackendError            our own failure while translating
"""

from collections.abc import Sequence

MAX_SHOWN = 40

MOST_LISTED = 20
"""Names, such as those of models and languages, that a status message has."""
"""Characters that an error shows of a name that a client sent."""


class DragomanError(Exception):
    """Root of all errors raised on purpose; its text is meant for the user.

    Attributes:
        reason: UPPER_SNAKE name of what went wrong, for programs.
    """

    reason = "INTERNAL"

    def __reduce__(self) -> tuple[object, ...]:
        """Survives the way between two processes whatever its constructor takes."""
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[DragomanError], arguments: tuple[object, ...]) -> DragomanError:
    return kind.__new__(kind, *arguments)


class ConfigError(DragomanError):
    """A setting is unknown or has a value that is not allowed."""


class NoRoomError(ConfigError):
    """The memory for models has no room for another one.

    Attributes:
        needed_bytes: That it takes, its files and the least that its caches may have.
    """

    def __init__(self, message: str, *, needed_bytes: int) -> None:
        super().__init__(message)
        self.needed_bytes = needed_bytes


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
    """The server has no such model or glossary, or the model no such language pair.

    Attributes:
        reason: MODEL_NOT_FOUND, LANGUAGE_PAIR_NOT_FOUND, GLOSSARY_NOT_FOUND or BUNDLE_NOT_FOUND.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class CredentialsError(DragomanError):
    """A call has no credentials that are accepted; which part of them was wrong is never said."""

    reason = "CREDENTIALS_REFUSED"

    def __init__(self) -> None:
        super().__init__("the call has no credentials that are accepted")


class PermissionDeniedError(DragomanError):
    """The caller is known, and may not call the method."""

    reason = "METHOD_NOT_ALLOWED"


class PreconditionError(DragomanError):
    """What is asked for cannot be done as things are; nothing has changed.

    Attributes:
        reason: BUNDLE_NOT_LOADED, MODELS_MEMORY_FULL or DETECTION_OFF.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AlreadyThereError(DragomanError):
    """What is to be made is there already; nothing has changed."""

    reason = "ALREADY_EXISTS"


class UnsupportedError(DragomanError):
    """What another service answers, and this server does not."""

    reason = "NOT_SUPPORTED"


class OverloadError(DragomanError):
    """The server has more to do than it can, and refuses the request at once.

    Attributes:
        retry_after_seconds: When it is sensible to try again.
    """

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class QueueFullError(OverloadError):
    """The waiting queue has no room for the request."""

    reason = "QUEUE_FULL"


class TooManyCallsError(OverloadError):
    """As many calls as allowed are in progress."""

    reason = "TOO_MANY_CALLS"


class OutOfMemoryError(OverloadError):
    """The process has no memory left for the request."""

    reason = "OUT_OF_MEMORY"


class RateLimitedError(OverloadError):
    """The caller has had as many texts or code points as it may have for now."""

    reason = "RATE_LIMITED"


class WouldExpireError(OverloadError):
    """The request's deadline would probably pass before its translation is there.

    Attributes:
        remaining_seconds: Until that deadline.
    """

    reason = "WOULD_EXPIRE"

    def __init__(
        self, message: str, *, retry_after_seconds: float, remaining_seconds: float
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.remaining_seconds = remaining_seconds


class DeadlineError(DragomanError):
    """The request's deadline passed before its translation began."""

    reason = "DEADLINE_EXCEEDED"


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


def listed(names: Sequence[str], most: int = MOST_LISTED) -> str:
    """Returns the first of some names as a status message has them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shorten(name: str) -> str:
    """Returns a name that a client sent, quoted and short enough for a status message."""
    return repr(name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + "...")
