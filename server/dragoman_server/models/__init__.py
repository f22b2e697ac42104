"""What a bundle says of its model: manifest and files, tokens, languages.

Knows what export wrote. Does not know how a model is run, nor what a request asks.
"""

from dragoman_server.models.bundle import (
    FORMAT_VERSIONS,
    MANIFEST_NAME,
    Bundle,
    read_manifest,
)
from dragoman_server.models.formats import RuntimeName, format_of, runtime_of
from dragoman_server.models.language_codes import names, primary, script
from dragoman_server.models.languages import (
    ANY_LANGUAGE,
    MAX_CODE_LENGTH,
    Languages,
    check_length,
)
from dragoman_server.models.shortlist import require_shortlist
from dragoman_server.models.tokenizer import load_tokenizer, word_continuations
from dragoman_server.models.versions import VersionedName, newness
from dragoman_server.models.watch import watch_files

__all__ = [
    "ANY_LANGUAGE",
    "FORMAT_VERSIONS",
    "MANIFEST_NAME",
    "MAX_CODE_LENGTH",
    "Bundle",
    "Languages",
    "RuntimeName",
    "VersionedName",
    "check_length",
    "format_of",
    "load_tokenizer",
    "names",
    "newness",
    "primary",
    "read_manifest",
    "require_shortlist",
    "runtime_of",
    "script",
    "watch_files",
    "word_continuations",
]
