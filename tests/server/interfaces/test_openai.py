"""OpenAI's own client against this server, with its address changed and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextResponse,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.errors import BackendError, RateLimitedError
from dragoman_server.sequence import FinishReason
from tests.server.service.harness import Running, manifest
from tests.server.service.test_access import KEY, entries, entry

pytest.importorskip("starlette")
openai = pytest.importorskip("openai")
http_served = pytest.importorskip("tests.server.interfaces.http_served")
growing = pytest.importorskip("dragoman_server.interfaces.http.growing")
refusals = pytest.importorskip("dragoman_server.interfaces.http.refusals")

asked, get, post = http_served.asked, http_served.get, http_served.post
speaking_http = http_served.speaking_http

PATH = "/v1/chat/completions"


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with speaking_http() as server:
        yield server


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Translate."}, {"role": "user", "content": text}]


async def with_client(
    server: Running, use: Callable[[Any], Awaitable[Any]], key: str = "none"
) -> Any:
    url = f"{http_served.url_of(server)}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
        return await use(client)


async def complete(server: Running, text: str, model: str = "tiny", **options: Any) -> Any:
    return await with_client(
        server,
        lambda client: client.chat.completions.create(model=model, messages=said(text), **options),
    )


async def chunks(server: Running, text: str, **options: Any) -> list[Any]:
    async def read(client: Any) -> list[Any]:
        stream = await client.chat.completions.create(
            model="tiny", messages=said(text), stream=True, **options
        )
        return [chunk async for chunk in stream]

    each = await with_client(server, read)
    assert isinstance(each, list)
    return each


def contents(each: list[Any]) -> list[str]:
    return [chunk.choices[0].delta.content for chunk in each if chunk.choices]


async def test_the_last_message_of_the_user_is_translated(server: Running) -> None:
    answer = await complete(server, "a b")
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("a b", "stop")
    assert (answer.model, answer.object) == ("tiny", "chat.completion")
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3, 2, 5)
    requests = {"interface": "openai", "code": "OK"}
    assert server.sample("dragoman_interface_requests_total", **requests) == 1


async def test_the_client_that_blocks_is_answered_as_well(server: Running) -> None:
    def complete() -> Any:
        url = f"{http_served.url_of(server)}/v1"
        with openai.OpenAI(base_url=url, api_key="none") as client:
            return client.chat.completions.create(model="tiny:en-de", messages=said("a"))

    answer = await asked(complete)
    assert answer.choices[0].message.content == "a"


async def test_translations_are_those_of_the_native_call(server: Running) -> None:
    text = "One two.  Three\n\n* four"
    native = await server.stub.TranslateText(TranslateTextRequest(contents=[text]))
    answer = await complete(server, text)
    whole = native.translations[0].translated_text
    assert answer.choices[0].message.content == whole
    assert "".join(filter(None, contents(await chunks(server, text)))) == whole
    each = [(one.source_ids, one.options) for one in server.engine.texts]
    assert each == each[: len(each) // 3] * 3


async def test_languages_stand_in_the_models_name_or_in_parameters() -> None:
    async with speaking_http(manifest("en pt-BR", "de fr")) as server:
        for model, languages in (
            ("tiny:en-de", {}),
            ("tiny:pt-BR-fr", {}),
            ("tiny", {"source_language_code": "en", "target_language_code": "fr"}),
            (":en-fr", {}),
        ):
            answer = await complete(server, "a", model, extra_body=languages)
            assert answer.choices[0].message.content == "a"
        for model, error in (
            ("tiny", openai.BadRequestError),
            ("tiny:en", openai.BadRequestError),
            ("tiny:en-de-fr", openai.BadRequestError),
            ("tiny:en-es", openai.NotFoundError),
            ("other", openai.NotFoundError),
        ):
            with pytest.raises(error):
                await complete(server, "a", model)


async def test_models_are_listed_with_their_pairs(server: Running) -> None:
    models = await with_client(server, lambda client: client.models.list())
    assert [model.id for model in models.data] == ["tiny", "tiny:en-de"]
    model = await with_client(server, lambda client: client.models.retrieve("tiny:en-de"))
    assert model.id == "tiny:en-de"
    with pytest.raises(openai.NotFoundError, match="'other', which is not there"):
        await with_client(server, lambda client: client.models.retrieve("other"))


async def test_parts_of_a_message_are_one_text(server: Running) -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
    request = {"model": "tiny", "messages": [{"role": "user", "content": parts}]}
    answer = await post(server, PATH, request)
    assert answer.body["choices"][0]["message"]["content"] == "a b"


async def test_several_choices_are_hypotheses_of_a_beam(server: Running) -> None:
    await complete(server, "a", n=2)
    (text,) = server.engine.texts
    assert (text.options.num_hypotheses, text.options.beam_size) == (2, 4)


async def test_a_translation_that_is_cut_says_so(server: Running) -> None:
    server.engine.echo = False
    completing = asyncio.create_task(complete(server, "a"))
    (text,) = await server.engine.has_texts(1)
    text.finish(FinishReason.LENGTH)
    assert (await completing).choices[0].finish_reason == "length"


async def test_a_stream_grows_and_ends_with_what_it_took(server: Running) -> None:
    server.engine.echo = False

    async def read(client: Any) -> list[Any]:
        stream = await client.chat.completions.create(
            model="tiny",
            messages=said("a b c"),
            stream=True,
            stream_options={"include_usage": True},
        )
        each = [await anext(stream)]  # what is there before the end
        text.finish()
        return each + [chunk async for chunk in stream]

    reading = asyncio.create_task(with_client(server, read))
    (text,) = await server.engine.has_texts(1)
    text.partial(2)
    each = await reading
    assert contents(each) == ["a", " b c", None]
    assert [chunk.choices[0].finish_reason for chunk in each[:-1]] == [None, None, "stop"]
    assert each[0].choices[0].delta.role == "assistant"
    assert (each[-1].choices, each[-1].usage.total_tokens) == ([], 7)
    assert {chunk.object for chunk in each} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in each}) == 1


async def test_what_fails_before_the_first_word_has_a_status(server: Running) -> None:
    with pytest.raises(openai.NotFoundError):
        await chunks(server, "a", extra_body={"target_language_code": "fr"})
    assert server.sample("dragoman_interface_requests_total", interface="openai") == 1


async def test_what_fails_later_is_an_event(server: Running) -> None:
    server.engine.echo = False

    async def read(client: Any) -> None:
        stream = await client.chat.completions.create(
            model="tiny", messages=said("a b c"), stream=True
        )
        assert (await anext(stream)).choices[0].delta.content == "a"
        text.fail(BackendError("broken"))
        with pytest.raises(openai.APIError, match="its log says why"):
            await anext(stream)

    reading = asyncio.create_task(with_client(server, read))
    (text,) = await server.engine.has_texts(1)
    text.partial(2)
    await reading


def partial(text: str, settled: int) -> StreamTranslateTextResponse:
    return StreamTranslateTextResponse(partial_text=text, settled_length=settled)


def finished(text: str) -> StreamTranslateTextResponse:
    return StreamTranslateTextResponse(translation=Translation(translated_text=text))


def test_what_was_said_is_never_taken_back() -> None:
    one = growing.Growing()
    answers = [partial("der Hut", 0), partial("die Hut", 3), partial("die", 0), partial("die H", 4)]
    assert [one.addition(answer) for answer in answers] == ["", "die", "", " "]
    assert one.addition(finished("die Hüte")) == "Hüte"
    other = growing.Growing()
    other.addition(partial("der Hut", 3))
    with pytest.raises(refusals.RefusedError, match="does not begin with what was said"):
        other.addition(finished("die Hut"))


async def test_errors_are_those_that_the_client_knows(server: Running) -> None:
    answer = await post(server, PATH, {"model": "tiny", "messages": []})
    assert answer.status == 400
    assert answer.body["error"]["type"] == "invalid_request_error"
    assert answer.body["error"]["param"] == "messages"
    fields = ("tools", "stop", "logprobs", "functions", "logit_bias", "audio", "response_format")
    for field in fields:
        answer = await post(server, PATH, {"model": "tiny", "messages": said("a"), field: ["x"]})
        assert (answer.status, answer.body["error"]["param"]) == (400, field)
    server.engine.is_at_ease = False
    server.engine.refusal = RateLimitedError("too much", retry_after_seconds=1.5)
    with pytest.raises(openai.RateLimitError) as refused:
        await complete(server, "a")
    assert refused.value.response.headers["retry-after"] == "2"


async def test_a_key_is_asked_for_as_for_every_call() -> None:
    async with speaking_http(api_key_entries=entries(entry())) as server:
        with pytest.raises(openai.AuthenticationError):
            await complete(server, "a")
        models = await with_client(server, lambda client: client.models.list(), KEY)
        assert models.data


async def test_a_deadline_is_kept_and_not_retried(server: Running) -> None:
    server.engine.echo = False
    headers = {"x-request-timeout": "0.05", "content-type": "application/json"}
    for stream in (False, True):
        request = {"model": "tiny", "messages": said("a"), "stream": stream}
        answer = await post(server, PATH, request, headers)
        assert (answer.status, answer.headers["x-should-retry"]) == (504, "false")
    await server.engine.all_cancelled()


@pytest.mark.parametrize("stream", [False, True])
async def test_who_hangs_up_frees_the_server_from_the_text(
    server: Running, *, stream: bool
) -> None:
    server.engine.echo = False

    async def leave(client: Any) -> None:
        completing = asyncio.create_task(
            client.chat.completions.create(model="tiny", messages=said("a"), stream=stream)
        )
        await server.engine.has_texts(1)
        completing.cancel()
        await asyncio.wait((completing,))

    await with_client(server, leave)
    async with asyncio.timeout(60):
        await server.engine.all_cancelled()


async def test_who_leaves_a_stream_frees_the_server_from_the_text(server: Running) -> None:
    server.engine.echo = False

    async def leave(client: Any) -> None:
        stream = await client.chat.completions.create(
            model="tiny", messages=said("a b c"), stream=True
        )
        await anext(stream)
        await stream.close()

    leaving = asyncio.create_task(with_client(server, leave))
    (text,) = await server.engine.has_texts(1)
    text.partial(2)
    await leaving
    async with asyncio.timeout(60):
        await server.engine.all_cancelled()
