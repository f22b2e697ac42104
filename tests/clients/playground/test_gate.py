"""Other pages in the same browser, and names that they pointed here, get nothing."""

import pytest
from starlette.testclient import TestClient

from tests.clients.playground.fakes import FakeClients, FakeTranslator, browse

OWN = "http://localhost:8080"


@pytest.mark.parametrize(
    "host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.0.2.7", "play.example"]
)
def test_addresses_and_names_of_its_own_are_answered(clients: FakeClients, host: str) -> None:
    with browse(clients, "Play.example") as http:
        assert http.get("/api/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "a b"]
)
@pytest.mark.parametrize("path", ["/", "/api/models"])
def test_a_name_that_somebody_else_pointed_here_gets_nothing(
    http: TestClient, clients: FakeClients, host: str, path: str
) -> None:
    response = http.get(path, headers={"host": host})
    assert (response.status_code, response.json()["error"]["reason"]) == (403, "HOST_NOT_ALLOWED")
    assert clients.keys == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": OWN, "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_another_page_cannot_ask(
    http: TestClient, translator: FakeTranslator, headers: dict[str, str]
) -> None:
    for response in (
        http.get("/api/models", headers=headers),
        http.post("/api/translate", json={"text": "a"}, headers=headers),
    ):
        assert response.status_code == 403
        assert response.json()["error"]["reason"] == "ORIGIN_NOT_ALLOWED"
    assert translator.asked == []


def test_a_link_leads_to_the_page_from_anywhere(http: TestClient) -> None:
    assert http.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_our_own_page_may_ask(http: TestClient) -> None:
    headers = {"origin": OWN, "sec-fetch-site": "same-origin"}
    assert http.post("/api/translate", json={"text": "a"}, headers=headers).status_code == 200


def test_no_other_origin_is_told_that_it_may_read(http: TestClient) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = http.options("/api/translate", headers=asked)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/page.js", "/api/models", "/nothing"])
def test_every_answer_says_what_a_browser_must_not_do_with_it(http: TestClient, path: str) -> None:
    headers = http.get(path).headers
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
