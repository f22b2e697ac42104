"""A block of marked-up text: plain text, and the elements in it as a tree.

Whatever tags it is built from, in whatever order, each of them is in the tree once: one that has no
partner, or crosses another, stands for itself. Does not know what elements mean.
"""

from dataclasses import dataclass, field
from typing import Literal

MAX_DEPTH = 64
"""Of elements of a sentence in each other."""

MAX_ELEMENTS = 2_000
"""Of a block, tags without a partner counted."""

Kind = Literal["pair", "point", "words"]


class MarkupError(ValueError):
    """There is more markup than is allowed.

    Attributes:
        given: What there is.
        allowed: How much there may be.
    """

    def __init__(self, given: str, allowed: str) -> None:
        super().__init__(f"{given}; allowed: {allowed}")
        self.given, self.allowed = given, allowed


@dataclass(slots=True)
class Element:
    """An element of a block, or what stands in it like one."""

    kind: Kind
    """`pair`: two tags with text between. `point`: a tag or a comment without text. `words`: all of
    an element whose text stays as it is."""

    raw: str
    """Its start tag, or all of it where it is no pair."""

    begin: int
    """Where in the text of the block it begins."""

    end: int
    """Where it ends; of a point, where it begins."""

    close: str = ""
    """Its end tag."""

    children: list["Element"] = field(default_factory=list)
    """What is in it, in order."""

    hangs_on: bool = False
    """Whether it follows a word without a space."""

    has_space: bool = False
    """Of a point: whether there is a space before it and after it."""


@dataclass(slots=True)
class Block:
    """A text, and the elements in it."""

    text: str
    """As it is read: entities decoded, white space one space, none at its ends."""

    elements: list[Element]
    """Those that are in no other, in order."""

    @property
    def needs_links(self) -> bool:
        """Whether some element is neither at an end of the text nor round all of it."""
        return any(_is_within(element, len(self.text)) for element in self.elements)


@dataclass(slots=True)
class _Open:
    """An element whose end is not read yet."""

    name: str
    element: Element
    raw: int
    """What was written before it, in pieces."""

    text: int
    """Likewise, what was read."""


class BlockBuilder:
    """Makes a block of its tags and texts as they come."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._raw: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._count = 0
        self._root = Element("pair", "", 0, 0)
        self._open: list[_Open] = []
        self._point: Element | None = None  # the last, until text follows it

    def add_text(self, raw: str, text: str) -> None:
        """Adds text, as it is written and as it is read."""
        self._raw.append(raw)
        self._append(text)

    def add_kept(self, raw: str, words: str) -> None:
        """Adds what stays as it is, with the words that are read of it; they may be none."""
        self._raw.append(raw)
        begin = self._length
        self._append(words)
        begin += self._text[-1].startswith(" ") if self._length > begin else 0
        end = self._length - (self._length > begin and self._text[-1].endswith(" "))
        self._add(Element("words" if end > begin else "point", raw, begin, end))

    def open(self, name: str, raw: str) -> None:
        """Adds a start tag."""
        if len(self._open) == MAX_DEPTH:
            raise MarkupError("more elements in each other", f"at most {MAX_DEPTH}")
        self._count_one()
        element = Element("pair", raw, self._length, self._length)
        element.hangs_on = not self._ends_in_space
        self._open.append(_Open(name, element, len(self._raw), len(self._text)))
        self._raw.append(raw)

    def close(self, name: str, raw: str) -> None:
        """Adds an end tag."""
        self._raw.append(raw)
        depth = len(self._open)
        while depth and self._open[depth - 1].name != name:
            depth -= 1
        if not depth:
            self._add(Element("point", raw, self._length, self._length))
            return
        self._give_up(depth)
        opened = self._open.pop()
        opened.element.end, opened.element.close = self._length, raw
        self._inner.append(self._as_note(opened) or opened.element)

    def finish(self) -> list[str | Block]:
        """Returns the block with what is around it; what there is, where it has no words."""
        self._give_up(0)
        raw, text, elements = "".join(self._raw), "".join(self._text), self._root.children
        self._start()
        if not any(map(str.isalnum, text)):
            return [raw] if raw else []
        before = raw[: len(raw) - len(raw.lstrip())]
        after = raw[len(raw.rstrip()) :]
        text = text.removesuffix(" ")
        block = Block(text, [_trimmed(element, text) for element in elements])
        return [piece for piece in (before, block, after) if piece]

    @property
    def _inner(self) -> list[Element]:
        """What is in the innermost element that is open."""
        return self._open[-1].element.children if self._open else self._root.children

    def _as_note(self, opened: _Open) -> Element | None:
        """Returns a number behind a word, such as a footnote's, as what it is: no part of it."""
        element, text = opened.element, "".join(self._text[opened.text :])
        if opened.name != "sup" or not element.hangs_on or any(map(str.isalpha, text)):
            return None
        del self._text[opened.text :]
        self._length = element.begin
        raw = "".join(self._raw[opened.raw :])
        return Element("point", raw, element.begin, element.begin, hangs_on=True)

    def _append(self, text: str) -> None:
        words = " ".join(text.split())
        if not words:
            words = " " if text else ""
        else:
            words = f"{' ' * text[0].isspace()}{words}{' ' * text[-1].isspace()}"
        if self._point is not None and words:
            self._point.has_space = self._ends_in_space and words.startswith(" ")
            self._point = None
        if self._ends_in_space:
            words = words.removeprefix(" ")
        if words:
            self._text.append(words)
            self._length += len(words)

    @property
    def _ends_in_space(self) -> bool:
        return not self._length or self._text[-1].endswith(" ")

    def _add(self, element: Element) -> None:
        self._count_one()
        if element.kind == "point":
            element.hangs_on = not self._ends_in_space
            self._point = element
        self._inner.append(element)

    def _count_one(self) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise MarkupError("more elements in one block", f"at most {MAX_ELEMENTS}")

    def _give_up(self, depth: int) -> None:
        """Lets start tags beyond a depth stand for themselves: they have no end."""
        while len(self._open) > depth:
            element = self._open.pop().element
            inner = [Element("point", element.raw, element.begin, element.begin), *element.children]
            self._inner.extend(inner)


def _is_within(element: Element, length: int) -> bool:
    """Whether an element, or one in it, is somewhere in a text of a length, and not at its ends."""
    if element.kind == "point":
        return 0 < element.begin < length
    if element.kind == "words" or (element.begin, element.end) != (0, length):
        return True
    return any(_is_within(child, length) for child in element.children)


def _trimmed(element: Element, text: str) -> Element:
    """Returns an element without the white space at its ends; a point where that is all of it."""
    element.begin, element.end = min(element.begin, len(text)), min(element.end, len(text))
    element.children = [_trimmed(child, text) for child in element.children]
    if element.kind != "pair":
        return element
    if text[element.begin : element.end].strip():
        element.begin += text[element.begin] == " "
        element.end -= text[element.end - 1] == " "
        for child in element.children:
            if child.kind == "point":  # it may stand beside that white space
                child.begin = child.end = min(max(child.begin, element.begin), element.end)
        return element
    raw = element.raw + "".join(child.raw for child in element.children) + element.close
    return Element("point", raw, element.begin, element.begin)
