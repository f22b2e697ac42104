"""What BatchTranslateText is asked with: which files, into which languages, to where.

Knows Google's rules for it. Does not know what is in files, nor how they are translated.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dragoman.v1.translation_pb2 import GlossaryConfig
from dragoman_server.errors import InvalidArgumentError, UnsupportedError, shorten
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.names import check_labels, check_location, model_of
from dragoman_server.interfaces.google.storage import Place, Storage, place_of
from dragoman_server.interfaces.google.translating import check_target, terms_of
from dragoman_server.service import HTML, PLAIN, read_mime_type, wrong_field

MOST_TARGETS = 10
MOST_FILES = 100

MIME_TYPES: Mapping[str, tuple[str, ...]] = {
    ".txt": (PLAIN,),
    ".html": (HTML,),
    ".tsv": (HTML, PLAIN),
}
"""By endings of files: what their texts may be, first what they are where nobody says so."""

OUTPUT = "output_config.gcs_destination.output_uri_prefix"


class Input(NamedTuple):
    """A file to translate."""

    place: Place
    mime_type: str


class Target(NamedTuple):
    """A language to translate into."""

    code: str
    model: str
    """Of ours; empty where any will do."""
    glossary: GlossaryConfig | None


class Batch(NamedTuple):
    """All that is asked for."""

    parent: str
    source: str
    targets: list[Target]
    inputs: list[Input]
    output: Place


def read_batch(request: google.Message, storage: Storage) -> Batch:
    """Returns what is asked for. Looks for files that a wildcard means, so that it blocks.

    Raises:
        InvalidArgumentError: A field is wrong, or files would be written over.
        NotFoundError: There is no such bucket.
        UnsupportedError: A file is of a format that is not read here.
    """
    check_location(request.parent)
    check_labels(request.labels)
    if not request.source_language_code:
        given, allowed = "nothing", "the code of a language"
        raise wrong_field("source_language_code", given, allowed, reason="NO_SOURCE_LANGUAGE")
    inputs = _inputs(request, storage)
    output = place_of(
        request.output_config.gcs_destination.output_uri_prefix, OUTPUT, is_folder=True
    )
    if storage.names(output):
        allowed = "nothing there: a batch writes over no file"
        raise wrong_field(OUTPUT, "files below it", allowed, reason="OUTPUT_NOT_EMPTY")
    return Batch(request.parent, request.source_language_code, _targets(request), inputs, output)


def stem_of(place: Place) -> str:
    """Returns how files are called that are made of one: gs://a/b/c.txt makes a_b_c."""
    return "_".join(place.parts).removesuffix(place.parts[-1][-len(place.suffix) :])


def _targets(request: google.Message) -> list[Target]:
    codes = list(request.target_language_codes)
    if not 1 <= len(codes) <= MOST_TARGETS or len(set(codes)) < len(codes):
        raise wrong_field(
            "target_language_codes",
            f"{len(codes)} codes",
            f"1 to {MOST_TARGETS}, each once",
            reason="TARGET_LANGUAGES",
        )
    for name in ("models", "glossaries"):
        if unknown := sorted(set(getattr(request, name)) - set(codes)):
            raise wrong_field(name, shorten(unknown[0]), "target_language_codes", reason="KEY")
    targets = []
    for index, code in enumerate(codes):
        check_target(code, f"target_language_codes[{index}]")
        model = model_of(request.models[code], "models") if code in request.models else ""
        glossary = None
        if code in request.glossaries:
            glossary = terms_of(request.glossaries[code], "glossaries")
        targets.append(Target(code, model, glossary))
    return targets


def _inputs(request: google.Message, storage: Storage) -> list[Input]:
    found: dict[str, Input] = {}
    stems: dict[tuple[str, str], str] = {}
    for index, config in enumerate(request.input_configs):
        field = f"input_configs[{index}].gcs_source.input_uri"
        for place in _places(config.gcs_source.input_uri, field, storage):
            found.setdefault(place.uri, Input(place, _mime_type(place, config, index, field)))
            other = stems.setdefault((stem_of(place), place.suffix), place.uri)
            if other != place.uri:
                given = f"{shorten(other)} and {shorten(place.uri)}"
                allowed = "files whose translations are not called the same"
                raise wrong_field(field, given, allowed, reason="NAMES_CLASH")
    if not 1 <= len(found) <= MOST_FILES:
        given, allowed = f"{len(found)} files", f"1 to {MOST_FILES}"
        raise wrong_field("input_configs", given, allowed, reason="INPUT_FILES")
    return list(found.values())


def _places(uri: str, field: str, storage: Storage) -> list[Place]:
    """Returns the files that a URI means: one, or with a * at its end those that begin so."""
    if not uri.endswith("*"):
        return [place_of(uri, field)]
    folder, _, begin = uri[:-1].rpartition("/")
    place = place_of(f"{folder}/", field, is_folder=True)
    names = [name for name in storage.names(place) if name.startswith(begin)]
    return [place_of(f"{folder}/{name}", field) for name in names if _is_read(name)]


def _is_read(name: str) -> bool:
    return any(name.lower().endswith(suffix) for suffix in MIME_TYPES)


def _mime_type(place: Place, config: google.Message, index: int, field: str) -> str:
    allowed = MIME_TYPES.get(place.suffix)
    if allowed is None:
        raise UnsupportedError(
            f"{field} is {shorten(place.uri)}; files of a batch are {', '.join(MIME_TYPES)}"
        )
    if config.mime_type and read_mime_type(config.mime_type) not in allowed:
        raise _conflict(f"input_configs[{index}].mime_type", config.mime_type, allowed, place)
    return config.mime_type or allowed[0]


def _conflict(
    field: str, given: str, allowed: tuple[str, ...], place: Place
) -> InvalidArgumentError:
    wanted = f"empty or {' or '.join(allowed)} for {place.suffix}"
    return wrong_field(field, shorten(given), wanted, reason="OPTIONS_CONFLICT", verb="is")
