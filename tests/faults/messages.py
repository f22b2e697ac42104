"""Messages that nobody would send: arbitrary bytes, valid ones damaged, and valid ones at extremes.

Each is made of its number alone, so that one that does harm can be made again. Knows the wire's
messages by their descriptors. Does not know what a server should say to them.
"""

import math
import random
import struct
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from google.protobuf.any_pb2 import Any as Wrapped
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

MOST_BYTES = 262_144
"""That a server takes unless told otherwise; a few messages are larger."""

STRINGS = (
    "",
    " \t\n",
    "the cat",
    "where is the house by the river",
    "a\0b",
    "\ufeffthe\u200b cat\u2028\u2029",
    "</s> <pad> <unk> >>de<< ▁▁▁",
    "\ufdfa" * 60,
    "e" + "\u0301" * 300,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 9,
    "\u202ethe cat\u202c \u0627\u0644\u0642\u0637 \u05d7\u05ea\u05d5\u05dc",
    "\uffff\ufffe\U0010ffff\ue000",
    "\U000e0001\U000e0065\U000e006e",
    "%s%n{0}{__class__}\x1b[2J\r\n",
    "İıſßﬁǅ" * 20,
    "a" * 600,
    "word " * 60,
    "1" * 4000,
    "\u0bcc" * 7000,
    "x" * 31_000,
)
PLAIN = (*STRINGS[1:4], STRINGS[6], STRINGS[8], STRINGS[16])
"""Texts that are translated."""

CODES = (
    "",
    "en",
    "de",
    "en",
    "de",
    "EN-us",
    "zz",
    "de-x-" + "a" * 30,
    "-",
    "e\u0301n",
    "i-klingon",
)
MODELS = ("", "", "", "tiny", "TINY", "../../etc/passwd", "m" * 5000)
INTEGERS = (0, 1, 2, 3, 4, 5, 16, 17, 63, 64, 1024, 1025, -1, 2**31 - 1, -(2**31))
WIDE_INTEGERS = (*INTEGERS, 2**63 - 1, -(2**63), 2**53 + 1)
NUMBERS = (
    *(0.0, -0.0, 0.5, 1.0, 1.1, 2.0, 10.0, 100.0, 1e308, 5e-324, -1e308, 1e-30),
    *(math.nan, math.inf, -math.inf, struct.unpack("<d", b"\1" * 7 + b"\x7f")[0]),
)
COUNTS = (0, 0, 1, 1, 1, 1, 2, 3, 5, 30)
LARGE_COUNTS = (256, 257, 1024, 1025, 5000)

VARINT, FIXED64, BYTES, START, END, FIXED32 = range(6)
"""Wire types."""

SURROGATES = (b"\xed\xa0\x80", b"a\xed\xb0\x80b", b"\xed\xa0\xbd\xed\xb8\x80", b"\xc0\x80", b"\xff")
"""What UTF-8 has no room for."""


class Words(NamedTuple):
    """Texts for fields of some names; all others have any."""

    plain: Mapping[str, Sequence[str]]
    """Such as are mostly allowed."""
    odd: Mapping[str, Sequence[str]]
    wanted: frozenset[str]
    """Names of fields that every message has."""


_CODE_NAMES = ("source_language_code", "target_language_code", "target_language_codes")
OURS = Words(
    plain={
        "source_language_code": ("", "en"),
        "target_language_code": ("", "de"),
        "model": ("",),
        "id": tuple(str(number) for number in range(30)),
    },
    odd={
        **dict.fromkeys(_CODE_NAMES, CODES),
        "model": MODELS,
        "id": ("", "a", "b", "c", "i" * 128, "i" * 129),
    },
    wanted=frozenset({"contents", "content", "id"}),
)


def message(
    number: int, seed: int, request: type[Message], damaged: float, words: Words = OURS
) -> bytes:
    """Returns the message of this number, meant to be a `request`.

    Args:
        number: Of the message.
        seed: Another one has other messages.
        request: What the server expects.
        damaged: Which part of all messages is not as some client's library would write it.
        words: Of its fields.
    """
    chance = random.Random(f"{seed} {number}")
    is_damaged = chance.random() < damaged
    kind = chance.random()
    if is_damaged and kind < 0.25:
        return arbitrary(chance)
    valid = extreme(chance, request, words)
    if not is_damaged:
        return valid
    return mutated(chance, valid) if kind < 0.65 else crowded(chance, valid)


def arbitrary(chance: random.Random) -> bytes:
    """Returns bytes without any meaning."""
    size = chance.choice((0, 1, 2, 5, 20, 100, 1000))
    if chance.random() < 0.005:
        size = chance.choice((MOST_BYTES - 1, MOST_BYTES, MOST_BYTES + 1, 2 * MOST_BYTES))
    return chance.randbytes(size)


def mutated(chance: random.Random, valid: bytes) -> bytes:
    """Returns valid bytes after a few accidents."""
    data = bytearray(valid)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        accident = chance.randrange(6)
        if accident == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif accident == 1:
            del data[at : min(end, at + 8)]
        elif accident == 2:
            data[at:at] = chance.randbytes(chance.randrange(1, 8))
        elif accident == 3:
            data[at:at] = data[at : min(end, at + 64)]
        elif accident == 4:
            del data[at:]
        elif at < len(data):
            data[at] = chance.choice((0x00, 0x7F, 0x80, 0xFF))
    return bytes(data)


def crowded(chance: random.Random, valid: bytes) -> bytes:
    """Returns valid bytes among what a parser may meet beside them."""
    pieces = [valid]
    for _ in range(chance.choice((1, 1, 2, 5))):
        pieces.insert(chance.randrange(len(pieces) + 1), chance.choice(_COMPANY)(chance, valid))
    return b"".join(pieces)


def extreme(chance: random.Random, request: type[Message], words: Words) -> bytes:
    """Returns a message whose fields are anything that their types allow."""
    made = request()
    value_of = _plain if chance.random() < 0.5 else _value
    _fill(chance, made, partial(value_of, words), words.wanted)
    return made.SerializeToString()


_ValueOf = Callable[[random.Random, FieldDescriptor], object]


def _fill(
    chance: random.Random, message: Message, value_of: _ValueOf, wanted: frozenset[str]
) -> None:
    likely = chance.choice((0.05, 0.3, 0.9))
    for each in message.DESCRIPTOR.fields:
        field = cast("FieldDescriptor", each)
        if field.name not in wanted and chance.random() >= likely:
            continue
        kind = field.message_type
        if field.is_repeated and kind is not None and kind.GetOptions().map_entry:
            _fill_map(chance, getattr(message, field.name), kind.fields_by_name, value_of, wanted)
        elif field.is_repeated and kind is not None:
            for _ in range(chance.choice(COUNTS)):
                _fill(chance, getattr(message, field.name).add(), value_of, wanted)
        elif field.is_repeated:
            count = chance.choice(LARGE_COUNTS if chance.random() < 0.01 else COUNTS)
            short = count > max(COUNTS)
            getattr(message, field.name).extend(
                STRINGS[2] if short else value_of(chance, field) for _ in range(count)
            )
        elif kind is not None:
            if field.name in wanted or chance.random() < 0.6:
                getattr(message, field.name).SetInParent()
                _fill(chance, getattr(message, field.name), value_of, wanted)
        else:
            setattr(message, field.name, value_of(chance, field))


def _fill_map(
    chance: random.Random,
    entries: MutableMapping[Any, Any],
    entry: Mapping[str, FieldDescriptor],
    value_of: _ValueOf,
    wanted: frozenset[str],
) -> None:
    for _ in range(chance.choice(COUNTS)):
        key = value_of(chance, entry["key"])
        if entry["value"].message_type is None:
            entries[key] = value_of(chance, entry["value"])
        else:
            _fill(chance, entries[key], value_of, wanted)


def _plain(words: Words, chance: random.Random, field: FieldDescriptor) -> object:
    """Returns what is allowed in most places."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return chance.choice(words.plain.get(field.name, PLAIN))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return chance.choice(PLAIN).encode()
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return 1.0 if field.name.startswith("sampling") else chance.choice((1.0, 1.5, 2.0))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return chance.random() < 0.5
    if field.name in {"sampling_topk", "num_hypotheses"}:
        return 1
    return chance.choice(
        {"max_decoding_length": (9, 20), "beam_size": (1, 4)}.get(field.name, (0, 1))
    )


def _value(words: Words, chance: random.Random, field: FieldDescriptor) -> object:
    if field.type == FieldDescriptor.TYPE_STRING:
        pool = words.odd.get(field.name, STRINGS)
        return chance.choice(pool) if chance.random() < 0.98 else _any_text(chance)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return chance.choice((*SURROGATES, chance.choice(STRINGS).encode()))
    if field.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}:
        return chance.choice(NUMBERS)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return chance.random() < 0.5
    if field.type == FieldDescriptor.TYPE_INT64:
        return chance.choice(WIDE_INTEGERS)
    return chance.choice(INTEGERS)


def _any_text(chance: random.Random) -> str:
    points = (chance.randrange(0x110000) for _ in range(chance.randrange(200)))
    return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _field(number: int, content: bytes) -> bytes:
    return _tag(number, BYTES) + _varint(len(content)) + content


def _unknown(chance: random.Random, _: bytes) -> bytes:
    number = chance.choice((0, 15, 16, 18, 1000, 19_000, 2**29 - 1, 2**29))
    if chance.random() < 0.5:
        return _tag(number, VARINT) + b"\xff" * chance.choice((1, 9, 10, 11)) + b"\1"
    wire_type = chance.choice((FIXED64, FIXED32, BYTES, START, END, 6, 7))
    return _tag(number, wire_type) + chance.randbytes(8)


def _as_another_type(chance: random.Random, _: bytes) -> bytes:
    return _tag(chance.randrange(1, 8), chance.randrange(8)) + chance.randbytes(8)


def _again(_: random.Random, valid: bytes) -> bytes:
    """What is there once is merged with itself, or replaces itself."""
    return valid


def _deep_groups(chance: random.Random, _: bytes) -> bytes:
    depth = chance.choice((10, 99, 100, 101, 20_000))
    return _tag(1000, START) * depth + _tag(1000, END) * chance.choice((depth, 0))


def _deep_options(chance: random.Random, _: bytes) -> bytes:
    content = b""
    for _level in range(chance.choice((2, 99, 101, 400))):
        content = _field(chance.choice((5, 6)), content)
    return content


def _deep_any(chance: random.Random, _: bytes) -> bytes:
    inner = Wrapped(type_url="type.googleapis.com/google.protobuf.Any")
    for _level in range(chance.choice((1, 30, 120))):
        inner = Wrapped(type_url=inner.type_url, value=inner.SerializeToString())
    return _field(chance.choice((5, 6, 99)), inner.SerializeToString())


def _no_unicode(chance: random.Random, _: bytes) -> bytes:
    return _field(chance.randrange(1, 6), chance.choice(SURROGATES))


def _endless_length(chance: random.Random, _: bytes) -> bytes:
    return _tag(chance.randrange(1, 8), BYTES) + _varint(chance.choice((2**31, 2**32, 2**63)))


_COMPANY: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _unknown,
    _as_another_type,
    _again,
    _deep_groups,
    _deep_options,
    _deep_any,
    _no_unicode,
    _endless_length,
)
