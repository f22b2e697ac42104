"""Documents that come with the request, as Google's client sends them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.interfaces.google_client import PARENT, asked, served

exceptions = pytest.importorskip("google.api_core.exceptions")


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[Any]:
    (tmp_path / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    async with served(glossaries=tmp_path) as (_, google):
        yield google


def request(content: bytes = b"a", mime_type: str = "text/plain", **fields: Any) -> dict[str, Any]:
    whole = {
        "parent": PARENT,
        "target_language_code": "de",
        "document_input_config": {"content": content, "mime_type": mime_type},
    }
    return whole | fields


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        ("\n a \n", "text/plain"),
        ("One. Two.\r\n\n- drei…\n", "text/plain"),
        ("<p>a <b>b</b></p>\n", "text/html"),
    ],
)
async def test_texts_and_html_come_back_with_their_layout(
    google: Any, content: str, mime_type: str
) -> None:
    answer = await asked(google.translate_document, request=request(content.encode(), mime_type))
    document = answer.document_translation
    assert [each.decode() for each in document.byte_stream_outputs] == [content]
    assert document.mime_type == mime_type
    assert not answer.glossary_document_translation.byte_stream_outputs
    assert answer.model == ""


async def test_a_glossary_makes_a_document_of_its_own(google: Any) -> None:
    config = {"glossary": f"{PARENT}/glossaries/house"}
    model = f"{PARENT}/models/tiny"
    asked_for = request(b"house", glossary_config=config, model=model)
    answer = await asked(google.translate_document, request=asked_for)
    assert answer.document_translation.byte_stream_outputs[0] == b"house"
    assert b"Haus" in answer.glossary_document_translation.byte_stream_outputs[0]
    assert (answer.model, answer.glossary_config.glossary) == (model, config["glossary"])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mime_type": "application/pdf"}, "application/pdf"),
        ({"mime_type": ""}, "has nothing; here documents are text/plain or text/html"),
        (
            {"document_input_config": {"gcs_source": {"input_uri": "gs://a/b.txt"}}},
            "for BatchTranslateText",
        ),
        (
            {
                "document_output_config": {
                    "gcs_destination": {"output_uri_prefix": "gs://bucket/out/"}
                }
            },
            "for BatchTranslateText",
        ),
    ],
)
async def test_other_documents_are_not_translated(
    google: Any, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=said):
        await asked(google.translate_document, request=request(**fields))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"content": b"\xff"}, "document_input_config.content"),
        ({"target_language_code": ""}, "target_language_code"),
        (
            {"document_output_config": {"mime_type": "text/html"}},
            "document_output_config.mime_type",
        ),
        ({"parent": ""}, "parent"),
    ],
)
async def test_what_is_wrong_about_a_document_is_named(
    google: Any, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="allowed: ") as refused:
        await asked(google.translate_document, request=request(**fields))
    assert refused.value.details[1].field_violations[0].field == field
