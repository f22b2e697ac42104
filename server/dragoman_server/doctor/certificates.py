"""Whether the TLS files are what clients will accept: dates, names, key, order, authorities.

The one door to cryptography: Python's own ssl tells dates and names of a certificate only of one
that it has been shown over a connection and trusts, so not of one that has expired.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from dragoman_server.config import Config
from dragoman_server.doctor.finding import Finding
from dragoman_server.setting_types import is_this_machine

SOON = timedelta(days=14)

CHAIN, KEY, AUTHORITIES = "tls_certificate", "tls_private_key", "tls_client_ca"

_RENEW = "get a new one, and restart the server where it does not reload its certificates"


def check_certificates(config: Config, now: datetime | None = None) -> Iterator[Finding]:
    """Looks at each TLS file that the settings name."""
    now = now or datetime.now(UTC)
    if config.tls_certificate is None or config.tls_private_key is None:
        hosts = [config.host, *([] if config.http_port is None else [config.http_host])]
        open_hosts = [host for host in hosts if not is_this_machine(host)]
        if not open_hosts:
            yield Finding("tls", "ok", "none, and only this machine can connect")
        else:
            advice = "set tls_certificate and tls_private_key, unless something else encrypts"
            yield Finding("tls", "warning", f"none: {open_hosts[0]} is plain text", advice)
        return
    chain = _chain(config.tls_certificate)
    if isinstance(chain, Finding):
        yield chain
    else:
        yield from _of_chain(chain, now)
        yield _key(config.tls_private_key, chain[0])
    if config.tls_client_ca is not None:
        yield from _authorities(config.tls_client_ca, now)


def _chain(path: Path, check: str = CHAIN) -> list[x509.Certificate] | Finding:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        found = f"{path} cannot be read: {error.strerror}"
        return Finding(check, "problem", found, "let the server's user read it")
    except ValueError:
        advice = "give a PEM file: the server's own certificate first, then those that signed it"
        return Finding(check, "problem", f"{path} holds no certificates", advice)


def _of_chain(chain: list[x509.Certificate], now: datetime) -> Iterator[Finding]:
    for certificate in chain:
        yield _dates(CHAIN, certificate, now)
    names = _names(chain[0])
    if names:
        yield Finding(CHAIN, "ok", f"is for {', '.join(names)}")
    else:
        advice = "get one with subject alternative names: clients look at nothing else"
        yield Finding(CHAIN, "problem", "is for no host", advice)
    for certificate, signer in pairwise(chain):
        if certificate.issuer != signer.subject:
            found = f"{_name(signer)} follows {_name(certificate)}, which it has not signed"
            advice = "put the server's own first, and after each the one that signed it"
            yield Finding(CHAIN, "problem", found, advice)


def _dates(check: str, certificate: x509.Certificate, now: datetime) -> Finding:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    name = _name(certificate)
    if now < first:
        advice = "wait until then, or set this machine's clock"
        return Finding(check, "problem", f"{name} is valid from {first:%Y-%m-%d %H:%M} on", advice)
    if now > last:
        return Finding(check, "problem", f"{name} has expired on {last:%Y-%m-%d %H:%M}", _RENEW)
    found = f"{name} is valid until {last:%Y-%m-%d}, for {(last - now).days} days"
    return (
        Finding(check, "warning", found, _RENEW)
        if last - now < SOON
        else Finding(check, "ok", found)
    )


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    hosts = found.value.get_values_for_type(x509.DNSName)
    return [*hosts, *map(str, found.value.get_values_for_type(x509.IPAddress))]


def _key(path: Path, certificate: x509.Certificate) -> Finding:
    try:
        content, mode = path.read_bytes(), path.stat().st_mode
        key = load_pem_private_key(content, password=None)
    except OSError as error:
        found = f"{path} cannot be read: {error.strerror}"
        return Finding(KEY, "problem", found, "let the server's user read it")
    except TypeError:
        advice = "write it without a password: openssl pkey -in FILE -out NEW"
        return Finding(KEY, "problem", f"{path} is encrypted", advice)
    except ValueError:
        return Finding(KEY, "problem", f"{path} is no private key", "give a PEM file with the key")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        advice = "give the key that the certificate was made for"
        return Finding(KEY, "problem", f"{path} is another certificate's", advice)
    if mode & 0o007 and os.name == "posix":
        return Finding(KEY, "warning", f"{path} can be read by everybody", f"chmod o= {path}")
    return Finding(KEY, "ok", f"{path} is the certificate's")


def _authorities(path: Path, now: datetime) -> Iterator[Finding]:
    authorities = _chain(path, AUTHORITIES)
    if isinstance(authorities, Finding):
        yield authorities
        return
    for certificate in authorities:
        yield _dates(AUTHORITIES, certificate, now)
        if not _signs(certificate):
            advice = "give the certificates of the authorities, not those of the clients"
            yield Finding(AUTHORITIES, "warning", f"{_name(certificate)} signs no others", advice)


def _signs(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return found.value.ca


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "a certificate without a name"
