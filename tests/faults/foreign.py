"""What clients of other services may ask over gRPC, and words for it: names, places, languages.

Knows their methods by their descriptors. Does not know what a server should say to them.
"""

import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.faults.messages import CODES, MODELS, OURS, STRINGS, Words

types = pytest.importorskip("google.cloud.translate_v3").types
operations = pytest.importorskip("google.longrunning.operations_pb2")
riva = pytest.importorskip("riva.client.proto.riva_nmt_pb2")

PARENT = "projects/acme/locations/here"
OPERATION = f"{PARENT}/operations/{'0' * 32}"
FILES = ("gs://bucket/a.txt", "gs://bucket/b.html", "gs://bucket/terms.csv", "gs://bucket/t.tsv")
ODD_FILES = (
    *FILES,
    "gs://bucket/*",
    "gs://bucket/folder.txt",
    "gs://bucket/link.txt",
    "gs://bucket/pipe.txt",
    "gs://bucket/../../etc/passwd",
    "gs://.operations/x.txt",
    "gs://bucket/a.txt\0.csv",
    "gs://bucket//a.txt",
    f"gs://bucket/{'d/' * 3000}a.txt",
    f"gs://bucket/{'x' * 300}.txt",
    f"gs://{'b' * 300}/a.txt",
    "file:///etc/passwd",
    *STRINGS,
)
ODD_NAMES = (
    PARENT,
    "projects/a",
    OPERATION,
    f"{PARENT}/glossaries/house",
    f"{PARENT}/glossaries/../../x",
    f"{PARENT}/glossaries/{'x' * 256}",
    f"{PARENT}/models/general/nmt",
    f"{PARENT}/operations/../../x",
    "projects/" + "a/" * 5000,
    "projects/\ufdfa/locations/\U0001f469",
    *STRINGS,
)

WORDS = Words(
    plain={
        **OURS.plain,
        "source_language": ("", "en"),
        "source_language_code": ("", "en", "en", "en"),
        "target_language": ("de",),
        "target_language_code": ("de",),
        "target_language_codes": ("de",),
        "parent": (PARENT,),
        "name": (*(f"{PARENT}/glossaries/new{number}" for number in range(9)), OPERATION, PARENT),
        "glossary": (f"{PARENT}/glossaries/house",),
        "input_uri": FILES,
        "output_uri_prefix": tuple(f"gs://bucket/out{number}/" for number in range(500)),
        "mime_type": ("", "text/plain", "text/html"),
        "display_language_code": ("", "de", "en"),
        "filter": ("", "src=en AND tgt=de"),
        "page_token": ("", "house"),
        "max_len_variation": ("", "20"),
        "dnt_phrases": ("house", "house##Haus,river"),
        "key": ("team", "de"),
        "value": ("", "x"),
    },
    odd={
        **OURS.odd,
        **dict.fromkeys(("source_language", "target_language", "display_language_code"), CODES),
        "model": (*MODELS, *ODD_NAMES),
        **dict.fromkeys(("name", "glossary"), ODD_NAMES),
        "parent": (*ODD_NAMES, *[PARENT] * len(ODD_NAMES)),
        "input_uri": ODD_FILES,
        "output_uri_prefix": (*ODD_FILES, "gs://bucket/", "gs://bucket/out/", "gs://new/out/"),
        "mime_type": ("", "text/plain", "TEXT/HTML; charset=x", "application/pdf", *STRINGS),
        "filter": ("src=en", "tgt=de AND tgt=de", "a AND " * 1000, *STRINGS),
        "max_len_variation": ("0", "257", "²", "9" * 5000, "-1"),
        "dnt_phrases": ("a##b##c", "##", ",", "<dnt>", "a," * 9000, *STRINGS),
        "texts": ("<dnt>" * 6000, "<dnt>a</dnt>" * 2000, "</dnt><dnt>", *STRINGS),
        "key": ("de", "zz", *STRINGS),
    },
    wanted=frozenset(
        {"contents", "content", "parent", "target_language_code", "target_language_codes", "texts"}
        | {
            "source_language_code",
            "target_language",
            "language_pair",
            "name",
            "glossary",
            "input_config",
            "gcs_source",
            "input_uri",
        }
        | {"input_configs", "output_config", "gcs_destination", "output_uri_prefix"}
    ),
)


_GOOGLES = (
    *("TranslateText", "TranslateText", "TranslateDocument", "DetectLanguage", "RomanizeText"),
    *("GetSupportedLanguages", "CreateGlossary", "ListGlossaries", "GetGlossary"),
    *("DeleteGlossary", "BatchTranslateText"),
)
_NO_WAITING = "WaitOperation"
"""It waits for as long as it is asked to."""


def methods() -> list[tuple[str, type[Message]]]:
    """Returns their paths and requests, those of which more are to be asked several times."""
    google = "/google.cloud.translation.v3.TranslationService"
    services = [
        operations.DESCRIPTOR.services_by_name["Operations"],
        riva.DESCRIPTOR.services_by_name["RivaTranslation"],
    ]
    of_descriptors = [
        (f"/{service.full_name}/{method.name}", GetMessageClass(method.input_type))
        for service in services
        for method in service.methods
        if not method.client_streaming and method.name != _NO_WAITING
    ]
    return of_descriptors + [
        (f"{google}/{name}", getattr(types, f"{name}Request").pb()) for name in _GOOGLES
    ]
