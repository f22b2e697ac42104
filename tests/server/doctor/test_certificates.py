from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from dragoman_server.doctor.certificates import check_certificates
from dragoman_server.doctor.finding import Finding, worst
from tests.server.service.harness import make_config

NOW = datetime(2027, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Signer(NamedTuple):
    name: str
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, name: str) -> "Signer":
        return cls(name, ec.generate_private_key(ec.SECP256R1()))

    def certificate(
        self,
        by: "Signer",
        *,
        hosts: Iterable[str] = (),
        signs: bool = False,
        first: datetime = NOW - DAY,
        last: datetime = NOW + 100 * DAY,
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(self.name))
            .issuer_name(_named(by.name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(first)
            .not_valid_after(last)
            .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def pem(self, password: bytes | None = None) -> bytes:
        hidden = BestAvailableEncryption(password) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


ROOT, SERVER, OTHER = Signer.new("root"), Signer.new("server"), Signer.new("other")
LEAF = SERVER.certificate(ROOT, hosts=["a.example"])
AUTHORITY = ROOT.certificate(ROOT, signs=True)


def found(
    folder: Path, chain: bytes, key: bytes | None = None, authorities: bytes | None = None
) -> list[Finding]:
    settings = {"tls_certificate": folder / "chain.pem", "tls_private_key": folder / "key.pem"}
    settings["tls_certificate"].write_bytes(chain)
    settings["tls_private_key"].write_bytes(SERVER.pem() if key is None else key)
    settings["tls_private_key"].chmod(0o600)
    if authorities is not None:
        settings["tls_client_ca"] = folder / "authorities.pem"
        settings["tls_client_ca"].write_bytes(authorities)
    return list(check_certificates(make_config(**settings), NOW))


def gravest(findings: list[Finding]) -> Finding:
    state = worst(findings)
    (finding,) = [each for each in findings if each.state == state]
    assert state == "ok" or finding.advice
    return finding


def test_a_good_chain_says_its_names_and_how_long_it_is_valid(tmp_path: Path) -> None:
    findings = found(tmp_path, LEAF + AUTHORITY, authorities=AUTHORITY)
    assert worst(findings) == "ok"
    told = "\n".join(each.found for each in findings)
    assert "CN=server is valid until 2027-06-09, for 100 days" in told
    assert "is for a.example" in told


@pytest.mark.parametrize(
    ("first", "last", "state", "told"),
    [
        (NOW - DAY, NOW + 3 * DAY, "warning", "for 3 days"),
        (NOW - 9 * DAY, NOW - DAY, "problem", "has expired on 2027-02-28"),
        (NOW + DAY, NOW + 9 * DAY, "problem", "valid from 2027-03-02"),
    ],
)
def test_dates_are_compared_with_the_clock(
    tmp_path: Path, first: datetime, last: datetime, state: str, told: str
) -> None:
    chain = SERVER.certificate(ROOT, hosts=["a.example"], first=first, last=last)
    finding = gravest(found(tmp_path, chain))
    assert (finding.state, finding.check) == (state, "tls_certificate")
    assert told in finding.found


def test_a_certificate_for_no_host_is_a_problem(tmp_path: Path) -> None:
    finding = gravest(found(tmp_path, SERVER.certificate(ROOT)))
    assert (finding.state, finding.found) == ("problem", "is for no host")


def test_a_chain_in_the_wrong_order_is_a_problem(tmp_path: Path) -> None:
    finding = gravest(found(tmp_path, LEAF + OTHER.certificate(OTHER, signs=True)))
    assert finding.found == "CN=other follows CN=server, which it has not signed"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (OTHER.pem(), "is another certificate's"),
        (SERVER.pem(b"secret"), "is encrypted"),
        (b"nothing", "is no private key"),
    ],
)
def test_a_key_that_does_not_fit_is_a_problem(tmp_path: Path, key: bytes, told: str) -> None:
    finding = gravest(found(tmp_path, LEAF, key))
    assert (finding.state, finding.check) == ("problem", "tls_private_key")
    assert told in finding.found


def test_a_key_that_everybody_may_read_is_a_warning(tmp_path: Path) -> None:
    found(tmp_path, LEAF)
    (tmp_path / "key.pem").chmod(0o644)
    settings = {"tls_certificate": tmp_path / "chain.pem", "tls_private_key": tmp_path / "key.pem"}
    finding = gravest(list(check_certificates(make_config(**settings), NOW)))
    assert (finding.state, finding.check) == ("warning", "tls_private_key")


def test_a_file_without_certificates_is_a_problem(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, b"nothing")
    assert (finding.state, "holds no certificates" in finding.found) == ("problem", True)


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    settings = {"tls_certificate": tmp_path / "a", "tls_private_key": tmp_path / "b"}
    (finding,) = check_certificates(make_config(**settings), NOW)
    assert "No such file" in finding.found


def test_authorities_must_be_some(tmp_path: Path) -> None:
    finding = gravest(found(tmp_path, LEAF, authorities=LEAF))
    assert (finding.check, finding.state) == ("tls_client_ca", "warning")
    assert "signs no others" in finding.found
    finding = gravest(found(tmp_path, LEAF, authorities=b""))
    assert (finding.check, finding.state) == ("tls_client_ca", "problem")


@pytest.mark.parametrize(("host", "state"), [("127.0.0.1", "ok"), ("0.0.0.0", "warning")])
def test_plain_text_is_for_this_machine_alone(host: str, state: str) -> None:
    (finding,) = check_certificates(make_config(host=host), NOW)
    assert finding.state == state


def test_plain_http_is_for_this_machine_alone() -> None:
    (finding,) = check_certificates(make_config(http_port=8000, http_host="0.0.0.0"))
    assert (finding.state, finding.found) == ("warning", "none: 0.0.0.0 is plain text")
    (finding,) = check_certificates(make_config(http_host="0.0.0.0"))
    assert finding.state == "ok"
