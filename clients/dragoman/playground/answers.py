"""What the page is told, in JSON: translations, models and errors, as the client has them.

Knows the client's types. Does not know who asks, nor how an answer is sent.
"""

import dataclasses
import enum
import json
from array import array
from collections.abc import Sequence

from starlette.responses import JSONResponse

from dragoman.errors import DragomanError, InvalidArgumentError
from dragoman.results import Model, Translation

Json = dict[str, object]

WEIGHT_DIGITS = 4
"""After the point, of attention weights: more are not seen, and are most of an answer's bytes."""


def event(increment: str | Translation | DragomanError) -> bytes:
    """Returns one line of the answer to a text: how far it is, or how it ended."""
    if isinstance(increment, str):
        told: Json = {"partial_text": increment}
    elif isinstance(increment, Translation):
        told = {"translation": dataclasses.asdict(increment)}
    else:
        told = {"error": _error(increment)}
    return json.dumps(told, default=_value, ensure_ascii=False).encode() + b"\n"


def models_answer(models: Sequence[Model] | DragomanError) -> JSONResponse:
    """Returns the list of models, or why there is none.

    Either has the status 200: that the server is away is something that this one answers well.
    """
    if isinstance(models, DragomanError):
        return JSONResponse({"error": _error(models)})
    return JSONResponse({"models": [dataclasses.asdict(model) for model in models]})


def refusal(status: int, reason: str, message: str) -> JSONResponse:
    """Returns the answer to what no server was asked for."""
    told = Json(code="", reason=reason, message=message, violations=[], metadata={})
    return JSONResponse({"error": told}, status)


def _error(error: DragomanError) -> Json:
    violations = error.violations if isinstance(error, InvalidArgumentError) else ()
    return Json(
        code=error.code.name,
        reason=error.reason,
        message=str(error),
        violations=[violation._asdict() for violation in violations],
        metadata=error.metadata,
    )


def _value(value: object) -> object:
    """Returns what json does not know as what it does."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, array):  # of weights, hundreds of thousands of them
        return [round(weight, WEIGHT_DIGITS) for weight in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")
