"""Google Cloud Translation v3, `google.cloud.translation.v3.TranslationService`, in our words.

Knows which of Google's methods is which of ours. Does not know how anything is translated.
"""

from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.glossaries import GlossaryMethods
from dragoman_server.interfaces.google.glossary_folder import GlossaryFolder
from dragoman_server.interfaces.google.languages import detect_language, supported_languages
from dragoman_server.interfaces.google.refused import REASONS, refused
from dragoman_server.interfaces.google.storage import Storage
from dragoman_server.interfaces.google.translating import translate_text
from dragoman_server.interfaces.methods import Foundation
from dragoman_server.rpc import Method

__all__ = ["methods"]

NAME = "google"


def methods(on: Foundation) -> dict[str, Method]:
    """Returns the methods by their paths."""
    service, config = on.service, on.config
    folder = None
    if config.glossaries is not None and on.shelf is not None:
        folder = GlossaryFolder(config.glossaries, on.shelf)
    storage = Storage.of(config.google_storage)
    glossaries = GlossaryMethods(folder, storage, is_alone=not config.workers)
    each = {
        "TranslateText": service.reworded("TranslateText", translate_text(), NAME),
        "DetectLanguage": service.reworded("DetectLanguage", detect_language(), NAME),
        "GetSupportedLanguages": service.reworded("ListModels", supported_languages(), NAME),
        **{call.name: service.beside(call, NAME) for call in glossaries.calls()},
        **refused(service, REASONS, NAME),
    }
    return {f"/{google.SERVICE}/{name}": method for name, method in each.items()}
