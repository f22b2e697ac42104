"""Documents through a real server of the shipped model: each sentence as it is by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Client, Translation
from dragoman.commands import translate
from dragoman_export.sentences import SENTENCES
from tests.integration.conftest import Bundles
from tests.integration.served import Served

DOCUMENT = (
    f"  {SENTENCES[0]}\n\n{SENTENCES[1]} {SENTENCES[2]}\r\n"
    f"\t- {SENTENCES[3]}\n\t- {SENTENCES[4]}   {SENTENCES[5]}\n\n * * *\n\n😀 {SENTENCES[6]}\n"
)


@pytest.fixture(scope="module")
def server(bundles: Bundles) -> Iterator[Served]:
    with Served(bundles["float32"], engines=1) as served:
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with Client(server.address) as client:
        yield client


def expected(text: str, translation: Translation, client: Client) -> str:
    """The text with each of its sentences translated by itself."""
    spans = [(each.source_begin, each.source_end) for each in translation.segments]
    alone = client.translate([text[begin:end] for begin, end in spans], segmentation="none")
    for (begin, end), one in reversed(list(zip(spans, alone, strict=True))):
        text = text[:begin] + one.translated_text + text[end:]
    return text


def test_a_document_is_its_sentences_and_all_that_is_between(client: Client) -> None:
    translation = client.translate(DOCUMENT)
    assert len(translation.segments) >= 7
    assert translation.translated_text == expected(DOCUMENT, translation, client)
    assert translation.translated_text.startswith("  ")
    assert "\n\n * * *\n\n😀 " in translation.translated_text
    (streamed,) = client.translate_stream([DOCUMENT])
    assert streamed.translation == translation


def test_nothing_of_ten_thousand_words_is_left_out(
    server: Served, client: Client, tmp_path: Path
) -> None:
    sentence = "The old man went home and saw his small house by the river."
    source, output = tmp_path / "book.txt", tmp_path / "buch.txt"
    source.write_text(" ".join([sentence] * 800))
    assert len(source.read_text().split()) == 10_400
    arguments = ["--target", server.address, "--document", "-i", str(source), "-o", str(output)]
    assert translate.main(arguments) == 0
    alone = client.translate(sentence).translated_text
    assert output.read_text() == " ".join([alone] * 800)


def test_a_sentence_of_two_thousand_words_is_translated_in_parts(client: Client) -> None:
    text = ", ".join(["the old man went home and saw his house"] * 222) + "."
    translation = client.translate(text)
    assert [warning.reason for warning in translation.warnings] == ["SENTENCE_SPLIT"]
    assert len(translation.segments) > 10
    assert all(each.target_token_count > 0 for each in translation.segments)
    assert translation.translated_text == expected(text, translation, client)


def test_the_command_translates_a_file_as_the_client_does(
    server: Served, client: Client, tmp_path: Path
) -> None:
    source, output = tmp_path / "book.txt", tmp_path / "buch.txt"
    source.write_bytes(DOCUMENT.encode())
    arguments = ["--target", server.address, "--document", "-i", str(source), "-o", str(output)]
    assert translate.main(arguments) == 0
    translation = client.translate(DOCUMENT, segmentation="sentences")
    assert output.read_bytes().decode() == translation.translated_text
