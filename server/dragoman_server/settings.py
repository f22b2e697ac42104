"""Reads the settings from flags, DRAGOMAN_* variables and a YAML file, in this order.

Knows how a setting is spelt in each and tells the user what is wrong with one. Does not know what
the settings mean: names, types, limits and help texts are those of `Config`'s fields.
"""

import argparse
import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dragoman_server.allowed import allowed
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError

PREFIX = "DRAGOMAN_"

CLIENTS_KEY = "DRAGOMAN_API_KEY"

UNTOLD = {"api_key_entries"}
"""Settings whose values no error shows: a key may have been put there."""

MOST_SHOWN = 80
"""Characters that an error shows of a value."""

MOST_FILE_BYTES = 1 << 20
"""Of the YAML file."""

# What Kubernetes injects for a Service called dragoman or dragoman-something.
_SERVICE_LINK = re.compile(r"_?SERVICE_(HOST|PORT)(_\w+)?$|_?PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$")


def load_config(argv: Sequence[str], environ: Mapping[str, str]) -> Config:
    """Returns the settings; exits where `argv` asks for help.

    `environ` must be os.environ, or a copy of it: pydantic reads values from the former.

    Raises:
        ConfigError: A setting is unknown, missing or has a value that is not allowed.
    """
    flags = _read_flags(argv)
    _check_variables(environ)
    path = flags.get("config") or environ.get(f"{PREFIX}CONFIG")
    if path is not None:
        flags["config"] = path
        _check_file(Path(path))
    try:
        return Config.model_validate(flags)
    except ValidationError as error:
        problems = [_problem(detail, flags, environ, path) for detail in error.errors()]
        raise ConfigError("; ".join(problems)) from None


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def _parser() -> _Parser:
    parser = _Parser(
        prog="dragoman serve",
        description="Serves a model bundle over gRPC. Each setting may also be given as an "
        f"environment variable ({PREFIX}MAX_QUEUE_SIZE) or in a YAML file (max_queue_size); "
        "flags go before variables before the file.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    schemas = Config.model_json_schema()["properties"]
    for name, field in Config.model_fields.items():
        values = allowed(name, schemas[name])
        placeholder, help_text = values.placeholder, _help(field, values.limits)
        kind = schemas[name].get("type")
        parser.add_argument(
            _flag(name),
            dest=name,
            metavar=placeholder,
            help=help_text,
            action="append" if kind == "array" else "store",
            # A switch may stand alone.
            nargs="?" if kind == "boolean" else None,
            const="true" if kind == "boolean" else None,
        )
    return parser


def _help(field: FieldInfo, limits: str) -> str:
    """What the setting is, its limits, and its default, unless the text tells it."""
    text = " ".join((field.description or "").split()).replace("%", "%%")
    if field.is_required():
        return f"{text} Required."
    told = [limits] if limits else []
    if field.default is not None and "Default: " not in text:
        told.append(f"default: {field.default}")
    elif "Default: " not in text:
        told.append("default: none")
    return f"{text} ({'; '.join(told)})" if told else text


def _read_flags(argv: Sequence[str]) -> dict[str, str]:
    flags, unknown = _parser().parse_known_args(argv)
    if unknown:
        given = unknown[0].split("=")[0]
        if not given.startswith("--"):
            raise ConfigError(f"unexpected argument {given}: settings are given as --name value")
        closest = _closest(given.removeprefix("--").replace("-", "_"))
        raise ConfigError(f"unknown flag {given}: did you mean {_flag(closest)}?")
    return vars(flags)


def _check_variables(environ: Mapping[str, str]) -> None:
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX)
        if _SERVICE_LINK.search(name) or re.match(r"(tcp|udp|sctp)://", value):
            raise ConfigError(
                f"{variable}={value} looks like a variable that Kubernetes injects for a Service "
                "called dragoman: set `enableServiceLinks: false` in the pod's spec"
            )
        if variable == CLIENTS_KEY:  # nobody is to think that it protects the server
            raise ConfigError(
                f"{variable} is what clients send: the server takes the hashes of keys, in the "
                f"file of {PREFIX}API_KEYS"
            )
        if name.lower() not in Config.model_fields:
            closest = f"{PREFIX}{_closest(name.lower()).upper()}"
            raise ConfigError(f"unknown variable {variable}: did you mean {closest}?")


def _check_file(path: Path) -> None:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"cannot read {path}: it is not a file")
        if (size := path.stat().st_size) > MOST_FILE_BYTES:
            raise ConfigError(f"{path} has {size:,} bytes; allowed: {MOST_FILE_BYTES:,}")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path} is not a YAML file: {problem}") from None
    if not isinstance(content, dict | None):
        raise ConfigError(f"{path} must hold `name: value` lines, not a {type(content).__name__}")
    for name in content or {}:
        if name not in Config.model_fields or name == "config":
            raise ConfigError(
                f"unknown setting {name} in {path}: did you mean {_closest(str(name))}?"
            )


def _problem(
    detail: ErrorDetails, flags: Mapping[str, str], environ: Mapping[str, str], path: str | None
) -> str:
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    name = str(detail["loc"][0])
    variable = PREFIX + name.upper()
    if detail["type"] == "missing":
        return f"{name} is missing: give {_flag(name)} or {variable}"
    if name in flags:
        origin = _flag(name)
    elif variable in environ:
        origin = variable
    else:
        origin = f"{name} in {path}"
    message = detail["msg"].removeprefix("Input ").removeprefix("Value error, ")
    allowed = _range(name) or message.partition(", unable to parse")[0]
    given = "not shown" if name in UNTOLD else _shown(detail["input"])
    return f"{origin} is {given} but {allowed}"


def _range(name: str) -> str:
    """Says what a number may be; nothing of settings that are no numbers."""
    schema = Config.model_json_schema(mode="serialization")["properties"][name]
    schema = schema.get("anyOf", [schema])[0]  # the other one is None
    # Of types that are not Python's own pydantic gives the bounds under its own names.
    lowest, highest = (schema.get(a, schema.get(b)) for a, b in (_LOWEST, _HIGHEST))
    if highest is None:
        return ""
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    return f"should be {kind} from {lowest:,} to {highest:,}"


_LOWEST, _HIGHEST = ("ge", "minimum"), ("le", "maximum")


def _shown(given: object) -> str:
    shown = repr(given)
    return shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "..."


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _closest(name: str) -> str:
    return difflib.get_close_matches(name, Config.model_fields, n=1, cutoff=0.0)[0]
