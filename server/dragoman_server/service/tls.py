"""Reads the TLS files and proves that they fit together, since grpc does not say what is wrong.

When they change, connections that are made from then on see the new ones; those that are open stay.
Knows certificates. Does not know ports.
"""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import grpc

from dragoman_server.access import WatchedFiles, read_file
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError


class Certificates:
    """What a server proves itself with, and which clients it lets in.

    Args:
        certificate: File with the server's chain.
        private_key: File with its key.
        client_ca: File with the authorities of clients' certificates; None where they need none.

    Attributes:
        files: To be looked at again and again.

    Raises:
        ConfigError: A file is unreadable, no PEM file, or the key is another certificate's.
    """

    def __init__(self, certificate: Path, private_key: Path, client_ca: Path | None) -> None:
        self._paths = (certificate, private_key, client_ca)
        self._others: list[Callable[[ssl.SSLContext], None]] = []
        self._lock = threading.Lock()
        paths = [path for path in self._paths if path is not None]
        self.files = WatchedFiles("tls", paths, self._load)
        self.context()
        self._first = _configuration(*self._paths)
        self._next: grpc.ServerCertificateConfiguration | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Returns what a port is opened with."""
        return grpc.dynamic_ssl_server_credentials(
            self._first,
            self._changed,  # type: ignore[arg-type]  # None is "no change", as its docstring says
            require_client_authentication=self._paths[2] is not None,
        )

    def context(self) -> ssl.SSLContext:
        """Returns what a port is opened with that speaks TLS without gRPC.

        Raises:
            ConfigError: A file is wrong.
        """
        return _context(*self._paths)

    def follow(self, renew: Callable[[ssl.SSLContext], None]) -> None:
        """Calls `renew` with the new ones each time that they change, in any thread.

        They are refused where it raises.
        """
        self._others.append(renew)

    def _load(self) -> None:
        context = self.context()
        configuration = _configuration(*self._paths)
        for renew in self._others:
            renew(context)
        with self._lock:
            self._next = configuration

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns what is used from the next connection on, once; None where nothing changes.

        gRPC's threads ask, before each connection.
        """
        with self._lock:
            changed, self._next = self._next, None
        return changed


def load_certificates(config: Config) -> Certificates | None:
    """Returns what the settings name; None where they ask for no TLS.

    Raises:
        ConfigError: A file is wrong.
    """
    if config.tls_certificate is None or config.tls_private_key is None:
        return None
    return Certificates(config.tls_certificate, config.tls_private_key, config.tls_client_ca)


def _configuration(
    certificate: Path, private_key: Path, client_ca: Path | None
) -> grpc.ServerCertificateConfiguration:
    chain = read_file(certificate, "tls_certificate")
    key = read_file(private_key, "tls_private_key")
    authorities = None if client_ca is None else read_file(client_ca, "tls_client_ca")
    return grpc.ssl_server_certificate_configuration([(key, chain)], authorities)


def _context(certificate: Path, private_key: Path, client_ca: Path | None) -> ssl.SSLContext:
    read_file(certificate, "tls_certificate")
    read_file(private_key, "tls_private_key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, private_key, password="")
    except ssl.SSLError as error:
        raise ConfigError(
            f"tls_certificate {certificate} and tls_private_key {private_key} "
            f"are not a certificate and its unencrypted key: {error}"
        ) from None
    if client_ca is not None:
        _load_authorities(context, client_ca)
    return context


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    read_file(path, "tls_client_ca")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(f"tls_client_ca {path} holds no certificates: {error}") from None
    context.verify_mode = ssl.CERT_REQUIRED
