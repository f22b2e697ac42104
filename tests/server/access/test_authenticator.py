"""Who makes a call, by what it shows: one credential, or nobody."""

import pytest

from dragoman_server.access.authenticator import Authenticator
from dragoman_server.access.keys import Keys, hash_of, new_key
from dragoman_server.access.principal import Principal
from dragoman_server.errors import CredentialsError

KEY = new_key()
TOKEN = "head.claims.signature"
ENTRIES = f"""
- {{name: acme, sha256: {hash_of(KEY)}, methods: ["*"], models: ["*"]}}
- {{name: mutual, certificate: client.example, methods: ["*"], models: ["*"]}}
"""


class Shown:
    def __init__(self, *headers: tuple[str, str | bytes], names: tuple[str, ...] = ()) -> None:
        self._headers = headers
        self._names = names

    def headers(self) -> tuple[tuple[str, str | bytes], ...]:
        return (("user-agent", "test"), *self._headers)

    def certificate_names(self) -> tuple[str, ...]:
        return self._names


class FakeTokens:
    def find(self, token: str, now: float) -> Principal | None:
        assert now == 5.0
        return Principal("jwt:user") if token == TOKEN else None


@pytest.fixture
def authenticator() -> Authenticator:
    made = Authenticator(clock=lambda: 5.0)
    made.keys = Keys.read(ENTRIES, "keys")
    made.tokens = FakeTokens()
    return made


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        (Shown(("authorization", f"Bearer {KEY}")), "acme"),
        (Shown(("authorization", f"bearer {KEY}")), "acme"),
        (Shown(("x-api-key", KEY)), "acme"),
        (Shown(("authorization", f"Bearer {TOKEN}")), "jwt:user"),
        (Shown(names=("client.example",)), "mutual"),
        (Shown(("x-api-key", KEY), names=("client.example",)), "acme"),
    ],
)
def test_one_good_credential_is_somebodys(
    authenticator: Authenticator, shown: Shown, name: str
) -> None:
    assert authenticator.authenticate(shown).name == name


REFUSED = [
    Shown(),
    Shown(("x-api-key", "")),
    Shown(("x-api-key", KEY[:-1])),
    Shown(("x-api-key", f" {KEY}")),
    Shown(("x-api-key", TOKEN)),
    Shown(("x-api-key-bin", KEY.encode())),
    Shown(("authorization", KEY)),
    Shown(("authorization", f"Basic {KEY}")),
    Shown(("authorization", f"Bearer  {KEY}")),
    Shown(("authorization", "Bearer")),
    Shown(("authorization", "Bearer a.b.c")),
    Shown(("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {KEY}")),
    Shown(("authorization", f"Bearer {KEY}"), ("x-api-key", KEY)),
    Shown(("x-api-key", KEY), ("x-api-key", new_key())),
    Shown(names=("nobody.example",)),
    Shown(("x-api-key", new_key()), names=("client.example",)),
]


@pytest.mark.parametrize("shown", REFUSED)
def test_anything_else_is_refused_in_the_same_words(
    authenticator: Authenticator, shown: Shown
) -> None:
    with pytest.raises(CredentialsError) as caught:
        authenticator.authenticate(shown)
    assert str(caught.value) == "the call has no credentials that are accepted"
    assert caught.value.reason == "CREDENTIALS_REFUSED"


def test_without_an_issuer_no_token_is_good(authenticator: Authenticator) -> None:
    authenticator.tokens = None
    with pytest.raises(CredentialsError):
        authenticator.authenticate(Shown(("authorization", f"Bearer {TOKEN}")))
