"""Who is let in and how much each may have, by the settings and the files that they name.

Knows which file is what. Does not know calls.
"""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from dragoman_server.access.authenticator import Authenticator, Presented
from dragoman_server.access.keys import Keys
from dragoman_server.access.limits import RateLimits
from dragoman_server.access.principal import Principal
from dragoman_server.access.watched_files import WatchedFiles, read_file
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError, PermissionDeniedError
from dragoman_server.setting_types import is_this_machine

_log = logging.getLogger(__name__)


class Admission(NamedTuple):
    """A call that was let in."""

    principal: Principal
    """Who makes it."""
    renew: Callable[[], Principal]
    """Returns the same by what is in force then: a stream may last longer than a key. Raises what
    `admit` does."""


class Access:
    """What is asked about every call, once a setting says who may do what.

    Args:
        config: Names the files.

    Attributes:
        limits: Charges callers.
        files: To be looked at again and again.

    Raises:
        ConfigError: A file is wrong.
    """

    def __init__(self, config: Config) -> None:
        self.limits = RateLimits(share=1 / max(1, config.workers))
        self.files: list[WatchedFiles] = []
        self._config = config
        self._authenticator = Authenticator()
        if config.api_key_entries is not None:
            self._use(Keys.read(config.api_key_entries, "api_key_entries"))
        if config.api_keys is not None:
            load_keys = functools.partial(self._load_keys, config.api_keys)
            self.files.append(WatchedFiles("api_keys", [config.api_keys], load_keys))
            load_keys()
        if config.jwt_jwks is not None:
            load_tokens = functools.partial(self._load_tokens, config.jwt_jwks)
            self.files.append(WatchedFiles("jwks", [config.jwt_jwks], load_tokens))
            load_tokens()

    @classmethod
    def of(cls, config: Config) -> Self | None:
        """Returns what is asked; None where no setting says who may do what.

        Raises:
            ConfigError: A file is wrong.
        """
        return cls(config) if config.controls_access else None

    def admit(self, presented: Presented, method: str | None) -> Admission:
        """Lets a call in or does not.

        Args:
            presented: What the call shows of that.
            method: Name of what is called; None of what is everybody's who is known.

        Raises:
            CredentialsError: Nobody who is known.
            PermissionDeniedError: One who may not call the method.
        """
        renew = functools.partial(self._principal, presented, method)
        return Admission(renew(), renew)

    def _principal(self, presented: Presented, method: str | None) -> Principal:
        principal = self._authenticator.authenticate(presented)
        if method is not None and not principal.may_call(method):
            raise PermissionDeniedError(f"the caller may not call {method}")
        return principal

    def _load_keys(self, path: Path) -> None:
        source = f"api_keys {path}"
        try:
            text = read_file(path, "api_keys").decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{source} is not UTF-8") from None
        self._use(Keys.read(text, source))

    def _use(self, keys: Keys) -> None:
        if keys.knows_certificates and self._config.tls_client_ca is None:
            raise ConfigError("entries with a certificate need tls_client_ca")
        self._authenticator.keys = keys

    def _load_tokens(self, path: Path) -> None:
        from dragoman_server.access.tokens import Tokens  # noqa: PLC0415  where it is needed alone

        config = self._config
        assert config.jwt_issuer is not None
        assert config.jwt_audience is not None
        content = read_file(path, "jwt_jwks")
        try:
            self._authenticator.tokens = Tokens(
                content,
                issuer=config.jwt_issuer,
                audience=config.jwt_audience,
                algorithm=config.jwt_algorithm,
            )
        except ConfigError as error:
            raise ConfigError(f"jwt_jwks {path}: {error}") from None


def warn_of_clear_text(config: Config) -> None:
    """Logs each address at which others may read the credentials that are asked for."""
    if not config.controls_access or config.tls_certificate is not None:
        return
    hosts = [config.host] if config.admin_port is None else [config.host, config.admin_host]
    for host in dict.fromkeys(hosts):
        if not is_this_machine(host):
            _log.warning("credentials_in_clear", extra={"host": host})
