"""A string of YAML in the style that it was written in, where that style can hold it.

Double quotes can hold anything, and are what is taken elsewhere. Does not know where it stands.
"""

import json
import re

import yaml

STRING = "tag:yaml.org,2002:str"

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_HEADER = re.compile(r"([|>])[-+]?[ \t]*(?:#[^\r\n]*)?(\r?\n)")
_TRAILING = re.compile(r"(?<![ \t\r\n\x85\u2028\u2029])[ \t\r\n\x85\u2028\u2029]*\Z")
_BREAKS = re.compile(r"\n+")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_IN_FLOW = re.compile(r"[\[\]{},]")
_RESOLVER = yaml.resolver.Resolver()


def is_plain_string(value: str) -> bool:
    """Whether it is a string without quotes, and not a number, a boolean or a date."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]
    return bool(tag == STRING)


def written(value: str, raw: str, *, is_flow: bool) -> str:
    """Writes a value as another was written.

    Args:
        value: What is to be written.
        raw: The other, with its anchor and tag; of a block, with the empty lines after it.
        is_flow: Whether it stands in [] or {}.
    """
    properties = _PROPERTIES.match(raw)
    assert properties is not None
    scalar = raw[properties.end() :]
    if scalar.startswith(("|", ">")):
        new = _block(value, scalar)
    elif scalar.startswith("'") and _is_line(value):
        escaped = value.replace("'", "''")
        new = f"'{escaped}'"
    elif not scalar.startswith(("'", '"')) and _can_be_plain(value, is_flow=is_flow):
        new = value
    else:
        new = _double_quoted(value)
    return properties[0] + new


def _is_line(value: str) -> bool:
    return "\n" not in value and not _UNPRINTABLE.search(value)


def _can_be_plain(value: str, *, is_flow: bool) -> bool:
    if not _is_line(value) or (is_flow and _IN_FLOW.search(value)):
        return False
    try:
        events = list(yaml.parse(f"- {value}\n", Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return False
    scalars = [event for event in events if isinstance(event, yaml.ScalarEvent)]
    collections = [event for event in events if isinstance(event, yaml.CollectionStartEvent)]
    if len(scalars) != 1 or len(collections) != 1:
        return False
    return scalars[0].value == value and not scalars[0].style and is_plain_string(value)


def _block(value: str, scalar: str) -> str:
    """Writes a value as a block; in double quotes where its indentation would not be told by it."""
    trailing = _TRAILING.search(scalar)
    header = _HEADER.match(scalar)
    assert trailing is not None
    core = value.rstrip("\n")
    if header is None or _UNPRINTABLE.search(value) or core[:1] in ("", " ", "\t", "\n"):
        return _double_quoted(value) + trailing[0]
    if header[1] == ">":
        if re.search(r"\n[ \t]", core):  # such lines are not folded
            return _double_quoted(value) + trailing[0]
        core = _BREAKS.sub(r"\g<0>\n", core)
    body = scalar[header.end() :]
    indentation = " " * (len(body) - len(body.lstrip(" ")))
    lines = [indentation + line if line else "" for line in core.split("\n")]
    return header[0] + header[2].join(lines) + trailing[0]


def _double_quoted(value: str) -> str:
    def escape(match: re.Match[str]) -> str:
        return f"\\u{ord(match[0]):04x}"

    return _UNPRINTABLE.sub(escape, json.dumps(value, ensure_ascii=False))
