"""Messages in YAML: the scalars that are values and strings. The door to PyYAML's parser.

libyaml says what is a scalar, where it stands and whether it is a string; keys, anchors, aliases,
comments and other values stay. Does not know how a scalar is written: that is yaml_scalars.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from dragoman.documents.document import Document, DocumentError, Edit, Message
from dragoman.documents.json_messages import MAX_DEPTH, is_selected
from dragoman.documents.parts import has_texts, lines
from dragoman.documents.yaml_scalars import STRING, is_plain_string, written


@dataclass(slots=True)
class _Level:
    """A mapping or a sequence that is open."""

    is_mapping: bool
    is_flow: bool
    count: int = 0
    """Of its nodes so far: in a mapping each second one is a value."""

    key: str = ""
    """Of the value that comes next, in a mapping."""

    @property
    def name(self) -> str:
        return self.key if self.is_mapping else str(self.count)

    @property
    def at_key(self) -> bool:
        return self.is_mapping and self.count % 2 == 0


def parse(content: str, keys: Sequence[str]) -> Document:
    """Finds the messages; see json_messages.

    Raises:
        DocumentError: It is not YAML.
    """
    start = int(content.startswith("\ufeff"))
    messages = []
    try:
        for path, is_flow, event in _strings(content[start:]):
            if not is_selected(path, keys):
                continue
            parts = lines(event.value)
            if has_texts(parts):
                scalar = _Scalar(content, start, event, is_flow)
                messages.append(Message(path, scalar.line, parts, str, scalar.place))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise DocumentError(f"is not YAML: {error.problem}", line) from None
    except yaml.reader.ReaderError as error:
        line = content.encode()[: error.position].count(b"\n") + 1
        raise DocumentError(f"is not YAML: {error.reason}", line) from None
    return Document(content, tuple(messages))


class _Scalar:
    """Where a value stands, and how it is written."""

    def __init__(self, content: str, start: int, event: yaml.ScalarEvent, is_flow: bool) -> None:
        self.line, begin, end = _place_of(event)
        self._begin = start + begin
        self._raw = content[self._begin : start + end]
        self._value = event.value
        self._is_flow = is_flow

    def place(self, value: str) -> list[Edit]:
        """See Message."""
        if value == self._value:
            return []
        replacement = written(value, self._raw, is_flow=self._is_flow)
        return [Edit(self._begin, self._begin + len(self._raw), replacement)]


def _strings(content: str) -> Iterator[tuple[str, bool, yaml.ScalarEvent]]:
    """Yields each string that is a value: its path, and whether it is in a flow collection."""
    levels = [_Level(is_mapping=False, is_flow=False)]  # the documents
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        level = levels[-1]
        if isinstance(event, yaml.ScalarEvent):
            if level.at_key:
                level.key = event.value
            elif _is_string(event):
                path = ".".join(each.name for each in levels[1:])
                yield path, level.is_flow, event
            level.count += 1
        elif isinstance(event, yaml.AliasEvent):
            level.count += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(levels) > MAX_DEPTH:
                problem = f"has more than {MAX_DEPTH} mappings and sequences in each other"
                raise DocumentError(problem, _place_of(event)[0])
            is_flow = bool(event.flow_style) or level.is_flow
            levels.append(_Level(isinstance(event, yaml.MappingStartEvent), is_flow))
        elif isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            levels[-1].count += 1


def _is_string(event: yaml.ScalarEvent) -> bool:
    if event.tag is not None and event.tag != "!":
        return bool(event.tag == STRING)
    return bool(event.style) or is_plain_string(event.value)


def _place_of(event: yaml.Event) -> tuple[int, int, int]:
    """Returns the line of an event, from 1, and where it begins and ends."""
    assert event.start_mark is not None  # libyaml tells of all
    assert event.end_mark is not None
    return event.start_mark.line + 1, event.start_mark.index, event.end_mark.index
