"""Google Cloud Translation v3, `google.cloud.translation.v3.TranslationService`, in our words.

Knows which of Google's methods is which of ours. Does not know how anything is translated.
"""

from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.languages import detect_language, supported_languages
from dragoman_server.interfaces.google.refused import REASONS, refused
from dragoman_server.interfaces.google.translating import translate_text
from dragoman_server.rpc import Method
from dragoman_server.service import TranslationService

__all__ = ["methods"]

NAME = "google"


def methods(service: TranslationService) -> dict[str, Method]:
    """Returns the methods by their paths."""
    each = {
        "TranslateText": service.reworded("TranslateText", translate_text(), NAME),
        "DetectLanguage": service.reworded("DetectLanguage", detect_language(), NAME),
        "GetSupportedLanguages": service.reworded("ListModels", supported_languages(), NAME),
        **refused(service, REASONS, NAME),
    }
    return {f"/{google.SERVICE}/{name}": method for name, method in each.items()}
