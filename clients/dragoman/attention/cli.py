"""The command `dragoman attention`: a text in, pictures and a page of who attends to whom out.

Knows the flags, the client and the files. Does not know how anything is drawn.
"""

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from dragoman.attention.heat_map import draw_heat_maps
from dragoman.attention.lines import draw_lines_between
from dragoman.attention.page import Translated, render_page
from dragoman.attention.views import Chosen, Kind, View, views
from dragoman.client import Client
from dragoman.commands.arguments import (
    add_connection_options,
    add_priority_option,
    add_search_options,
    add_translation_options,
    api_key,
    connection_problem,
    credentials,
    translation_options,
)
from dragoman.commands.errors import CommandError
from dragoman.errors import DragomanError
from dragoman.results import Translation

NOT_DONE = 2

PAGE = "attention.html"

SPACE_MARKS = "▁Ġ@ "
"""What tokenizers put before or after words."""


def main(argv: Sequence[str]) -> int:
    """Translates, draws and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if problem := _problem(arguments):
        parser.error(problem)
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        translation = _translate(arguments)
        for path in write(translation, arguments):
            print(f"wrote {path}", file=sys.stderr)
    except (CommandError, DragomanError, OSError) as error:
        print(f"dragoman attention: {error}", file=sys.stderr)
        return NOT_DONE
    print(translation.translated_text)
    return 0


def write(translation: Translation, arguments: argparse.Namespace) -> Iterator[Path]:
    """Writes every file; yields the path of each.

    Raises:
        CommandError: There is no attention, or not what was chosen of it.
        OSError: A file cannot be written.
    """
    if translation.attention is None:
        raise CommandError("the server sent no attention: an empty text has none")
    found = views(translation.attention)
    parts = _parts(found, arguments)
    said = Translated(arguments.text, translation.translated_text, translation.model)
    page = arguments.output / PAGE
    page.write_text(render_page(said, found), "utf-8")
    yield page
    for chosen, attending in parts:
        yield from _write_pictures(arguments.output, chosen, attending)


def _parts(found: Sequence[View], arguments: argparse.Namespace) -> list[tuple[Chosen, list[int]]]:
    """Returns what is drawn of each kind, and the only tokens whose lines are, where it is not all.

    Raises:
        CommandError: It is not there.
    """
    shown = [each for each in found if each.kind in arguments.kind]
    if not shown:
        raise CommandError(f"this model has no {' or '.join(arguments.kind)} attention")
    parts = [(_choose(view, arguments), _attending(view, arguments.word)) for view in shown]
    if arguments.word and not any(attending for _, attending in parts):
        raise CommandError(f"--word {arguments.word!r} is none of the tokens that attend")
    return parts


def _write_pictures(folder: Path, chosen: Chosen, attending: list[int]) -> Iterator[Path]:
    pictures = {
        "heat-map": draw_heat_maps(chosen),
        "lines": draw_lines_between(chosen, attending or None),
    }
    for name, picture in pictures.items():
        path = folder / f"{chosen.view.kind}-{name}.png"
        path.write_bytes(picture.png)
        yield path
        path = path.with_suffix(".svg")
        path.write_text(picture.svg, "utf-8")
        yield path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman attention",
        description="Translate a text and draw who attends to whom: heat maps and lines between "
        "words, as PNG and SVG, and one HTML page to look around in, attention.html, which needs "
        "nothing beside itself. Prints the translation.",
        epilog="Exit status: 0, or 2 where nothing could be drawn.",
    )
    add = parser.add_argument
    add("text", metavar="TEXT", help="a text to translate")
    add(
        "-o",
        "--output",
        type=Path,
        default=Path("attention"),
        metavar="DIR",
        help="where the files are written; default: %(default)s",
    )
    kinds = get_args(Kind)
    add(
        "--kind",
        type=_kinds,
        default=kinds,
        metavar="KIND,KIND",
        help=f"what PNG and SVG are drawn of, of {', '.join(kinds)}: the encoder's attention to "
        "itself, the decoder's, and the decoder's to the source; default: all of them",
    )
    add(
        "--layer",
        type=_from_one,
        metavar="N",
        help="that PNG and SVG show, from 1; default: the last",
    )
    add(
        "--heads",
        type=_heads,
        metavar="N,N",
        help="that PNG and SVG show, from 1; default: all of the layer",
    )
    add(
        "--word",
        metavar="WORD",
        help="in PNG and SVG, draw lines of this token alone, where it is one of those that "
        "attend: of the text in the encoder, else of the translation; default: of all",
    )
    add_translation_options(parser.add_argument_group("translation"))
    add_search_options(parser.add_argument_group("search"))
    server = parser.add_argument_group("server")
    add_connection_options(server)
    add_priority_option(server)
    server.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long it may take; default: %(default)g",
    )
    return parser


def _problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the command line; empty where nothing is."""
    if arguments.output.exists() and not arguments.output.is_dir():
        return f"--output {arguments.output} is no directory"
    return connection_problem(arguments)


def _translate(arguments: argparse.Namespace) -> Translation:
    options = dataclasses.replace(translation_options(arguments), return_attention=True)
    with Client(
        arguments.target,
        credentials=credentials(arguments),
        timeout=arguments.timeout,
        api_key=api_key(arguments),
        insecure_api_key=arguments.insecure_api_key,
    ) as client:
        translation: Translation = client.translate(arguments.text, **dataclasses.asdict(options))
        return translation


def _choose(view: View, arguments: argparse.Namespace) -> Chosen:
    """Returns what is drawn of a view.

    Raises:
        CommandError: It has no such layer or head.
    """
    layer = view.layers if arguments.layer is None else arguments.layer
    heads = arguments.heads or range(1, view.heads + 1)
    if layer > view.layers:
        raise CommandError(f"--layer {layer}: {view.title} has {view.layers} of them")
    if heads[-1] > view.heads:
        raise CommandError(f"--heads {heads[-1]}: {view.title} has {view.heads} in each layer")
    return Chosen(view, layer - 1, [head - 1 for head in heads])


def _attending(view: View, word: str | None) -> list[int]:
    """Returns where a word stands among the tokens that attend."""
    return [place for place, token in enumerate(view.queries) if token.strip(SPACE_MARKS) == word]


def _kinds(text: str) -> list[str]:
    kinds = text.split(",")
    if unknown := set(kinds) - set(get_args(Kind)):
        known = ", ".join(get_args(Kind))
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is no kind; there are: {known}")
    return kinds


def _heads(text: str) -> list[int]:
    return sorted(set(map(_from_one, text.split(","))))


def _from_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
