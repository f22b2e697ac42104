"""Flags about words that are not the model's to choose: phrases, glossaries, placeholders.

Knows argparse and the names of the flags. Does not know what the commands do.
"""

import argparse
import dataclasses
from pathlib import Path

from dragoman.commands.errors import CommandError
from dragoman.glossary import Entries, read_glossary
from dragoman.options import Options

TABLE = ".tsv"
"""What the name of a file ends with, and that of a server's glossary does not."""


def add_terminology_options(group: argparse._ArgumentGroup) -> None:
    """Adds what is not the model's to choose."""
    add = group.add_argument
    add(
        "--dnt",
        action="append",
        default=[],
        metavar="PHRASE",
        help="phrase that is not translated; may be given up to 256 times; default: none",
    )
    add(
        "--glossary",
        default="",
        metavar="NAME",
        help="of a glossary that the server has, or FILE.tsv: language codes in the first line, "
        "then terms, with tabs between; default: none",
    )
    add(
        "--glossary-mode",
        choices=("hard", "soft"),
        help="say target terms as they are (hard) or inflect them (soft); default: hard",
    )
    add(
        "--glossary-ignore-case",
        action="store_true",
        help="find terms in capitals too; default: only as they are written",
    )
    add(
        "--protect-placeholders",
        action="store_true",
        help="keep %%s, {name}, tags, code, URLs and e-mail addresses as they are; default: "
        "translate them like words",
    )


def with_terminology(options: Options, arguments: argparse.Namespace) -> Options:
    """Returns the options with what the flags say.

    Raises:
        CommandError, OSError: The glossary's file is wrong, or cannot be read.
        InvalidArgumentError: It is too large to be sent.
    """
    name = arguments.glossary
    entries: Entries = ()
    if name.endswith(TABLE):
        languages = (options.source_language_code, options.target_language_code)
        try:
            name, entries = "", read_glossary(Path(name), *languages)
        except ValueError as error:
            raise CommandError(f"--glossary {error}") from None
    return dataclasses.replace(
        options,
        dnt_phrases=arguments.dnt,
        glossary=name,
        glossary_entries=entries,
        glossary_ignore_case=arguments.glossary_ignore_case,
        glossary_mode=arguments.glossary_mode,
        protect_placeholders=arguments.protect_placeholders,
    )
