"""`dragoman keys`: makes API keys.

    dragoman keys new acme --models marian-en-de >> keys.yaml

The entry with the key's hash goes to stdout, the key itself to stderr, once: nobody keeps it.
"""

import argparse
import sys
from collections.abc import Sequence

import yaml
from pydantic import ValidationError

from dragoman_server.access.keys import Entry, hash_of, new_key
from dragoman_server.access.permissions import METHODS, problems
from dragoman_server.access.principal import ADMINISTRATION, ALL, FILES


def main(argv: Sequence[str]) -> int:
    """Makes a key and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    key = new_key()
    entry = {
        "name": arguments.name,
        "sha256": hash_of(key),
        "methods": arguments.methods,
        "models": arguments.models,
    }
    try:
        Entry.model_validate(entry)
    except ValidationError as error:
        parser.error(problems(error, Entry))
    print(yaml.safe_dump([entry], sort_keys=False, default_flow_style=None, width=100), end="")
    sys.stdout.flush()
    print(f"The key of {arguments.name}, which is shown only now: {key}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman keys", description="Make API keys for `dragoman serve --api-keys`."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    new = commands.add_parser(
        "new",
        help="make a key",
        description="Make a key: the entry for the file of --api-keys goes to stdout, the key "
        "itself to stderr, once. Limits and an end can be written into the entry: see "
        "docs/security.md.",
        epilog="dragoman keys new acme >> keys.yaml",
    )
    new.add_argument("name", metavar="NAME", help="the caller's: letters, digits and . _ -")
    new.add_argument(
        "--methods",
        nargs="+",
        choices=[*METHODS, ALL],
        default=[ALL],
        metavar="METHOD",
        help=f"that it may call: {', '.join(METHODS)}, or {ALL} for all but "
        f"{ADMINISTRATION} and {FILES}; default: {ALL}",
    )
    new.add_argument(
        "--models",
        nargs="+",
        default=[ALL],
        metavar="NAME",
        help="that it may use; default: all",
    )
    return parser
