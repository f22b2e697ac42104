"""What mypy makes of the public API; it is mypy that runs these."""

from collections import UserList, deque
from collections.abc import Sequence
from typing import assert_type

import pytest

from dragoman import (
    AsyncClient,
    Client,
    DragomanError,
    InvalidArgumentError,
    Model,
    StreamResult,
    Translation,
)
from tests.clients.fake_server import FakeServer


def test_a_str_gives_one_translation_and_a_sequence_a_list(client: Client) -> None:
    assert_type(client.translate("a"), Translation)
    assert_type(client.translate(["a"]), list[Translation])
    assert_type(client.translate(("a", "b"), beam_size=1), list[Translation])
    assert_type(client.translate_into("a", ["de"]), dict[str, Translation])
    assert_type(client.translate_into(["a"], ("de", "fr")), dict[str, list[Translation]])
    assert_type(client.models(), list[Model])


def test_either_gives_either(client: Client) -> None:
    each: list[str | list[str]] = ["a", ["a"]]
    for texts in each:
        assert_type(client.translate(texts), Translation | list[Translation])
    sequence: Sequence[str] = ("a",)
    assert_type(client.translate(sequence), list[Translation])
    assert_type(client.translate(UserList(["a"])), list[Translation])
    assert_type(client.translate(deque(["a"])), list[Translation])


def test_what_is_no_text_is_no_text_to_a_type_checker_either(client: Client) -> None:
    for wrong in (b"a", {"a"}, {"a": 1}, None):
        with pytest.raises(InvalidArgumentError):
            client.translate(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError):
        client.translate([b"a"])  # type: ignore[list-item]


def test_a_stream_gives_results(client: Client) -> None:
    for result in client.translate_stream(text for text in ["a"]):
        assert_type(result, StreamResult)
        assert_type(result.translation, Translation)
        assert_type(result.error, DragomanError | None)
        match result.outcome:
            case Translation(translated_text=text):
                assert_type(text, str)
            case error:
                assert_type(error, DragomanError)


async def test_the_async_client_gives_the_same(server: FakeServer) -> None:
    async with AsyncClient(server.target) as client:
        assert_type(await client.translate("a"), Translation)
        assert_type(await client.translate(["a"]), list[Translation])
        either: str | list[str] = ["a"]
        for either in ("a", ["a"]):
            assert_type(await client.translate(either), Translation | list[Translation])
        assert_type(await client.translate_into("a", ["de"]), dict[str, Translation])
        assert_type(await client.translate_into(["a"], ["de"]), dict[str, list[Translation]])
        assert_type(await client.models(), list[Model])
        async for result in client.translate_stream(["a"]):
            assert_type(result, StreamResult)


def test_unknown_options_are_refused(client: Client) -> None:
    with pytest.raises(TypeError, match="beams"):
        client.translate("a", beams=3)  # type: ignore[call-overload]
