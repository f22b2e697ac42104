"""Tokens: those that one issuer signed for this service, and no others."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from dragoman_server.access.principal import Limits, Principal
from dragoman_server.access.tokens import LEEWAY_SECONDS, Tokens
from dragoman_server.errors import ConfigError

ISSUER, AUDIENCE = "https://issuer.example", "dragoman"
NOW = time.time()
DAY = 86_400
"""In seconds: the library has a clock of its own, and the suite takes its time."""
GRANT = {"methods": ["TranslateText"], "models": ["tiny"], "texts_per_second": 5}

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(key: PrivateKeyTypes, **more: str) -> dict[str, object]:
    public: dict[str, object]
    if isinstance(key, rsa.RSAPrivateKey):
        public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return public | more


def jwks(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def tokens(content: bytes | None = None, algorithm: str = "RS256") -> Tokens:
    content = jwks(jwk(RSA_KEY, kid="one")) if content is None else content
    return Tokens(content, issuer=ISSUER, audience=AUDIENCE, algorithm=algorithm)


def claims(**more: object) -> dict[str, object]:
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "acme",
        "exp": int(NOW) + 2 * DAY,
        "dragoman": GRANT,
    } | more
    return {name: value for name, value in said.items() if value is not None}


def signed(
    said: dict[str, object] | None = None,
    key: PrivateKeyTypes = RSA_KEY,
    algorithm: str = "RS256",
    kid: str | None = "one",
) -> str:
    headers = {} if kid is None else {"kid": kid}
    said = claims() if said is None else said
    return jwt.encode(said, key, algorithm, headers=headers)  # type: ignore[arg-type]


def part(content: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


def test_a_good_token_is_its_subjects_with_what_its_claim_grants() -> None:
    assert tokens().find(signed(), NOW) == Principal(
        "jwt:acme", frozenset({"TranslateText"}), frozenset({"tiny"}), Limits(5.0)
    )


def test_a_token_without_our_claim_may_do_nothing() -> None:
    assert tokens().find(signed(claims(dragoman=None)), NOW) == Principal("jwt:acme")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA_KEY, "PS256"),
        (EC_KEY, "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_algorithms_with_public_keys_are_known(key: PrivateKeyTypes, algorithm: str) -> None:
    checked = tokens(jwks(jwk(key, kid="one")), algorithm)
    assert checked.find(signed(None, key, algorithm), NOW) is not None


WRONG: dict[str, Callable[[], str]] = {
    "another's signature": lambda: signed(None, rsa.generate_private_key(65537, 2048)),
    "another key's name": lambda: signed(kid="two"),
    "another algorithm of the same key": lambda: signed(algorithm="RS512"),
    "a padding of the same key": lambda: signed(algorithm="PS256"),
    "another issuer": lambda: signed(claims(iss="https://other.example")),
    "no issuer": lambda: signed(claims(iss=None)),
    "another audience": lambda: signed(claims(aud="another")),
    "no audience": lambda: signed(claims(aud=None)),
    "no end": lambda: signed(claims(exp=None)),
    "an end long past": lambda: signed(claims(exp=int(NOW) - LEEWAY_SECONDS - 5)),
    "an end that is no number": lambda: signed(claims(exp="soon")),
    "a beginning to come": lambda: signed(claims(nbf=int(NOW) + LEEWAY_SECONDS + DAY)),
    "no subject": lambda: signed(claims(sub=None)),
    "an empty subject": lambda: signed(claims(sub="")),
    "a subject that is no text": lambda: signed(claims(sub=5)),
    "a subject without end": lambda: signed(claims(sub="a" * 129)),
    "a subject of two lines": lambda: signed(claims(sub="a\nb")),
    "a claim that is no grant": lambda: signed(claims(dragoman="*")),
    "a grant of unknown things": lambda: signed(claims(dragoman=GRANT | {"admin": True})),
    "another text": lambda: signed().replace(".", ".A", 1),
    "no token": lambda: "a.b.c",
    "nothing": lambda: "..",
    "no characters of a token": lambda: "é.\udcff.ö",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_token_is_nobodys(wrong: Callable[[], str]) -> None:
    assert tokens().find(wrong(), NOW) is None


def test_a_token_that_is_not_signed_is_nobodys() -> None:
    for alg in ("none", "None", "NONE", ""):
        head = part({"alg": alg, "kid": "one", "typ": "JWT"})
        assert tokens().find((head + b"." + part(claims()) + b".").decode(), NOW) is None


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    """HMAC with what everybody knows: the oldest trick (CVE-2015-9235)."""
    content = jwks(jwk(RSA_KEY, kid="one"))
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    pem = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for secret in (content, pem):
        body = part({"alg": "HS256", "kid": "one"}) + b"." + part(claims())
        mac = base64.urlsafe_b64encode(hmac.new(secret, body, hashlib.sha256).digest())
        token = (body + b"." + mac.rstrip(b"=")).decode()
        assert tokens(content).find(token, NOW) is None


def test_a_token_names_no_key_of_its_own() -> None:
    other = rsa.generate_private_key(65537, 2048)
    headers = {"jwk": jwk(other), "jku": "https://evil.example/keys", "kid": "one"}
    token = jwt.encode(claims(), other, "RS256", headers=headers)
    assert tokens().find(token, NOW) is None


def test_a_token_with_what_must_be_understood_is_nobodys() -> None:
    headers = {"kid": "one", "crit": ["exp2"], "exp2": 1}
    assert tokens().find(jwt.encode(claims(), RSA_KEY, "RS256", headers=headers), NOW) is None


def test_a_token_that_was_good_ends() -> None:
    checked, token = tokens(), signed()
    end = int(NOW) + 2 * DAY + LEEWAY_SECONDS
    assert checked.find(token, NOW) is not None
    assert checked.find(token, end - 1) is not None
    assert checked.find(token, end) is None


def test_tokens_that_are_not_good_take_no_memory() -> None:
    checked = tokens()
    for number in range(20):
        assert checked.find(signed(claims(sub="", jti=str(number))), NOW) is None
        assert checked.find(f"a.{number}.c", NOW) is None
    assert checked._good == {}


def test_a_token_need_not_name_the_only_key() -> None:
    unnamed = jwks(jwk(RSA_KEY))
    assert tokens(unnamed).find(signed(kid=None), NOW) is not None
    assert tokens().find(signed(kid=None), NOW) is not None
    two = jwks(jwk(RSA_KEY, kid="one"), jwk(rsa.generate_private_key(65537, 2048), kid="two"))
    assert tokens(two).find(signed(kid=None), NOW) is None


def test_keys_of_other_kinds_are_passed_over() -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "hmac"}
    others = (secret, jwk(EC_KEY, kid="ec"), jwk(RSA_KEY, kid="enc", use="enc"))
    mixed = jwks(*others, jwk(RSA_KEY, kid="one", use="sig", alg="RS256"))
    assert tokens(mixed).find(signed(), NOW) is not None
    assert tokens(mixed).find(signed(kid="enc"), NOW) is None
    with pytest.raises(ConfigError, match="there is no public key for RS256"):
        tokens(jwks(*others))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "a JSON object"),
        (b"[]", "a JSON object"),
        (b'{"keys": 5}', "a JSON object"),
        (b'{"keys": [5]}', "a JSON object"),
        (b"\xff", "a JSON object"),
        (jwks(), "there is no public key"),
        (jwks({"kty": "RSA"}), "cannot be read"),
        (jwks({"kty": "RSA", "n": "canary", "e": "!"}), "cannot be read"),
        (jwks(jwk(RSA_KEY), jwk(RSA_KEY)), "two keys of one `kid`"),
        (jwks(jwk(RSA_KEY) | {"kid": ["canary"]}), "is no text"),
        (jwks(RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True)), "there is a private key"),
    ],
)
def test_a_wrong_key_file_is_told_without_quoting_it(content: bytes, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        tokens(content)
    assert "canary" not in str(caught.value)


def test_a_short_key_is_refused() -> None:
    short = rsa.generate_private_key(65537, 1024)  # what everybody with time can factor
    with pytest.raises(ConfigError, match="too short"):
        tokens(jwks(jwk(short)))
