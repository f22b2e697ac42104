"""JSON Web Tokens: whether one is good, and what its caller may do. The one door to PyJWT.

Knows one issuer's keys. The algorithm is the settings', never the token's, and always one with a
public key: no token can be made with what is known here. Does not know how a call shows a token.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt
from pydantic import ValidationError

from dragoman_server.access.permissions import Grant
from dragoman_server.access.principal import Principal
from dragoman_server.errors import ConfigError

CLAIM = "dragoman"
"""Holds what the caller may do, in the form of an entry of the key file."""

LEEWAY_SECONDS = 30
"""That clocks may differ by."""

MOST_SUBJECT_CHARACTERS = 128

MOST_REMEMBERED = 4096
"""Tokens that were found good, and which callers show again and again."""

_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Of keys, by the first letters of the algorithm."""

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}


class _Good(NamedTuple):
    principal: Principal
    ends_at: float


class Tokens:
    """The tokens of one issuer. Its keys never change: a file that is read anew makes another.

    Args:
        jwks: The issuer's keys, as JSON (RFC 7517).
        issuer: Whose tokens are good.
        audience: For whom they must be made.
        algorithm: How they must be signed.

    Raises:
        ConfigError: No key of the algorithm is there, or one is wrong or private.
    """

    def __init__(self, jwks: bytes, *, issuer: str, audience: str, algorithm: str) -> None:
        self._keys = _read(jwks, algorithm)
        self._issuer = issuer
        self._audience = audience
        self._algorithm = algorithm
        self._good: dict[bytes, _Good] = {}

    def find(self, token: str, now: float) -> Principal | None:
        """Returns whose token it is; None of one that is not good, whatever is wrong with it.

        Args:
            token: As it was sent.
            now: Seconds since the epoch.
        """
        digest = hashlib.sha256(token.encode(errors="surrogateescape")).digest()
        good = self._good.get(digest)
        if good is None:
            try:
                good = self._verified(token)
            except Exception:  # noqa: BLE001  a library's as well: what it was is nobody's business
                return None
            if len(self._good) >= MOST_REMEMBERED:
                self._good.clear()
            self._good[digest] = good
        return good.principal if now < good.ends_at else None

    def _verified(self, token: str) -> _Good:
        name = jwt.get_unverified_header(token).get("kid")
        if name is None and len(self._keys) == 1:
            (key,) = self._keys.values()
        else:
            key = self._keys[name]
        claims = jwt.decode(
            token,
            key,
            algorithms=[self._algorithm],
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return _Good(_principal(claims), float(claims["exp"]) + LEEWAY_SECONDS)


def _principal(claims: Mapping[str, Any]) -> Principal:
    """Returns who a good token's caller is; one without our claim may do nothing."""
    subject = claims["sub"]
    if not 0 < len(subject) <= MOST_SUBJECT_CHARACTERS or not subject.isprintable():
        raise ValueError
    name = f"jwt:{subject}"  # no name of the key file is like it
    granted = claims.get(CLAIM)
    try:
        return Principal(name) if granted is None else Grant.model_validate(granted).principal(name)
    except ValidationError:
        raise ValueError from None


def _read(jwks: bytes, algorithm: str) -> dict[str | None, jwt.PyJWK]:
    """Returns the keys of an algorithm by their names."""
    try:
        found = json.loads(jwks)["keys"]
        suitable = [each for each in found if _suits(each, algorithm)]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ConfigError('a JSON object with a list of "keys" is wanted') from None
    keys: dict[str | None, jwt.PyJWK] = {}
    for each in suitable:
        if "d" in each:
            raise ConfigError("there is a private key, which only the issuer may have")
        name = each.get("kid")
        if not isinstance(name, str | None):
            raise ConfigError("a `kid` is no text")
        if name in keys:
            raise ConfigError("there are two keys of one `kid`, or two without")
        keys[name] = _key(each, algorithm)
    if not keys:
        raise ConfigError(f"there is no public key for {algorithm}")
    return keys


def _suits(key: Mapping[str, Any], algorithm: str) -> bool:
    return (
        key.get("kty") == _KINDS[algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and key.get("crv") == _CURVES.get(algorithm)
    )


def _key(content: dict[str, Any], algorithm: str) -> jwt.PyJWK:
    try:
        key = jwt.PyJWK(content, algorithm=algorithm)
        weakness = key.Algorithm.check_key_length(key.key)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise ConfigError(f"a key for {algorithm} cannot be read") from None
    if weakness:
        raise ConfigError(f"a key for {algorithm} is too short")
    return key
