"""The key that goes with every call, and where it may go.

Knows how a key is sent. Shows it nowhere: neither its repr nor an error has it.
"""

import os

from dragoman.arguments import refusal, wrong_type
from dragoman.target import Target

VARIABLE = "DRAGOMAN_API_KEY"
"""Of the environment: the key where a program gives none."""

MOST_CHARACTERS = 8_000
"""Of a token; gRPC refuses headers that are larger."""

Metadata = tuple[tuple[str, str], ...]


class ApiKey:
    """A key or a token, as it was given."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "ApiKey(...)"

    @property
    def metadata(self) -> Metadata:
        """What a call is sent with."""
        return (("authorization", f"Bearer {self._value}"),)


def as_api_key(value: object, target: Target, *, insecure: bool = False) -> ApiKey | None:
    """Returns the key for a server; None where there is none.

    Args:
        value: A key; None takes that of the environment, an empty one is none.
        target: Where it would go.
        insecure: Whether it may go over a network in plain text.

    Raises:
        InvalidArgumentError: It is no key, or would be sent in the clear.
    """
    if value is None:
        value = os.environ.get(VARIABLE, "")
    if not isinstance(value, str):
        raise wrong_type("api_key", "str or None", value)
    if not value:
        return None
    if not value.isascii() or not value.isprintable() or " " in value:
        raise refusal("api_key", "must be printable ASCII without spaces", "INVALID_API_KEY")
    if len(value) > MOST_CHARACTERS:
        raise refusal(
            "api_key",
            f"has {len(value):,} characters; allowed: at most {MOST_CHARACTERS:,}",
            "INVALID_API_KEY",
        )
    if not (target.tls or target.is_local or insecure):
        raise refusal(
            "api_key",
            f"would be sent to {target} in plain text, where others can read it: use TLS "
            "(credentials=, --tls), or allow it (insecure_api_key=True, --insecure-api-key)",
            "API_KEY_IN_CLEAR",
        )
    return ApiKey(value)


def metadata_of(key: ApiKey | None) -> Metadata:
    """Returns what calls are sent with."""
    return () if key is None else key.metadata
