"""An authority, and certificates that it signs, as PEM files."""

import datetime
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_FROM = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
_TO = _FROM + datetime.timedelta(days=2)


class Pem(NamedTuple):
    """A certificate and its key."""

    certificate: bytes
    key: bytes

    def write(self, certificate: Path, key: Path) -> None:
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        builder = _builder(self._name, self._name, self._key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        self.certificate = _pem(builder.sign(self._key, hashes.SHA256()))

    def sign(self, common_name: str, *others: x509.GeneralName) -> Pem:
        """Returns a certificate of a common name, and of other names."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(common_name), self._name, key)
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), False)
        return Pem(
            _pem(builder.sign(self._key, hashes.SHA256())),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def sign_server(self) -> Pem:
        """Returns a certificate of this machine."""
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return self.sign("localhost", x509.DNSName("localhost"), address)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_TO)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
