"""Placeholders and terms with the shipped model, beside others, with front ends of their own."""

from pathlib import Path

import pytest

from dragoman import Client, Translation
from dragoman.message_format import branches
from dragoman.options import TranslateOptions
from tests.integration.conftest import everyday_sentences, part
from tests.integration.served import Served

MARKED = (
    "{name} bought <b>a book</b> for %s.",
    "The teacher lives in a big house with {count, plural, one {# dog} other {# dogs}}.",
    "See https://example.org/a?b=1 or write to jane.doe@example.org, %(name)s!",
    "Run `make test` in the city of Springfield.",
)
PLACEHOLDERS = (
    ("{name}", "<b>", "</b>", "%s"),
    ("{count, plural, one {# dog} other {# dogs}}",),
    ("https://example.org/a?b=1", "jane.doe@example.org", "%(name)s"),
    ("`make test`",),
)
OPTIONS = TranslateOptions(
    dnt_phrases=["Springfield"],
    glossary="houses",
    glossary_entries={"book": "Heft"},
    protect_placeholders=True,
)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_must_come_out_does_whatever_else_is_translated(
    bundle: Path, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "houses@1.tsv").write_text("en\tde\nhouse\tGebäude\nteacher\tDozent\n")
    settings = {"glossaries": tmp_path, "workers": workers, "max_batch_size": 24}
    others = part(everyday_sentences(), 4)  # ten batches of them
    with Served(bundle, **settings) as served, Client(served.address) as client:
        alone = [client.translate(text, **OPTIONS) for text in MARKED]
        plain = [client.translate(text) for text in others]
        together = client.translate("\n".join(MARKED), **OPTIONS)
        mixed = client.translate([*MARKED, *others], **OPTIONS)
    for translation, placeholders in zip(alone, PLACEHOLDERS, strict=True):
        for placeholder in placeholders:
            assert translation.translated_text.count(placeholder) == 1
        assert translation.warnings == ()
    terms = ("Heft", "Gebäude", "", "Springfield")
    assert all(term in each.translated_text for term, each in zip(terms, alone, strict=True))
    assert "Dozent" in alone[1].translated_text
    assert mixed[: len(MARKED)] == alone
    assert together.translated_text == "\n".join(each.translated_text for each in alone)
    assert len(together.segments) == len(MARKED)
    for before, after in zip(plain, mixed[len(MARKED) :], strict=True):
        assert before == after or has_term(after)


MESSAGE = (
    "{who, select, female {She has {n, plural, one {# dog} other {# dogs}}.}"
    " other {{n, plural, one {It''s # book in the house.} other {There are # books.}}}}"
)


def test_branches_of_a_message_are_translated_as_texts_of_their_own(bundle: Path) -> None:
    branch = "She has {n, plural, one {# dog} other {# dogs}}."
    with Served(bundle) as served, Client(served.address) as client:
        message = client.translate(MESSAGE, protect_placeholders=True)
        alone = client.translate(branch, protect_placeholders=True)
    translated = message.translated_text
    texts = [translated[each.begin : each.end] for each in branches(translated)]
    assert texts[0] == alone.translated_text
    assert len(texts) == 3
    assert all("#" in text and "book" not in text for text in texts)
    rest = translated
    for text in texts:
        rest = rest.replace(text, "", 1)
    assert rest == "{who, select, female {} other {{n, plural, one {} other {}}}}"


def has_term(translation: Translation) -> bool:
    words = ("Heft", "Gebäude", "Dozent")
    return any(word in translation.translated_text for word in words)
