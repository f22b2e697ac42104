"""What single settings may be: types that pydantic checks, each with its range.

Knows how lists and weights are written in a flag or a variable. Does not know which settings there
are.
"""

import ipaddress
import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field
from pydantic_settings import NoDecode


def _no_switch(value: object) -> object:
    if isinstance(value, bool):  # `yes` in YAML, which would count as 1
        raise ValueError("a number is wanted, not yes or no")  # noqa: TRY004  pydantic's way
    return value


def _host(value: str) -> str:
    try:
        encoded = value.encode("idna")
    except UnicodeError:
        encoded = b""
    if not encoded or not value.isprintable():
        raise ValueError("a host's name or address is wanted")
    return value


def _url(value: str) -> str:
    try:
        url = urlsplit(value)
        is_complete = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or not value.isprintable() or url.path.strip("/") or url.query:
        raise ValueError("http://HOST:PORT or https://HOST:PORT is wanted")
    return value


def _file(value: Path) -> Path:
    if "\0" in str(value):
        raise ValueError("a path is wanted, which has no NUL")
    return value


def _paths(value: object) -> object:
    if isinstance(value, str):
        return value.split(os.pathsep) if value else ()
    return (value,) if isinstance(value, Path) else value


def _codes(value: object) -> object:
    """Reads CODE,CODE, or several such."""
    each = (value,) if isinstance(value, str) else value
    if not isinstance(each, list | tuple) or not all(isinstance(code, str) for code in each):
        return value
    return tuple(code.strip() for code in ",".join(each).split(",") if code.strip())


def _weights(value: object) -> object:
    """Reads NAME=WEIGHT,NAME=WEIGHT."""
    if not isinstance(value, str):
        return value
    pairs = [each.rpartition("=") for each in value.split(",") if each]
    if not all(name and equals for name, equals, _ in pairs):
        raise ValueError("NAME=WEIGHT is wanted, or several separated by commas")
    return {name.strip(): weight.strip() for name, _, weight in pairs}


Number = BeforeValidator(_no_switch)
Host = Annotated[str, AfterValidator(_host)]
File = Annotated[Path, AfterValidator(_file)]
Endpoint = Annotated[str, AfterValidator(_url)]
Port = Annotated[int, Field(ge=0, le=65_535), Number]
Threads = Annotated[int, Field(ge=1, le=1024), Number]
Rows = Annotated[int, Field(ge=1, le=16_384), Number]
Tokens = Annotated[int, Field(ge=1, le=65_536), Number]
Texts = Annotated[int, Field(ge=1, le=1_000_000), Number]
Timeout = Annotated[float, Field(ge=0.001, le=604_800), Number]
"""In seconds: a week at most."""
Code = Annotated[str, Field(min_length=1, max_length=35)]
"""BCP-47, of a language."""
Weight = Annotated[float, Field(ge=0.01, le=100), Number]
Weights = Annotated[dict[str, Weight], NoDecode, BeforeValidator(_weights)]
"""NAME=WEIGHT, or several with commas between."""

Bytes = Annotated[ByteSize, Field(ge=1, le=2**50), Number]
"""With or without a unit: 256MiB."""

Listed = BeforeValidator(_codes)
"""Of tuples of codes: CODE, or several with commas between."""

Paths = Annotated[tuple[File, ...], NoDecode, BeforeValidator(_paths)]
"""Separated as the system's PATH is."""


def is_this_machine(host: str) -> bool:
    """Whether only this machine itself reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
