"""The examples of clients/ in other languages against a real server that asks for keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Client
from tests.clients.other_languages import BUILDS, build_typescript, said
from tests.exports import Exports
from tests.integration.conftest import Bundles
from tests.integration.served import Served
from tests.integration.test_access import new_key

TEXTS = ["Good morning!", "Where is the nearest train station?", "  - Ä hat & a cat.\t"]


@pytest.fixture(scope="module")
def keyed(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server's address and the key that it asks for."""
    file: Path = tmp_path_factory.mktemp("access") / "keys.yaml"
    key = new_key(file, "other-languages")
    with Served(bundles["float32"], api_keys=file) as served:
        yield served.address, key


@pytest.fixture(scope="module")
def expected(keyed: tuple[str, str]) -> list[str]:
    """What the Python client gets."""
    address, key = keyed
    with Client(address, api_key=key) as client:
        return [translation.translated_text for translation in client.translate(TEXTS)]


@pytest.mark.parametrize("language", BUILDS)
def test_every_language_gets_what_python_gets(
    language: str, keyed: tuple[str, str], expected: list[str], exports: Exports
) -> None:
    address, key = keyed
    command = BUILDS[language](exports)
    ended = said(command, address, *TEXTS, key=key)
    assert (ended.stdout.split("\n")[:-1], ended.stderr) == (expected, "")
    refused = said(command, address, *TEXTS)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "unauthenticated" in refused.stderr.lower()


def test_a_stream_gets_what_calls_get(
    keyed: tuple[str, str], expected: list[str], exports: Exports
) -> None:
    address, key = keyed
    stream = [word.replace("translate.js", "stream.js") for word in build_typescript(exports)]
    ended = said(stream, address, key=key, lines="".join(f"{text}\n" for text in TEXTS))
    answers = dict(line.split("\t", 1) for line in ended.stdout.split("\n")[:-1])
    assert (answers, ended.stderr) == (
        {str(number): text for number, text in enumerate(expected, 1)},
        "",
    )
