"""OpenAI's chat completions: the last message of the user is what is translated.

POST /v1/chat/completions   whole, or as server-sent events that grow
GET  /v1/models             and one of them
"""

import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    DecodingOptions,
    FinishReason,
    Hypothesis,
    Model,
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.errors import shorten
from dragoman_server.interfaces.http import chat, fields
from dragoman_server.interfaces.http.answering import Asker, Dialect, Endpoint
from dragoman_server.interfaces.http.asked import Asked, as_sent
from dragoman_server.interfaces.http.bodies import Fields
from dragoman_server.interfaces.http.chat import Chat
from dragoman_server.interfaces.http.growing import EventStream, Growing
from dragoman_server.interfaces.http.refusals import Refusal, RefusedError, refusal_of, refused
from dragoman_server.rpc import RpcError

NAME = "openai"

MOST_PAIRS = 256
"""Of a model whose pairs are listed."""

BEAM = 4
"""Least number of hypotheses that are kept where several choices are asked for."""

_TYPES = {
    "UNAUTHENTICATED": "authentication_error",
    "PERMISSION_DENIED": "permission_error",
    "RESOURCE_EXHAUSTED": "rate_limit_error",
}
_OF_SERVER = 500
"""HTTP's statuses from here on are the server's to answer for."""

Json = dict[str, object]


def routes(asker: Asker) -> list[Route]:
    """Returns its paths."""
    dialect = Dialect(NAME, _tell, _credentials)
    answering = {
        ("POST", "/v1/chat/completions"): (_complete, "TranslateText"),
        ("GET", "/v1/models"): (_models, "ListModels"),
        ("GET", "/v1/models/{model:path}"): (_model, "ListModels"),
    }
    return [
        Route(path, Endpoint(*each, dialect, asker), methods=[verb])
        for (verb, path), each in answering.items()
    ]


async def _complete(asked: Asked) -> Response:
    said = chat.read(asked.fields)
    about = _About(fields.text(asked.fields, "model"))
    if said.streams:
        return await _growing(asked, said, about)
    request = TranslateTextRequest(
        contents=[said.text],
        source_language_code=said.source,
        target_language_code=said.target,
        model=said.model,
    )
    if said.choices > 1:
        options = DecodingOptions(num_hypotheses=said.choices, beam_size=max(BEAM, said.choices))
        request.options.CopyFrom(options)
    (translation,) = (await asked.translate(request)).translations
    return JSONResponse(about.completion(translation))


async def _growing(asked: Asked, said: Chat, about: "_About") -> Response:
    request = StreamTranslateTextRequest(
        content=said.text,
        source_language_code=said.source,
        target_language_code=said.target,
        model=said.model,
        partial_results=True,
    )
    answers, growing = asked.translate_incrementally(request), Growing()
    try:
        first = growing.addition(await anext(answers))  # what is refused now has a status of HTTP
    except BaseException:
        await answers.aclose()
        raise
    return EventStream(_chunks(first, answers, growing, about, tells_usage=said.tells_usage))


async def _chunks(
    first: str,
    answers: AsyncGenerator[StreamTranslateTextResponse, None],
    growing: Growing,
    about: "_About",
    *,
    tells_usage: bool,
) -> AsyncGenerator[Json, None]:
    async with aclosing(answers):
        yield about.chunk({"role": "assistant", "content": first})
        try:
            async for answer in answers:
                if added := growing.addition(answer):
                    yield about.chunk({"content": added})
        except RefusedError as error:
            yield _told(error.refusal)
            return
        except RpcError as error:
            yield _told(refusal_of(error.status))
            return
    assert growing.translation is not None
    yield about.chunk({}, _finish_reason(growing.translation.finish_reason))
    if tells_usage:
        yield about.usage_chunk(growing.translation)


class _About:
    """What all objects of one answer have.

    Args:
        model: As it was asked for.
    """

    def __init__(self, model: str) -> None:
        self._common: Json = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def completion(self, translation: Translation) -> Json:
        """Returns the answer as a whole."""
        each: Sequence[Hypothesis | Translation] = translation.hypotheses or [translation]
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": one.translated_text, "refusal": None},
                "logprobs": None,
                "finish_reason": _finish_reason(one.finish_reason),
            }
            for index, one in enumerate(each)
        ]
        usage = _usage(translation, sum(one.target_token_count for one in each))
        return self._common | {"object": "chat.completion", "choices": choices, "usage": usage}

    def chunk(self, delta: Json, finish_reason: str | None = None) -> Json:
        """Returns what is added."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._common | {"object": "chat.completion.chunk", "choices": [choice]}

    def usage_chunk(self, translation: Translation) -> Json:
        """Returns the last thing that a stream says, if it is asked to."""
        usage = _usage(translation, translation.target_token_count)
        return self._common | {"object": "chat.completion.chunk", "choices": [], "usage": usage}


def _usage(translation: Translation, target_tokens: int) -> Json:
    source_tokens = translation.source_token_count
    return {
        "prompt_tokens": source_tokens,
        "completion_tokens": target_tokens,
        "total_tokens": source_tokens + target_tokens,
    }


def _finish_reason(reason: FinishReason.ValueType) -> str:
    return "length" if reason == FINISH_REASON_LENGTH else "stop"


async def _models(asked: Asked) -> Response:
    listed = [_listed(name) for model in await asked.models() for name in _names(model)]
    return JSONResponse({"object": "list", "data": listed})


async def _model(asked: Asked) -> Response:
    name = fields.text(asked.fields, "model")
    if any(name in _names(model) for model in await asked.models()):
        return JSONResponse(_listed(name))
    message = f"model is {shorten(name)}, which is not there; GET /v1/models lists those that are"
    missing = Refusal("NOT_FOUND", message, "MODEL_NOT_FOUND", "model")
    raise RefusedError(missing, was_call=True)


def _names(model: Model) -> Iterator[str]:
    """Yields its name, and with each pair of its languages, where these are not very many."""
    yield model.name
    sources, targets = model.source_language_codes, model.target_language_codes
    if len(sources) * len(targets) <= MOST_PAIRS:
        for source in sources:
            yield from (f"{model.name}:{source}-{target}" for target in targets if target != source)


def _listed(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "dragoman"}


def _credentials(headers: Headers, given: Fields) -> list[tuple[str, str | bytes]]:  # noqa: ARG001
    return as_sent(headers)


def _told(refusal: Refusal) -> Json:
    usual = "invalid_request_error" if refusal.http_status < _OF_SERVER else "server_error"
    return {
        "error": {
            "message": refusal.message,
            "type": _TYPES.get(refusal.code, usual),
            "param": refusal.field or None,
            "code": refusal.reason.lower(),
        }
    }


def _tell(refusal: Refusal) -> Response:
    response = refused(refusal, _told(refusal))
    if refusal.code == "DEADLINE_EXCEEDED":  # there is no time left, yet their client would retry
        response.headers["x-should-retry"] = "false"
    return response
