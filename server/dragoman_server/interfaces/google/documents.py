"""Google's TranslateDocument, in our words: of texts and HTML, which come with the request.

Does not know other formats: `dragoman translate` does, and keeps theirs.
"""

from collections.abc import Sequence

from dragoman.v1.translation_pb2 import TranslateTextRequest, TranslateTextResponse
from dragoman_server.errors import UnsupportedError, shorten
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.framed import Framed
from dragoman_server.interfaces.google.names import check_labels, check_parent, model_of
from dragoman_server.interfaces.google.translating import check_target, terms_of
from dragoman_server.service import HTML, PLAIN, Wordings, wrong_field


def translate_document() -> "Wordings[google.Message]":
    """Returns the call."""
    return Wordings(google.TranslateDocumentRequest, _ours, _tell)


def _ours(request: google.Message) -> list[TranslateTextRequest]:
    check_parent(request.parent)
    check_labels(request.labels)
    check_target(request.target_language_code)
    asked = TranslateTextRequest(
        contents=[_frame_of(request.document_input_config).text],
        mime_type=request.document_input_config.mime_type,
        source_language_code=request.source_language_code,
        target_language_code=request.target_language_code,
        model=model_of(request.model),
    )
    _check_output(request.document_output_config, asked.mime_type)
    if not request.HasField("glossary_config"):
        return [asked]
    with_terms = TranslateTextRequest(glossary_config=terms_of(request.glossary_config))
    with_terms.MergeFrom(asked)
    return [asked, with_terms]


def _frame_of(config: google.Message) -> Framed:
    """Returns a document's text, and what is around it; HTML keeps that itself."""
    text = _text_of(config)
    return Framed("", text, "") if config.mime_type == HTML else Framed.of(text)


def _text_of(config: google.Message) -> str:
    field = "document_input_config"
    if config.HasField("gcs_source"):
        raise UnsupportedError(f"{field}.gcs_source: files of a bucket are for BatchTranslateText")
    if config.mime_type not in {PLAIN, HTML}:
        given = shorten(config.mime_type) if config.mime_type else "nothing"
        raise UnsupportedError(
            f"{field}.mime_type has {given}; here documents are {PLAIN} or {HTML}: "
            "`dragoman translate` takes Markdown, gettext, XLIFF, subtitles, JSON and YAML"
        )
    try:
        return str(config.content, "utf-8")
    except UnicodeDecodeError as error:
        raise wrong_field(
            f"{field}.content",
            f"no UTF-8 at byte {error.start}",
            "text in UTF-8",
            reason="NOT_UTF_8",
        ) from None


def _check_output(config: google.Message, mime_type: str) -> None:
    if config.HasField("gcs_destination"):
        raise UnsupportedError(
            "document_output_config.gcs_destination: files of a bucket are for BatchTranslateText"
        )
    if config.mime_type not in {"", mime_type}:
        raise wrong_field(
            "document_output_config.mime_type",
            shorten(config.mime_type),
            f"empty or {mime_type}, as the document is",
            reason="OPTIONS_CONFLICT",
            verb="is",
        )


def _tell(request: google.Message, responses: Sequence[TranslateTextResponse]) -> google.Message:
    answer = google.TranslateDocumentResponse(model=request.model)
    frame = _frame_of(request.document_input_config)
    told = [answer.document_translation, answer.glossary_document_translation]
    for document, response in zip(told, responses, strict=False):
        (translation,) = response.translations
        document.byte_stream_outputs.append(frame.around(translation.translated_text).encode())
        document.mime_type = request.document_input_config.mime_type
        document.detected_language_code = translation.detected_language_code
    if request.HasField("glossary_config"):
        answer.glossary_config.CopyFrom(request.glossary_config)
    return answer
