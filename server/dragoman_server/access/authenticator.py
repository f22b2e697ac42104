"""Who makes a call, by the one credential that it shows.

Knows headers and what is in force. Does not know grpc, nor files.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from dragoman_server.access.keys import Keys
from dragoman_server.access.principal import Principal
from dragoman_server.errors import CredentialsError

AUTHORIZATION = "authorization"
BEARER = "bearer"
API_KEY = "x-api-key"

_DOTS = 2
"""Of a token; a key has none."""


class Presented(Protocol):
    """What a call shows of who makes it."""

    def headers(self) -> Iterable[tuple[str, str | bytes]]:
        """Returns its metadata."""

    def certificate_names(self) -> Sequence[str]:
        """Returns what the certificate that its connection was made with is called."""


class TokenSource(Protocol):
    """What is needed of Tokens, whose library takes its time to import."""

    def find(self, token: str, now: float) -> Principal | None:
        """Returns whose token it is; None of one that is not good."""


class Authenticator:
    """Decides by what it was given last.

    Args:
        clock: Seconds since the epoch.

    Attributes:
        keys: In force.
        tokens: Likewise; None where none are good.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.keys = Keys([])
        self.tokens: TokenSource | None = None
        self._clock = clock

    def authenticate(self, presented: Presented) -> Principal:
        """Returns who makes a call.

        A key or a token goes before a certificate: who sends a wrong one is refused.

        Raises:
            CredentialsError: Nobody who is known.
        """
        shown = [
            (name, value) for name, value in presented.headers() if name in (AUTHORIZATION, API_KEY)
        ]
        now = self._clock()
        if not shown:
            principal = self._by_certificate(presented, now)
        elif len(shown) == 1:
            principal = self._by_header(*shown[0], now)
        else:
            principal = None
        if principal is None:
            raise CredentialsError
        return principal

    def _by_header(self, name: str, value: str | bytes, now: float) -> Principal | None:
        if isinstance(value, bytes):
            return None
        if name == API_KEY:
            return self.keys.find(value, now)
        scheme, _, credential = value.partition(" ")
        if scheme.lower() != BEARER:
            return None
        if self.tokens is not None and credential.count(".") == _DOTS:
            return self.tokens.find(credential, now)
        return self.keys.find(credential, now)

    def _by_certificate(self, presented: Presented, now: float) -> Principal | None:
        if not self.keys.knows_certificates:
            return None
        return self.keys.of_certificate(presented.certificate_names(), now)
