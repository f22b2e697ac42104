"""Google's messages, as protobuf has them: the one door to google-cloud-translate.

That package wraps each in a class of its own, which a server has no use for. Knows their names.
"""

from typing import Any, TypeAlias

from google.cloud.translate_v3 import types

SERVICE = "google.cloud.translation.v3.TranslationService"

Message: TypeAlias = Any
"""One of these: their types are made as they are loaded."""

BatchTranslateMetadata = types.BatchTranslateMetadata.pb()
BatchTranslateResponse = types.BatchTranslateResponse.pb()
BatchTranslateTextRequest = types.BatchTranslateTextRequest.pb()
CreateGlossaryMetadata = types.CreateGlossaryMetadata.pb()
CreateGlossaryRequest = types.CreateGlossaryRequest.pb()
DeleteGlossaryMetadata = types.DeleteGlossaryMetadata.pb()
DeleteGlossaryRequest = types.DeleteGlossaryRequest.pb()
DeleteGlossaryResponse = types.DeleteGlossaryResponse.pb()
DetectLanguageRequest = types.DetectLanguageRequest.pb()
DetectLanguageResponse = types.DetectLanguageResponse.pb()
GetGlossaryRequest = types.GetGlossaryRequest.pb()
GetSupportedLanguagesRequest = types.GetSupportedLanguagesRequest.pb()
Glossary = types.Glossary.pb()
ListGlossariesRequest = types.ListGlossariesRequest.pb()
ListGlossariesResponse = types.ListGlossariesResponse.pb()
SupportedLanguages = types.SupportedLanguages.pb()
TranslateDocumentRequest = types.TranslateDocumentRequest.pb()
TranslateDocumentResponse = types.TranslateDocumentResponse.pb()
TranslateTextRequest = types.TranslateTextRequest.pb()
TranslateTextResponse = types.TranslateTextResponse.pb()

RUNNING, SUCCEEDED, FAILED, CANCELLED = 1, 2, 3, 5
"""States of an operation, by the same numbers in the metadata of each."""
