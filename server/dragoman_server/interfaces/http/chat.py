"""What a chat completion asks for: a text, and between which languages.

Knows OpenAI's fields: which are read, which have no effect, which ask for what is not there. Does
not know how it is answered.
"""

import re
from typing import NamedTuple

from dragoman_server.errors import shorten
from dragoman_server.interfaces.http import fields
from dragoman_server.interfaces.http.bodies import Fields
from dragoman_server.interfaces.http.refusals import refuse

MOST_CHOICES = 16

_TRANSLATES = "this server translates, and does nothing else"
_REFUSED = {
    "audio": _TRANSLATES,
    "functions": _TRANSLATES,
    "logit_bias": "tokens are not those of a model that chats",
    "logprobs": "token scores are told over gRPC alone (return_token_scores)",
    "stop": "translations are not cut",
    "tools": _TRANSLATES,
}

_CODE = re.compile(r"[a-z]{2,3}")
"""The first part of a language's code, as it is written: pt-BR and zh-Hans have one each."""


class Chat(NamedTuple):
    """What is asked for."""

    model: str
    """Its name alone, which may be empty where one model will do."""
    source: str
    """Code of a language, or empty."""
    target: str
    text: str
    choices: int
    streams: bool
    tells_usage: bool
    """Whether a stream ends with its usage."""


def read(given: Fields) -> Chat:
    """Returns what is asked for.

    Raises:
        RefusedError: It cannot be, or not be read.
    """
    fields.none_of(given, _REFUSED)
    if given.get("response_format") not in (None, {"type": "text"}):
        refuse("response_format", "of another type", "text, as translations are nothing else")
    model, source, target = _languages(fields.text(given, "model"))
    streams = fields.switch(given, "stream")
    options = given.get("stream_options")
    choices = fields.whole_number(given, "n", 1, MOST_CHOICES) or 1
    if streams and choices > 1:
        refuse("n", str(choices), "1 with stream")
    return Chat(
        model=model,
        source=fields.text(given, "source_language_code", source),
        target=fields.text(given, "target_language_code", target),
        text=_last_of_user(given.get("messages")),
        choices=choices,
        streams=streams,
        tells_usage=isinstance(options, dict) and fields.switch(options, "include_usage"),
    )


def _languages(model: str) -> tuple[str, str, str]:
    """Returns a model's name and the codes after it, which are empty where there are none."""
    name, colon, pair = model.rpartition(":")
    if not colon:
        return model, "", ""
    parts = pair.split("-")
    begins = [at for at, part in enumerate(parts) if at and _CODE.fullmatch(part)]
    if len(begins) != 1 or not parts[0]:
        allowed = "NAME, or NAME:SOURCE-TARGET such as NAME:en-de or NAME:pt-BR-en"
        refuse("model", shorten(model), allowed)
    return name, "-".join(parts[: begins[0]]), "-".join(parts[begins[0] :])


def _last_of_user(messages: object) -> str:
    if not isinstance(messages, list):
        messages = []
    dicts = [each for each in messages if isinstance(each, dict)]
    of_user = [each for each in dicts if each.get("role") == "user"]
    if not of_user:
        refuse("messages", "without one of the role user", "a list whose last such is translated")
    return _content(of_user[-1].get("content"))


def _content(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    texts: list[str] = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            refuse("content", "of another kind", "a text, or a list of parts of the type text")
        texts.append(text)
    return "".join(texts)
