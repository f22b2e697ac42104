"""Which settings ask who calls, and what is said of them."""

import logging
from collections.abc import Sequence

import pytest

from dragoman_server.access import Access, warn_of_clear_text
from dragoman_server.access.keys import hash_of, new_key
from dragoman_server.errors import CredentialsError, PermissionDeniedError
from tests.server.service.harness import make_config

KEY = new_key()
ENTRIES = f"- {{name: acme, sha256: {hash_of(KEY)}, methods: [ListModels], models: ['*']}}"


class Shown:
    """A call that shows a key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def headers(self) -> Sequence[tuple[str, str | bytes]]:
        return [("x-api-key", self._key)]

    def certificate_names(self) -> Sequence[str]:
        raise AssertionError("a key goes before a certificate")


def test_where_no_setting_says_who_may_nobody_is_asked() -> None:
    assert Access.of(make_config()) is None


def test_a_caller_is_let_in_to_what_it_may_call() -> None:
    access = Access.of(make_config(api_key_entries=ENTRIES))
    assert access is not None
    admission = access.admit(Shown(KEY), "ListModels")
    assert admission.principal.name == "acme"
    assert admission.renew() == admission.principal
    assert access.admit(Shown(KEY), None).principal.name == "acme"
    with pytest.raises(PermissionDeniedError, match="the caller may not call TranslateText"):
        access.admit(Shown(KEY), "TranslateText")
    with pytest.raises(CredentialsError):
        access.admit(Shown(new_key()), "ListModels")


@pytest.mark.parametrize(
    ("host", "warns"),
    [("0.0.0.0", True), ("::", True), ("example.org", True), ("127.0.0.1", False),
     ("::1", False), ("localhost", False)],
)  # fmt: skip
def test_a_server_that_others_reach_without_tls_warns(
    host: str, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "dragoman_server"):
        warn_of_clear_text(make_config(api_key_entries=ENTRIES, host=host))
        warn_of_clear_text(make_config(host=host))  # asks for no credentials
    assert warned(caplog) == [host] * warns


@pytest.mark.parametrize(
    ("settings", "hosts"),
    [
        ({"host": "0.0.0.0"}, ["0.0.0.0"]),
        ({"admin_host": "192.0.2.1"}, ["192.0.2.1"]),
        ({"host": "0.0.0.0", "admin_host": "192.0.2.1"}, ["0.0.0.0", "192.0.2.1"]),
        ({"host": "0.0.0.0", "admin_host": "0.0.0.0"}, ["0.0.0.0"]),
        ({"host": "0.0.0.0", "tls_certificate": "a", "tls_private_key": "b"}, []),
    ],
)
def test_each_address_of_the_two_servers_is_warned_of_once(
    settings: dict[str, str], hosts: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "dragoman_server"):
        warn_of_clear_text(
            make_config(api_key_entries=ENTRIES, models="models", admin_port=0, **settings)
        )
    assert warned(caplog) == hosts


def test_an_address_that_nobody_listens_on_is_not_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "dragoman_server"):
        warn_of_clear_text(make_config(api_key_entries=ENTRIES, admin_host="0.0.0.0"))
    assert warned(caplog) == []


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Returns the addresses that were warned of."""
    told = [vars(each) for each in caplog.records]
    assert {each["msg"] for each in told} <= {"credentials_in_clear"}
    return [each["host"] for each in told]
