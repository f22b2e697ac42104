"""What a setting may be, in words: for the help of `dragoman serve`.

Reads types and limits where they are declared, in `Config`, by their JSON schema. Knows no setting.
"""

from typing import Any, NamedTuple

GIB = 1 << 30


class Allowed(NamedTuple):
    """The values of one setting."""

    placeholder: str
    """Stands for a value: its choices, its unit or its kind."""
    limits: str
    """The lowest and the highest number; empty where it is none."""


def allowed(name: str, schema: dict[str, Any]) -> Allowed:
    """Returns what a setting may be.

    Args:
        name: Of the setting, whose end is its unit or says that it is a port.
        schema: Of its values.
    """
    while "anyOf" in schema:  # what it is comes first; then null, where nothing need be said
        first, *_ = schema["anyOf"]
        schema = first | {key: value for key, value in schema.items() if key != "anyOf"}
    lowest = schema.get("ge", schema.get("minimum", 0))
    highest = schema.get("le", schema.get("maximum"))
    limits = "" if highest is None else f"{_written(lowest)} to {_written(highest)}"
    return Allowed(_placeholder(name, schema), limits)


def _placeholder(name: str, schema: dict[str, Any]) -> str:
    if choices := schema.get("enum"):
        return f"{{{','.join(choices)}}}"
    if schema.get("type") == "boolean":
        return "{true,false}"
    unit = name.rpartition("_")[2]
    if unit in {"seconds", "bytes", "port"}:
        return unit.upper()
    if "ge" in schema and schema.get("type") != "number":
        return "BYTES"  # a size, which is written with or without a unit
    if schema["type"] == "array":
        return _placeholder(name, schema["items"])
    kinds = {"integer": "N", "number": "X", "object": "NAME=N,...", "path": "PATH"}
    units = {"endpoint": "URL", "host": "HOST", "languages": "CODE,..."}
    kind = kinds.get(schema.get("format", "")) or kinds.get(schema["type"])
    return units.get(unit) or kind or "TEXT"


def _written(number: float) -> str:
    if isinstance(number, int) and number and number % GIB == 0:
        return f"{number // GIB:,} GiB"
    return f"{number:,}" if number > 65_535 else f"{number:g}"  # noqa: PLR2004  ports have no comma
