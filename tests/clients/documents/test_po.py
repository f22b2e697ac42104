import polib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.documents.document import DocumentError
from dragoman.documents.formats import Settings
from tests.clients.documents.reading import by_lines, check_identity, hostile, louder, read, written

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n"\\\t'), max_size=30
)


def entries(*entries: polib.POEntry) -> str:
    file = polib.POFile()
    file.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    file.extend(entries)
    return str(file)


@given(
    TEXTS.filter(bool),
    st.none() | TEXTS,
    st.none() | TEXTS.filter(bool),
    st.text("abc ", max_size=9),
)
@settings(max_examples=150, deadline=None)
def test_what_is_filled_is_what_other_readers_read(
    source: str, context: str | None, plural: str | None, comment: str
) -> None:
    entry = polib.POEntry(msgid=source, msgctxt=context, comment=comment)
    if plural is not None:
        entry.msgid_plural = plural
        entry.msgstr_plural = {0: "", 1: "", 2: ""}
    content = entries(entry)
    document = check_identity("po", content)
    after = polib.pofile(written(document, hostile))
    assert [(each.msgid, each.msgctxt) for each in after] == [(source, context)]
    if document.texts and plural is None:
        assert after[0].msgstr == by_lines(source, hostile)
        assert after[0].fuzzy
    elif document.texts and plural is not None:
        more = by_lines(plural, hostile)
        assert after[0].msgstr_plural == {0: by_lines(source, hostile), 1: more, 2: more}
        assert after[0].fuzzy


def test_only_what_is_empty_is_filled() -> None:
    content = (
        f"# translator\n{HEADER}"
        '#. extracted\n#: a.c:1\n#, c-format\nmsgid "Hi, %s\\n"\nmsgstr ""\n\n'
        'msgid "done"\nmsgstr "fertig"\n\n'
        '#, fuzzy\n#| msgid "was"\nmsgid "is"\nmsgstr "ist"\n\n'
        'msgctxt "menu"\nmsgid "Open"\nmsgstr ""\n\n'
        'msgid "12"\nmsgstr ""\n\n'
        '#~ msgid "old"\n#~ msgstr ""\n'
    )
    assert written(read("po", content), louder) == (
        f"# translator\n{HEADER}"
        '#. extracted\n#: a.c:1\n#, fuzzy, c-format\nmsgid "Hi, %s\\n"\nmsgstr "HI, %S\\n"\n\n'
        'msgid "done"\nmsgstr "fertig"\n\n'
        '#, fuzzy\n#| msgid "was"\nmsgid "is"\nmsgstr "ist"\n\n'
        '#, fuzzy\nmsgctxt "menu"\nmsgid "Open"\nmsgstr "OPEN"\n\n'
        'msgid "12"\nmsgstr ""\n\n'
        '#~ msgid "old"\n#~ msgstr ""\n'
    )


def test_nothing_is_fuzzy_where_nothing_needs_review() -> None:
    content = f'{HEADER}msgid "a"\nmsgstr ""\n'
    done = written(read("po", content, Settings(needs_review=False)), louder)
    assert done == f'{HEADER}msgid "a"\nmsgstr "A"\n'


def test_plurals_have_as_many_forms_as_the_entry() -> None:
    one = 'msgid "%d file"\nmsgid_plural "%d files"\nmsgstr[0] ""\n'
    after = polib.pofile(written(read("po", HEADER + one), louder))
    assert after[0].msgstr_plural == {0: "%D FILES"}


def test_a_plural_is_left_empty_where_one_form_fails() -> None:
    content = f'{HEADER}msgid "file"\nmsgid_plural "files"\nmsgstr[0] ""\nmsgstr[1] ""\n'
    document = read("po", content)
    assert document.texts == ["file", "files"]
    assert document.write(["DATEI", ""]).content == content.encode()


def test_long_lines_are_broken_as_gettext_does() -> None:
    content = f'{HEADER}msgid "{"word " * 40}end\\nmore"\r\nmsgstr ""\r\n'
    result = written(read("po", content), louder)
    assert max(map(len, result.split("msgstr")[-1].splitlines())) <= 79
    assert '\r\nmsgstr ""\r\n"WORD ' in result
    assert polib.pofile(result)[0].msgstr == "WORD " * 40 + "END\nMORE"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('msgid "a"\nmsgstr "', "line 2: has a string without an end"),
        ('msgid "a" x\n', "line 1: has a string without an end, or something after its end"),
        ('msgid "a"\nhello\n', "line 2: is neither a comment nor"),
        ('"a"\n', "line 1: is neither a comment nor"),
        ('msgid "a"\nmsgstr ""\nmsgstr ""', "line 3: is a second msgstr of one entry"),
        (
            'msgid ""\nmsgstr "Content-Type: text/plain; charset=ISO-8859-1\\n"',
            "line 2: says that the file is in ISO-8859-1: `msgconv -t UTF-8` converts it",
        ),
    ],
)
def test_what_is_none_of_gettexts_files_is_refused_with_its_line(
    content: str, problem: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        read("po", content)
    assert str(caught.value).startswith(problem)
