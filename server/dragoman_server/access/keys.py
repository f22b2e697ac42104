"""API keys and client certificates, and whose they are: a YAML list of entries.

    - name: acme
      sha256: 3b0c...        # of the key; or `certificate:`, a name in a client's certificate
      methods: ["*"]
      models: [marian-en-de]
      texts_per_second: 50

Only hashes are kept. One plain SHA-256 is right for them and no slow password hash: a key is 256
random bits, which nobody can go through whatever a guess costs, and it is looked up at every call.

Knows entries and hashes. Does not know how a call shows a key, nor where the text comes from.
"""

import hashlib
import hmac
import math
import secrets
from collections.abc import Callable, Hashable, Sequence
from typing import Annotated, NamedTuple, Self

import yaml
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from dragoman_server.access.permissions import Grant, problems
from dragoman_server.access.principal import Principal
from dragoman_server.errors import ConfigError

KEY_BYTES = 32
PREFIX = "dragoman_"
"""Of a key: so that whatever looks for lost secrets finds it."""

MOST_ENTRIES = 100_000

_CALLER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""No colon: what tokens and connections are called has one."""


def new_key() -> str:
    """Returns a key that nobody has."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_of(key: str) -> str:
    """Returns what is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class Entry(Grant):
    """One key, or one certificate's name, and what its caller may do."""

    name: Annotated[str, Field(pattern=_CALLER)]
    """The caller's. Entries of one name are one caller, which changes its key."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Of the key, in hexadecimal digits."""
    certificate: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """A URI or DNS name of a client's certificate, or its common name where it has none of them."""
    not_after: AwareDatetime | None = None
    """When it ends. Default: never."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.sha256 is None) == (self.certificate is None):
            raise ValueError("either sha256 or certificate is needed")
        return self


class _Held(NamedTuple):
    """A key, or a certificate's name."""

    digest: bytes
    principal: Principal
    ends_at: float

    def in_force(self, now: float) -> bool:
        return now < self.ends_at


_NOBODYS = _Held(bytes(hashlib.sha256().digest_size), Principal(""), -math.inf)


class Keys:
    """All that is held. Never changes: a file that is read anew makes others."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        held = [(entry, _held(entry)) for entry in entries]
        self._by_digest = {each.digest: each for entry, each in held if entry.sha256}
        self._by_certificate = {entry.certificate: each for entry, each in held}
        self.knows_certificates = any(entry.certificate for entry in entries)

    @classmethod
    def read(cls, text: str, source: str) -> Self:
        """Returns what a YAML text holds.

        Raises:
            ConfigError: It is wrong; what is in it is not told.
        """
        try:
            content = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}" if mark else ""
            raise ConfigError(f"{source} is no YAML{where}") from None
        if not isinstance(content, list) or len(content) > MOST_ENTRIES:
            raise ConfigError(
                f"{source} must hold a list of entries, at most {MOST_ENTRIES:,}; [] lets nobody in"
            )
        entries = [_read(entry, f"{source}: entry {n}") for n, entry in enumerate(content, 1)]
        _check(entries, lambda entry: entry.sha256, f"{source}: %s has the hash of %s")
        _check(entries, lambda entry: entry.certificate, f"{source}: %s has the certificate of %s")
        _check_callers(entries, source)
        return cls(entries)

    def find(self, key: str, now: float) -> Principal | None:
        """Returns whose key it is.

        How long that takes does not depend on what is wrong with it: the dictionary looks by a
        secret of this process, and all of what it finds is compared.
        """
        digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
        held = self._by_digest.get(digest, _NOBODYS)
        is_key, in_force = hmac.compare_digest(held.digest, digest), held.in_force(now)
        return held.principal if is_key & in_force else None

    def of_certificate(self, names: Sequence[str], now: float) -> Principal | None:
        """Returns whose certificate has these names; None where that is nobody's, or of several."""
        found = {
            held.principal
            for name in names
            if (held := self._by_certificate.get(name)) and held.in_force(now)
        }
        return found.pop() if len(found) == 1 else None


def _held(entry: Entry) -> _Held:
    ends_at = math.inf if entry.not_after is None else entry.not_after.timestamp()
    return _Held(bytes.fromhex(entry.sha256 or ""), entry.principal(entry.name), ends_at)


def _read(content: object, where: str) -> Entry:
    try:
        return Entry.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{where}: {problems(error, Entry)}") from None


def _check(entries: Sequence[Entry], of: Callable[[Entry], Hashable], problem: str) -> None:
    """Raises ConfigError where two entries have the same, unless that is None."""
    seen: dict[Hashable, int] = {}
    for number, entry in enumerate(entries, 1):
        what = of(entry)
        if what is not None and seen.setdefault(what, number) != number:
            raise ConfigError(problem % (f"entry {number}", f"entry {seen[what]}"))


def _check_callers(entries: Sequence[Entry], source: str) -> None:
    first: dict[str, tuple[int, Principal]] = {}
    for number, entry in enumerate(entries, 1):
        principal = entry.principal(entry.name)
        before, known = first.setdefault(entry.name, (number, principal))
        if known != principal:
            raise ConfigError(
                f"{source}: entry {number} has the name of entry {before} and grants another thing"
            )
