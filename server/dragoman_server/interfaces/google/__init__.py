"""Google Cloud Translation v3, `google.cloud.translation.v3.TranslationService`, in our words.

Knows which of Google's methods is which of ours. Does not know how anything is translated.
"""

from pathlib import Path

from dragoman_server.config import Config
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.batch import BatchMethod
from dragoman_server.interfaces.google.documents import translate_document
from dragoman_server.interfaces.google.glossaries import GlossaryMethods
from dragoman_server.interfaces.google.glossary_folder import GlossaryFolder
from dragoman_server.interfaces.google.languages import detect_language, supported_languages
from dragoman_server.interfaces.google.operation_methods import SERVICE as OPERATIONS
from dragoman_server.interfaces.google.operation_methods import OperationMethods
from dragoman_server.interfaces.google.refused import REASONS, refused
from dragoman_server.interfaces.google.storage import Storage
from dragoman_server.interfaces.google.translating import translate_text
from dragoman_server.interfaces.methods import Foundation
from dragoman_server.rpc import LocalCalls, Method, Tally

__all__ = ["methods"]

NAME = "google"


def methods(on: Foundation) -> dict[str, Method]:
    """Returns the methods by their paths."""
    service, config = on.service, on.config
    folder = None
    if config.glossaries is not None and on.shelf is not None:
        folder = GlossaryFolder(config.glossaries, on.shelf)
    storage, operations = Storage.of(config.google_storage), operations_folder(config)
    glossaries = GlossaryMethods(folder, storage, operations, is_alone=not config.workers)
    calls = LocalCalls(service.methods(), Tally(), streams=0)
    batch = BatchMethod(storage, operations, calls, config, NAME)
    each = {
        "TranslateText": service.reworded("TranslateText", translate_text(), NAME),
        "TranslateDocument": service.reworded("TranslateText", translate_document(), NAME),
        "BatchTranslateText": service.beside(batch.call(), NAME),
        "DetectLanguage": service.reworded("DetectLanguage", detect_language(), NAME),
        "GetSupportedLanguages": service.reworded("ListModels", supported_languages(), NAME),
        **{call.name: service.beside(call, NAME) for call in glossaries.calls()},
        **refused(service, REASONS, NAME),
    }
    of_operations = OperationMethods(operations).calls()
    return {f"/{google.SERVICE}/{name}": method for name, method in each.items()} | {
        f"/{OPERATIONS}/{call.name}": service.beside(call, NAME) for call in of_operations
    }


def operations_folder(config: Config) -> Path | None:
    """Returns where operations are kept: beside the buckets, none of which is called so."""
    return None if config.google_storage is None else config.google_storage / ".operations"
