"""Fields of a request, each read as what it must be, or refused with what it is.

Knows types of JSON, and that a form has nothing but texts.
"""

from dragoman_server.errors import shorten
from dragoman_server.interfaces.http.bodies import Fields
from dragoman_server.interfaces.http.refusals import refuse

_TRUE, _FALSE = ("1", "true"), ("0", "false", "")


def text(fields: Fields, name: str, default: str | None = None) -> str:
    """Returns a text; the default where there is none, which is refused without one."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        refuse(name, _told(value), "a text")
    return value


def texts(fields: Fields, name: str) -> list[str]:
    """Returns one text or several, as a list."""
    value = fields.get(name)
    each = [value] if isinstance(value, str) else value
    if not isinstance(each, list) or not all(isinstance(one, str) for one in each):
        refuse(name, _told(value), "a text, or a list of texts")
    return each


def whole_number(fields: Fields, name: str, least: int, most: int) -> int | None:
    """Returns a number; None where there is none."""
    value = fields.get(name)
    if isinstance(value, str) and value.isdecimal():
        value = int(value[:20])
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        refuse(name, _told(value), f"{least} to {most}")
    return value


def switch(fields: Fields, name: str, *, default: bool = False) -> bool:
    """Returns yes or no."""
    value = fields.get(name, default)
    if isinstance(value, bool):
        return value
    if value is None:
        return default
    written = str(value).lower() if isinstance(value, str | int) else None
    if written not in (*_TRUE, *_FALSE):
        refuse(name, _told(value), "true or false")
    return written in _TRUE


def one_of(fields: Fields, name: str, *allowed: str, default: str) -> str:
    """Returns one of some texts."""
    value = fields.get(name)
    if value is None:
        return default
    if value not in allowed:
        refuse(name, _told(value), " or ".join(allowed))
    return str(value)


def none_of(fields: Fields, reasons: dict[str, str]) -> None:
    """Refuses fields that ask for what is not there.

    Args:
        fields: Of a request.
        reasons: Why not, by their names.
    """
    for name, why in reasons.items():
        if fields.get(name):  # an empty one asks for nothing
            refuse(name, "given", f"nothing, as {why}")


def _told(value: object) -> str:
    """Returns what a field has, and of what is no text its kind alone."""
    if value is None:
        return "not given"
    if isinstance(value, str | int | float):
        return shorten(str(value))
    return f"of the type {type(value).__name__}"
