"""The command `dragoman`: finds the subcommand and runs it.

Knows the names of the subcommands and which extra each needs. Does not import any of them before
it is asked for: `dragoman translate` must not wait for torch.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import NamedTuple

from dragoman.commands.terminal import (
    INTERRUPTED,
    drop_output,
    flush_output,
    open_closed_streams,
)

GROUP = "dragoman.commands"
"""Entry points of this group are subcommands: functions from the arguments to an exit status."""

USAGE_ERROR = 2
BROKEN_PIPE = 141


class _Known(NamedTuple):
    """What can be said of a subcommand without importing it."""

    summary: str
    extra: str = ""
    """What the bare package lacks for it."""


_KNOWN = {
    "attention": _Known("draw who attends to whom in a translation", extra="pictures"),
    "calibrate": _Known(
        "measure a bundle's confidence on your own translations", extra="server,calibration"
    ),
    "corpora": _Known("translate files of millions of lines on Ray", extra="ray"),
    "detect": _Known("say in which language texts are, on a running server"),
    "export": _Known("turn a checkpoint into a bundle that the server loads", extra="export"),
    "growth": _Known(
        "draw what encoding costs over source length, of a bundle", extra="export,pictures"
    ),
    "health": _Known("say whether a running server serves, as an exit status"),
    "inspect": _Known("show what is in a bundle and verify its files", extra="server"),
    "keys": _Known("make API keys for a server", extra="server"),
    "load": _Known("load-test a running server, by MLPerf's rules", extra="load"),
    "playground": _Known("serve a page on which people try a running server", extra="http"),
    "serve": _Known("serve a bundle over gRPC", extra="server"),
    "top": _Known("show what running servers do, as it changes"),
    "translate": _Known("translate text, or files line by line, on a running server"),
}

_OURS = {"dragoman", "dragoman_export", "dragoman_server"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the subcommand that the first argument names and returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_closed_streams()
    try:
        try:
            return _dispatch(arguments)
        finally:  # also where the parser has shown its help and leaves
            flush_output()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has gone
        drop_output()
        return BROKEN_PIPE
    except OSError as error:  # a full disk under the output, say, which no command can mend
        return _error(str(error))


def _dispatch(arguments: list[str]) -> int:
    commands = {point.name: point for point in entry_points(group=GROUP)}
    if not arguments:
        print(_help(commands), file=sys.stderr)
        return USAGE_ERROR
    name, *rest = arguments
    if name in {"-h", "--help"}:
        print(_help(commands))
        return 0
    if name in {"-V", "--version"}:
        print(f"dragoman {version('dragoman')}")
        return 0
    if name not in commands:
        known = ", ".join(sorted(commands))
        return _error(f"there is no subcommand {name!r}; there are: {known}")
    return _run(commands[name], rest)


def _run(command: EntryPoint, arguments: list[str]) -> int:
    try:
        return _load(command)(arguments)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        known = _KNOWN.get(command.name, _Known(""))
        if missing in _OURS or not known.extra:
            raise
        needs = (
            f"`dragoman {command.name}` needs {missing}: in a clone of Dragoman, "
            f"{_how_to_install(known.extra)}"
        )
        if {"-h", "--help"}.isdisjoint(arguments):
            return _error(needs)
        summary = known.summary[:1].upper() + known.summary[1:]
        print(f"usage: dragoman {command.name} ...\n\n{summary}.\n\n{needs}")
        return 0


def _load(command: EntryPoint) -> Callable[[list[str]], int]:
    """Imports what a command is, without Python's collector going through modules, which stay."""
    gc.disable()
    try:
        main: Callable[[list[str]], int] = command.load()
    finally:
        gc.enable()
    return main


def _how_to_install(extra: str) -> str:
    line = f"pip install '.[{extra}]'"
    if extra == "server":
        return (
            f"{line}, or on a machine with an NVIDIA GPU: pip install '.[gpu]', or for bundles "
            "that PyTorch runs: pip install '.[torch]'"
        )
    return line


def _help(commands: dict[str, EntryPoint]) -> str:
    lines = [
        f"  {name:<12}{_KNOWN[name].summary if name in _KNOWN else ''}".rstrip()
        for name in sorted(commands)
    ]
    return "\n".join(
        [
            "usage: dragoman [--help] [--version] COMMAND ...",
            "",
            "Export translation models, serve them, and translate.",
            "",
            *lines,
            "",
            "`dragoman COMMAND --help` explains each.",
        ]
    )


def _error(message: str) -> int:
    print(f"dragoman: {message}", file=sys.stderr)
    return USAGE_ERROR
