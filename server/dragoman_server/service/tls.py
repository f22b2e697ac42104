"""Reads the TLS files and proves that they fit together, since grpc does not say what is wrong.

Knows certificates. Does not know ports.
"""

import ssl
from pathlib import Path

import grpc

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError


def load_credentials(config: Config) -> grpc.ServerCredentials | None:
    """Returns what the server proves itself with; None where the settings ask for no TLS.

    Raises:
        ConfigError: A file is unreadable, no PEM file, or the key is another certificate's.
    """
    if config.tls_certificate is None or config.tls_private_key is None:
        return None
    certificate = _read("tls_certificate", config.tls_certificate)
    private_key = _read("tls_private_key", config.tls_private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(config.tls_certificate, config.tls_private_key, password="")
    except ssl.SSLError as error:
        raise ConfigError(
            f"tls_certificate {config.tls_certificate} and tls_private_key "
            f"{config.tls_private_key} are not a certificate and its unencrypted key: {error}"
        ) from None
    client_ca = None
    if config.tls_client_ca is not None:
        client_ca = _load_authorities(context, config.tls_client_ca)
    return grpc.ssl_server_credentials(
        [(private_key, certificate)], client_ca, require_client_auth=client_ca is not None
    )


def _load_authorities(context: ssl.SSLContext, path: Path) -> bytes:
    content = _read("tls_client_ca", path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(f"tls_client_ca {path} holds no certificates: {error}") from None
    return content


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting} {path} cannot be read: {error.strerror}") from None
