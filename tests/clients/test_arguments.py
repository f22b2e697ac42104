"""What cannot be sent is refused at once, in the same words, on every way to the server."""

import asyncio
import fractions
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from dragoman import AsyncClient, Client, DragomanError, InvalidArgumentError, UsageError
from dragoman.options import Options
from dragoman.texts import MAX_TEXT_BYTES
from tests.clients.fake_server import FakeServer

Call = Callable[..., object]


@pytest.fixture(params=["translate", "stream", "async translate", "async stream"])
def call(request: pytest.FixtureRequest) -> Call:
    """Each way to the server; nothing listens there: a call that is made fails otherwise."""
    method = {"translate": Client.translate, "stream": Client.translate_stream}
    asynchronous = {"translate": AsyncClient.translate, "stream": AsyncClient.translate_stream}
    kind, _, name = request.param.rpartition(" ")

    def sync_call(texts: object = ("a",), **keywords: Any) -> object:
        with Client("127.0.0.1:1") as client:
            return cast("Call", method[name])(client, texts, **keywords)

    def async_call(texts: object = ("a",), **keywords: Any) -> object:
        async def use() -> object:
            async with AsyncClient("127.0.0.1:1") as client:
                made = cast("Call", asynchronous[name])(client, texts, **keywords)
                return await cast("Any", made) if name == "translate" else made

        return asyncio.run(use())

    return async_call if kind else sync_call


INTEGERS = (
    "beam_size",
    "max_decoding_length",
    "min_decoding_length",
    "num_hypotheses",
    "no_repeat_ngram_size",
    "sampling_topk",
)
NUMBERS = (
    "length_penalty",
    "max_length_factor",
    "repetition_penalty",
    "sampling_topp",
    "sampling_temperature",
)
STRINGS = (
    *("source_language_code", "target_language_code", "model", "target_prefix"),
    *("pivot_language_code", "glossary"),
)
SWITCHES = (
    *("return_scores", "return_token_scores", "skip_cache"),
    "mixed_languages",
    *("glossary_ignore_case", "protect_placeholders"),
)

WRONG: list[tuple[str, object]] = [
    *((name, value) for name in INTEGERS for value in (2**31, -(2**31) - 1, 10**5000, 1.5, "4")),
    *((name, value) for name in INTEGERS for value in (True, [4])),
    *((name, value) for name in NUMBERS for value in (float("nan"), float("inf"), 10**400)),
    *((name, value) for name in NUMBERS for value in ("1", True, 1j, np.float64("-inf"))),
    *((name, value) for name in STRINGS for value in ("d\udce4", b"de", 7, "ä" * 60_000)),
    *((name, value) for name in SWITCHES for value in (1, "yes", np.bool_(True))),
    *(("seed", value) for value in (2**63, -(2**63) - 1, 0.5, "7")),
    *(("early_stopping", value) for value in ("soon", [4], 2, 0.0, np.array([1]))),
    *(("suppress_sequences", value) for value in ("bad", b"bad", ["a", "\ud800"], [None], 5)),
    ("suppress_sequences", (text for text in ["a"])),
    *(("dnt_phrases", value) for value in ("bad", ["a", "\ud800"], [None], 5, ["a" * 1000] * 101)),
    *(("glossary_entries", value) for value in ("ab", [("a",)], {"a": 5}, {"a": "\ud800"}, 5)),
    *(("glossary_entries", value) for value in (["ab"], [("a", "b", "c")])),
    *(("glossary_mode", value) for value in ("medium", 1, ["hard"])),
    *(("guard", value) for value in ("always", True, 2, ["warn"])),
    ("suppress_sequences", ["a" * 1000] * 101),
    *(("timeout", value) for value in ("3", 0, -1, float("nan"), float("inf"), 1e10, True, [3])),
]


@pytest.mark.parametrize(
    ("name", "value"), WRONG, ids=[f"{name}-{number}" for number, (name, _) in enumerate(WRONG)]
)
def test_what_cannot_be_sent_is_refused_by_its_name(call: Call, name: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        call(**{name: value})
    assert name in str(caught.value)
    assert len(str(caught.value)) < 300
    (violation,) = caught.value.violations
    assert name in violation.field
    assert violation.reason == caught.value.reason != ""


@pytest.mark.parametrize("texts", [b"a", bytearray(b"a"), memoryview(b"a"), None, 5])
def test_what_is_no_text_is_refused(call: Call, texts: object) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^texts must be .* not {type(texts).__name__}"):
        call(texts)


@pytest.mark.parametrize("size", [0, -1, "many", 2.5, None])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_window_has_a_size(kind: type[Client] | type[AsyncClient], size: object) -> None:
    with pytest.raises(InvalidArgumentError, match="max_concurrency"):
        kind("127.0.0.1:1").translate_stream(["a"], max_concurrency=cast("int", size))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("target", value) for value in (None, "", "  ", 50051, b"h:1", "h\udce4:1", "h\0:1")),
        *(("target", value) for value in ("host:0", "host:99999", "[::1]:70000")),
        *(("target", value) for value in ("http://host:50051/", "https://host:50051")),
        *(("timeout", value) for value in ("3", 0, float("nan"), -5)),
        *(("credentials", value) for value in ("ca.pem", b"PEM", True)),
    ],
)
def test_a_client_is_not_made_of_what_is_wrong(
    kind: Callable[..., object], name: str, value: object
) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{name} "):
        kind(**{name: value})


async def test_a_list_of_models_has_a_timeout_too() -> None:
    for value in ("3", 0, float("nan")):
        with Client() as client, pytest.raises(InvalidArgumentError, match=r"^timeout "):
            client.models(timeout=cast("float", value))
        async with AsyncClient() as async_client:
            with pytest.raises(InvalidArgumentError, match=r"^timeout "):
                await async_client.models(timeout=cast("float", value))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("value", ["3", -1, float("inf"), True])
def test_so_has_trying_again(kind: Callable[..., object], value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^retry_seconds "):
        kind(retry_seconds=value)


def test_a_url_is_answered_with_the_target_that_is_meant() -> None:
    with pytest.raises(InvalidArgumentError, match="must be host:port and no URL: 'host:50051'"):
        Client("http://host:50051/translate")


def test_numbers_of_other_libraries_are_numbers() -> None:
    beam_size, topp, seed = np.int64(4), np.float32(0.5), np.int64(-7)
    options = Options(
        beam_size=beam_size,  # type: ignore[arg-type]
        sampling_topp=topp,  # type: ignore[arg-type]
        length_penalty=fractions.Fraction(1, 2),  # type: ignore[arg-type]
        repetition_penalty=2,
        seed=seed,  # type: ignore[arg-type]
    )
    assert options == Options(
        beam_size=4, sampling_topp=0.5, length_penalty=0.5, repetition_penalty=2.0, seed=-7
    )
    assert type(options.beam_size) is type(options.seed) is int
    assert type(options.sampling_topp) is type(options.repetition_penalty) is float


def test_nothing_given_is_none_given() -> None:
    none = dict.fromkeys(Options.__dataclass_fields__)
    assert Options(**none).message(0) == Options().message(0)  # type: ignore[arg-type]


def test_a_list_that_the_caller_changes_meanwhile_is_sent_as_it_was() -> None:
    forbidden = ["bad"]
    options = Options(suppress_sequences=forbidden)
    forbidden.append("worse")
    assert options.message(0).suppress_sequences == ["bad"]


def test_the_largest_text_and_the_longest_options_fit_in_a_message() -> None:
    options = Options(suppress_sequences=[""] * 16_000)
    size = MAX_TEXT_BYTES + options.message(2**62).ByteSize()
    assert size + 10_000 < 4 * 1024 * 1024


def test_a_text_that_is_none_fails_alone_in_a_stream(client: Client) -> None:
    texts = cast("list[str]", ["a", b"b", None, "c"])
    first, second, third, fourth = client.translate_stream(texts)
    assert first.error is fourth.error is None
    assert str(second.error) == "texts[1] must be str, not bytes"
    assert isinstance(third.error, InvalidArgumentError)


def test_a_sync_client_is_not_given_an_async_iterable(client: Client) -> None:
    texts = cast("list[str]", AsyncClient().translate_stream([]))
    with pytest.raises(InvalidArgumentError, match="AsyncClient takes asynchronous ones"):
        client.translate_stream(texts)


def test_a_closed_client_says_so(server: FakeServer) -> None:
    client = Client(server.target)
    begun = client.translate_stream(["a"])
    client.close()
    client.close()
    calls: list[Callable[[], object]] = [
        lambda: client.translate("a"),
        lambda: client.translate(["a", "b"]),
        lambda: client.translate_stream(["a"]),
        lambda: list(begun),
        client.models,
    ]
    for each in calls:
        with pytest.raises(UsageError, match="the client is closed") as caught:
            each()
        assert caught.value.reason == "CLIENT_CLOSED"


async def test_a_closed_async_client_says_so(server: FakeServer) -> None:
    client = AsyncClient(server.target)
    await client.translate("a")
    begun = client.translate_stream(["a"])
    await client.close()
    await client.close()
    with pytest.raises(UsageError, match="the client is closed"):
        await client.translate("a")
    with pytest.raises(UsageError, match="the client is closed"):
        await client.models()
    with pytest.raises(UsageError, match="the client is closed"):
        client.translate_stream(["a"])
    with pytest.raises(UsageError, match="the client is closed"):
        await anext(begun)


def test_an_async_client_on_another_event_loop_says_so(server: FakeServer) -> None:
    client = AsyncClient(server.target)

    async def translate() -> str:
        return (await client.translate("a")).translated_text

    async def stream() -> list[str]:
        return [r.translation.translated_text async for r in client.translate_stream(["a"])]

    assert asyncio.run(translate()) == "A"
    for use in (translate, stream):
        with pytest.raises(DragomanError, match=r"another event loop.* asyncio\.run") as caught:
            asyncio.run(use())
        assert caught.value.reason == "OTHER_EVENT_LOOP"
    asyncio.run(client.close())


def test_an_async_stream_may_be_made_before_its_event_loop(server: FakeServer) -> None:
    client = AsyncClient(server.target)
    results = client.translate_stream(["a"])

    async def use() -> list[str]:
        async with client:
            return [result.translation.translated_text async for result in results]

    assert asyncio.run(use()) == ["A"]
