"""Units of XLIFF 1.2 and 2.x whose target is missing or empty. The door to expat.

Units that have a target, are approved or not to be translated, and all else, stay; a target of 1.2
counts as empty where its state says that it is new. Specifications: OASIS XLIFF 1.2 and 2.1. Does
not know what is in a unit: that is xliff_units.py.
"""

from typing import NoReturn
from xml.parsers import expat

from dragoman.documents.document import Document, DocumentError, Message
from dragoman.documents.parts import Lines
from dragoman.documents.xliff_units import (
    TAG,
    TO_BE_TRANSLATED,
    Element,
    States,
    Unit,
    local,
    message_of,
)

MAX_DEPTH = 200
"""Of elements in each other."""


def parse(content: str, *, needs_review: bool) -> Document:
    """Finds the messages.

    Args:
        content: The file.
        needs_review: Whether targets are said to be in need of one.

    Raises:
        DocumentError: It is not XLIFF, or of another version.
    """
    return Document(content, tuple(_Reader(content, needs_review=needs_review).messages()))


class _Reader:
    """Follows expat through a file."""

    def __init__(self, content: str, *, needs_review: bool) -> None:
        self._content = content
        self._bytes = content.encode()
        self._needs_review = needs_review
        self._line_of = Lines(content)
        self._is_first_version = False
        self._open: list[Element] = []
        self._unit: Unit | None = None
        self._messages: list[Message] = []
        self._read = (0, 0)  # bytes and characters up to the last place that was asked for
        self._parser = expat.ParserCreate("utf-8")
        self._parser.XmlDeclHandler = self._declare
        self._parser.EntityDeclHandler = self._declare_entity
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def messages(self) -> list[Message]:
        """Returns the messages; raises DocumentError."""
        try:
            self._parser.Parse(self._bytes, True)
        except expat.ExpatError as error:
            problem = f"is not XML: {expat.ErrorString(error.code)}"
            raise DocumentError(problem, error.lineno) from None
        return self._messages

    def _fail(self, problem: str) -> NoReturn:
        raise DocumentError(problem, self._parser.CurrentLineNumber)

    def _position(self) -> int:
        """Returns where in the text the parser is; it counts bytes."""
        at_byte, at = self._read
        byte = self._parser.CurrentByteIndex
        self._read = (byte, at + len(self._bytes[at_byte:byte].decode()))
        return self._read[1]

    def _declare(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            self._fail(
                f"says that the file is in {encoding}, not in UTF-8: `iconv -t UTF-8` converts it"
            )

    def _declare_entity(self, *_: object) -> None:
        self._fail("declares an entity, which XLIFF has no use for")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        begin = self._position()
        if not self._open:
            self._begin(local(name), attributes)
        elif len(self._open) == MAX_DEPTH:
            self._fail(f"has more than {MAX_DEPTH} elements in each other")
        tag = TAG.match(self._content, begin)
        assert tag is not None  # expat has read it
        parent = self._open[-1] if self._open else None
        space = attributes.get("xml:space")
        translate = attributes.get("translate")
        element = Element(
            name,
            attributes,
            begin,
            tag.end(),
            keeps_space=space == "preserve" if space else bool(parent and parent.keeps_space),
            is_translated=(
                (translate == "yes" if translate else parent is None or parent.is_translated)
                and attributes.get("approved") != "yes"
            ),
        )
        self._open.append(element)
        if local(name) == ("trans-unit" if self._is_first_version else "segment"):
            self._unit = Unit(element, self._name_of_unit())

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        version = attributes.get("version", "")
        if name != "xliff":
            self._fail(f"is not XLIFF: its first element is {name}")
        if version != "1.2" and not version.startswith("2."):
            self._fail(f"is XLIFF of version {version or 'unknown'}; supported: 1.2 and 2.x")
        self._is_first_version = version == "1.2"

    def _name_of_unit(self) -> str:
        names = [
            element.attributes["id"]
            for element in self._open
            if local(element.name) in {"trans-unit", "unit", "segment"}
            and "id" in element.attributes
        ]
        return "/".join(names)

    def _end(self, _name: str) -> None:
        end = self._position()
        element = self._open.pop()
        unit = self._unit
        if unit is None:
            return
        if element is unit.element:
            self._unit = None
            if message := message_of(unit, self._content, self._states(), self._line_of):
                self._messages.append(message)
        elif self._open[-1] is unit.element:
            is_empty = self._content[element.inner - 2] == "/"
            close = element.inner if is_empty else self._content.index(">", end) + 1
            self._add(unit, element, element.inner if is_empty else end, close)

    def _add(self, unit: Unit, element: Element, inner_end: int, close: int) -> None:
        """Adds an element that stands in a unit to what is known of it."""
        name = local(element.name)
        if name == "source":
            unit.source, unit.source_end, unit.after = element, inner_end, close
        elif name == "seg-source":
            unit.after = close
        elif name == "target":
            unit.target, unit.target_end = element, close
            says = bool(self._content[element.inner : inner_end].strip())
            unit.is_done = says and element.attributes.get("state") not in TO_BE_TRANSLATED

    def _states(self) -> States:
        if self._is_first_version:
            return States("needs-review-translation" if self._needs_review else "translated", "")
        return States("", "translated" if self._needs_review else "final")
