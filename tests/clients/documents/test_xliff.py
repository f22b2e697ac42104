import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.documents.document import DocumentError
from dragoman.documents.formats import Settings
from tests.clients.documents.reading import check_identity, hostile, louder, read, words, written

PIECES = [
    "foo",
    " ",
    "\n",
    "é",
    "&amp;",
    "&lt;",
    "&#233;",
    "<x id='1'/>",
    "<!-- c -->",
    "<![CDATA[<y>]]>",
]
CONTENTS = st.recursive(
    st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
    lambda inner: st.tuples(inner, st.sampled_from(["g", "ph", "mrk", "bpt"]), inner).map(
        lambda parts: f'{parts[0]}<{parts[1]} id="1">{parts[2]}</{parts[1]}>'
    ),
    max_leaves=6,
)


def unit(source: str, *, space: str = "") -> str:
    return (
        f'<?xml version="1.0"?>\n<x:xliff xmlns:x="urn:x" version="1.2"><x:file{space}><x:body>\n'
        f'  <x:trans-unit id="u">\n    <x:source>{source}</x:source>\n  </x:trans-unit>\n'
        "</x:body></x:file></x:xliff>"
    ).replace("<x:source>", "<x:source>")


def structure(element: ET.Element) -> list[tuple[str, dict[str, str]]]:
    return [(each.tag, each.attrib) for each in element.iter()][1:]


@given(CONTENTS, st.sampled_from(["", ' xml:space="preserve"']))
@settings(max_examples=150, deadline=None)
def test_a_target_has_the_elements_of_its_source(source: str, space: str) -> None:
    content = unit(source, space=space)
    document = check_identity("xliff", content)
    result = written(document, hostile)
    before, after = ET.fromstring(content), ET.fromstring(result)
    (new,) = after.iter("{urn:x}trans-unit")
    (old,) = before.iter("{urn:x}trans-unit")
    if not document.texts:
        assert result == content
        return
    assert [each.tag for each in new] == ["{urn:x}source", "{urn:x}target"]
    assert ET.tostring(new[0]).strip() == ET.tostring(old[0]).strip()
    assert structure(new[1]) == structure(old[0])
    new.remove(new[1])
    assert structure(after) == structure(before)


def test_targets_of_the_first_version_are_added_or_filled() -> None:
    content = """\
<xliff version="1.2"><file><body><group>
\t<trans-unit id="a">
\t\t<source>One <ph id="1">%s</ph> two</source>
\t\t<note>no</note>
\t</trans-unit>
\t<trans-unit id="b"><source>b</source><target xml:lang="de"/></trans-unit>
\t<trans-unit id="c"><source>c</source><target xml:lang="de" state="new">c</target></trans-unit>
\t<trans-unit id="d"><source>d</source><target></target><alt-trans><source>no</source>\
<target>no</target></alt-trans></trans-unit>
\t<trans-unit id="e"><source>no</source><target>nein</target></trans-unit>
\t<trans-unit id="f" translate="no"><source>no</source></trans-unit>
\t<trans-unit id="g" approved="yes"><source>no</source></trans-unit>
\t<trans-unit id="h"><source>h</source><seg-source><mrk mtype="seg">h</mrk></seg-source>\
</trans-unit>
</group></body></file></xliff>
"""
    document = read("xliff", content)
    assert words(document) == ["One", "two", "b", "c", "d", "h"]
    assert [(each.id, each.line) for each in document.messages][:2] == [("a", 3), ("b", 6)]
    assert (
        written(document, louder)
        == """\
<xliff version="1.2"><file><body><group>
\t<trans-unit id="a">
\t\t<source>One <ph id="1">%s</ph> two</source>
\t\t<target state="needs-review-translation">ONE <ph id="1">%s</ph> TWO</target>
\t\t<note>no</note>
\t</trans-unit>
\t<trans-unit id="b"><source>b</source>\
<target xml:lang="de" state="needs-review-translation">B</target></trans-unit>
\t<trans-unit id="c"><source>c</source>\
<target xml:lang="de" state="needs-review-translation">C</target></trans-unit>
\t<trans-unit id="d"><source>d</source><target state="needs-review-translation">D</target>\
<alt-trans><source>no</source><target>no</target></alt-trans></trans-unit>
\t<trans-unit id="e"><source>no</source><target>nein</target></trans-unit>
\t<trans-unit id="f" translate="no"><source>no</source></trans-unit>
\t<trans-unit id="g" approved="yes"><source>no</source></trans-unit>
\t<trans-unit id="h"><source>h</source><seg-source><mrk mtype="seg">h</mrk></seg-source>\
<target state="needs-review-translation">H</target></trans-unit>
</group></body></file></xliff>
"""
    )


def test_segments_of_the_second_version_say_their_state() -> None:
    content = (
        '<xliff version="2.1"><file id="f"><unit id="u"><originalData><data id="d">no</data>'
        '</originalData><segment id="s" state="initial"><source>a <pc id="1">b</pc></source>'
        "</segment><ignorable><source>no</source></ignorable><segment><source>c</source><target/>"
        '</segment></unit><unit id="v" translate="no"><segment><source>no</source></segment></unit>'
        "</file></xliff>"
    )
    document = read("xliff", content)
    assert [each.id for each in document.messages] == ["u/s", "u"]
    result = written(document, louder)
    assert result == content.replace(
        '<segment id="s" state="initial"><source>a <pc id="1">b</pc></source>',
        '<segment id="s" state="translated"><source>a <pc id="1">b</pc></source>'
        '<target>A <pc id="1">B</pc></target>',
    ).replace(
        "<segment><source>c</source><target/>",
        '<segment state="translated"><source>c</source><target>C</target>',
    )


def test_states_say_that_nothing_needs_review() -> None:
    first = written(read("xliff", unit("a"), Settings(needs_review=False)), louder)
    assert '<x:target state="translated">A</x:target>' in first
    content = unit("a").replace("1.2", "2.0").replace("trans-unit", "segment")
    second = written(read("xliff", content, Settings(needs_review=False)), louder)
    assert '<x:segment id="u" state="final">' in second


def test_lines_are_kept_where_space_is() -> None:
    assert words(read("xliff", unit("a\n b"))) == ["a b"]
    assert words(read("xliff", unit("a\n b", space=' xml:space="preserve"'))) == ["a", "b"]


def test_what_is_protected_stays() -> None:
    source = 'a <mrk mtype="protected">b <g id="1">c</g></mrk> d <mrk translate="no">e</mrk>'
    assert words(read("xliff", unit(source))) == ["a", "d"]


LAUGHS = '<!DOCTYPE x [<!ENTITY a "lol">\n<!ENTITY b "&a;&a;">]><xliff version="1.2">&b;</xliff>'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('<xliff version="1.2">\n<file>', "line 2: is not XML: no element found"),
        ("<html/>", "line 1: is not XLIFF: its first element is html"),
        ('<xliff version="1.0"/>', "line 1: is XLIFF of version 1.0; supported: 1.2 and 2.x"),
        ("<xliff/>", "line 1: is XLIFF of version unknown"),
        (LAUGHS, "line 1: declares an entity"),
        ('<xliff version="1.2">\n' + "<g>" * 100_000, "line 2: has more than 200 elements"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><xliff/>', "line 1: says that the file is in"),
        ("", "line 1: is not XML: no element found"),
    ],
)
def test_what_is_no_xliff_is_refused_with_its_line(content: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read("xliff", content)
    assert str(caught.value).startswith(problem)
