"""What Google's service has and this server has not: each method says why.

Knows names of methods and reasons.
"""

from collections.abc import Iterable, Mapping
from typing import NoReturn

from google.protobuf.empty_pb2 import Empty

from dragoman_server.errors import UnsupportedError
from dragoman_server.rpc import Call, Caller, Method
from dragoman_server.service import TranslationService, Unary

_TRAINING = (
    "this server trains no models: `dragoman export` makes one that is trained elsewhere into a "
    "bundle, and its name is asked for as projects/PROJECT/locations/LOCATION/models/NAME"
)
_ADAPTIVE = "no model here adapts to examples: a glossary says how terms are translated"
_ENTRIES = "a glossary is changed as a whole: delete it, and create it from another file"

REASONS: Mapping[str, str] = {
    "RomanizeText": "no model here writes other letters than its language's own",
    "UpdateGlossary": _ENTRIES,
    **dict.fromkeys(
        (
            "GetGlossaryEntry",
            "ListGlossaryEntries",
            "CreateGlossaryEntry",
            "UpdateGlossaryEntry",
            "DeleteGlossaryEntry",
        ),
        _ENTRIES,
    ),
    "BatchTranslateDocument": "of a batch, files are translated that are text, tables or HTML: "
    "BatchTranslateText",
    **dict.fromkeys(
        (
            "CreateDataset",
            "GetDataset",
            "ListDatasets",
            "DeleteDataset",
            "ImportData",
            "ExportData",
            "ListExamples",
            "CreateModel",
            "ListModels",
            "GetModel",
            "DeleteModel",
        ),
        _TRAINING,
    ),
    **dict.fromkeys(
        (
            "CreateAdaptiveMtDataset",
            "DeleteAdaptiveMtDataset",
            "GetAdaptiveMtDataset",
            "ListAdaptiveMtDatasets",
            "AdaptiveMtTranslate",
            "GetAdaptiveMtFile",
            "DeleteAdaptiveMtFile",
            "ImportAdaptiveMtFile",
            "ListAdaptiveMtFiles",
            "ListAdaptiveMtSentences",
        ),
        _ADAPTIVE,
    ),
}
"""By names of methods."""


def refused(service: TranslationService, names: Iterable[str], interface: str) -> dict[str, Method]:
    """Returns methods that answer UNIMPLEMENTED with the reason, by their names."""
    return {name: service.beside(_refused(name), interface) for name in names}


def _refused(name: str) -> Unary[Empty, object]:
    def accept(caller: Caller, request: Empty) -> NoReturn:  # noqa: ARG001  whatever it asks for
        raise UnsupportedError(f"{name}: {REASONS[name]}")

    async def answer(question: object, call: Call, account: object) -> NoReturn:
        raise NotImplementedError

    return Unary(name, Empty, accept, answer, granted=None)
