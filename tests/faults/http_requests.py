"""Requests of HTTP that nobody would send: odd JSON and forms, bad framing, tricks with headers.

Each is made of its number alone. Knows paths and fields of the interfaces. Does not know what a
server should say to them.
"""

import random
from collections.abc import Sequence
from json import dumps
from urllib.parse import quote

from tests.faults.messages import STRINGS, mutated

POSTS = ("/translate", "/detect", "/v2/translate", "/v1/chat/completions")
GETS = (
    *("/languages", "/frontend/settings", "/v2/languages", "/v2/usage", "/v1/models", "/health"),
    *("/v1/models/tiny:en-de", "/v1/models/%ff%00/..%2f..", "/v2/languages?type=%ed%a0%80&type=a"),
)
ODD_PATHS = (
    *("/suggest", "/translate_file", "/v2/document/x", "/nothing", "/translate/", "//evil/..", "*"),
    *("http://evil/translate", "/translate?q=a&source=en&target=de", "/" + "a" * 9000, "/%", "/é"),
)
FIELDS = {
    "/translate": ("q", "source", "target", "format", "alternatives", "api_key"),
    "/detect": ("q", "api_key"),
    "/v2/translate": (
        *("text", "source_lang", "target_lang", "tag_handling", "split_sentences", "formality"),
        *("glossary_id", "show_billed_characters", "context", "ignore_tags"),
    ),
    "/v1/chat/completions": (
        *("model", "messages", "n", "stream", "stream_options", "response_format", "stop"),
        *("source_language_code", "target_language_code", "temperature"),
    ),
}
RIGHT = {
    "q": '"the cat"',
    "text": '["the cat", "house"]',
    "source": '"en"',
    "target": '"de"',
    "source_lang": '"EN"',
    "target_lang": '"DE"',
    "format": '"html"',
    "alternatives": "2",
    "tag_handling": '"xml"',
    "split_sentences": '"0"',
    "model": '"tiny:en-de"',
    "messages": '[{"role": "user", "content": "the cat"}]',
    "stream": "true",
    "stream_options": '{"include_usage": true}',
}
MOST_DEPTH = 100_000
ODD_VALUES = (
    *(
        "null",
        "true",
        "NaN",
        "-Infinity",
        "1e400",
        "-0.0",
        "0",
        "-1",
        "9" * 4000,
        "0." + "9" * 9000,
    ),
    *(
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\u0000"',
        '"²"',
        '"1"',
        '"on"',
        '"é"',
        "[]",
        "{}",
        '[""]',
    ),
    *('["a", 1]', '[["a"]]', '{"type": "text"}', '[{"role": "user"}]', "'a'", "", "[1", '"\x00"'),
    *('[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]',),
    *(
        '[{"role": "user", "content": "\\ud800"}]',
        '"tiny:\\ud800-de"',
        '"tiny:' + "en-" * 5000 + '"',
    ),
    *('"' + "<b>" * 3000 + '"', '"' + "<![CDATA[" * 3000 + '"', '"' + "&#" * 9000 + '"'),
    *(dumps(text) for text in STRINGS),
)
HEADERS = (
    b"origin: http://evil",
    b"origin: http://[",
    b"origin: null",
    b"sec-fetch-site: cross-site",
    b"x-request-timeout: nan",
    b"x-request-timeout: 1e-300",
    b"x-request-timeout: 0.001",
    b"authorization: Bearer \xff",
    b"authorization: DeepL-Auth-Key",
    b"authorization:",
    b"x-api-key: " + b"k" * 5000,
    b"traceparent: 00-" + b"0" * 32 + b"-" + b"f" * 16 + b"-01",
    b"traceparent: \xff",
    b"grpc-timeout: 1n",
    b"grpc-status-details-bin: AAAA",
    b"expect: 100-continue",
    b"connection: upgrade, http2-settings\r\nupgrade: h2c",
    b"connection: upgrade\r\nupgrade: websocket",
    b"content-encoding: gzip",
    b"accept-encoding: gzip",
    b"range: bytes=0-1",
    b"x-forwarded-for: 127.0.0.1",
    b"cookie: " + b"a=b;" * 1000,
    b"a: b\r\n c: folded",
    b"transfer-encoding: chunked",
    b"transfer-encoding: gzip, chunked",
    b"content-length: 3",
    b"content-length: -1",
    b"content-length: 99999999999999999999",
    b"a:" + b"\x01",
)
HOSTS = (b"a", b"a", b"localhost", b"127.0.0.1:80", b"[", b"\xe2\x84\x80", b"evil/@x", b"")
TYPES = (b"application/json", b"application/x-www-form-urlencoded")
ODD_TYPES = (b"text/plain", b"multipart/form-data; boundary=a", b"application/json; charset=utf-16")
DEEP = ("[", '{"a":', '[{"content":')


def request(number: int, seed: int) -> bytes:
    """Returns the request of this number, with what may follow it on its connection."""
    chance = random.Random(f"http {seed} {number}")
    whole = _request(chance)
    if chance.random() < 0.15:
        whole += _request(chance)
    if chance.random() < 0.1:
        whole += chance.randbytes(chance.choice((1, 30, 5000)))
    return mutated(chance, whole) if chance.random() < 0.15 else whole


def _request(chance: random.Random) -> bytes:
    verb, path = "POST", chance.choice(POSTS)
    if chance.random() < 0.15:
        verb, path = chance.choice(("GET", "GET", "HEAD", "DELETE", "OPTIONS")), chance.choice(GETS)
    elif chance.random() < 0.1:
        path = chance.choice(ODD_PATHS)
    is_form = chance.random() < 0.2 and path != "/v1/chat/completions"
    body = b""
    if verb == "POST":
        body = _form(chance, path) if is_form else _json(chance, path)
    head = [f"{verb} {path} HTTP/1.{chance.choice('1110')}".encode()]
    head.append(b"host: " + chance.choice(HOSTS if chance.random() < 0.2 else HOSTS[:2]))
    kinds = ODD_TYPES if chance.random() < 0.05 else TYPES[is_form : is_form + 1]
    head.append(b"content-type: " + chance.choice(kinds))
    head += chance.sample(HEADERS, chance.choice((0, 0, 0, 1, 1, 3)))
    if chance.random() < 0.2:
        framing, body = b"transfer-encoding: chunked", _chunked(chance, body)
    else:
        framing = b"content-length: %d" % len(body)
    return b"\r\n".join((*head, framing, b"", body))


def _json(chance: random.Random, path: str) -> bytes:
    if chance.random() < 0.03:
        depth, level = chance.choice((900, 960, 990, 5000, MOST_DEPTH)), chance.choice(DEEP)
        return level.encode() * depth
    members: list[str] = []
    odd = chance.choice((0.0, 0.1, 0.1, 0.5))
    for name in FIELDS.get(path, FIELDS["/translate"]):
        value = RIGHT.get(name)
        if chance.random() < odd:
            value = chance.choice(ODD_VALUES)
        elif chance.random() < odd / 10:
            depth = chance.choice((900, 970, 985))
            value = "[" * depth + "]" * depth
        if value is not None and (name not in _OPTIONAL or chance.random() < 0.5):
            members += [f'"{name}": {value}'] * chance.choice((1, 1, 1, 1, 2))
    chance.shuffle(members)
    return ("{" + ", ".join(members) + "}").encode("utf-8", "surrogatepass")


_OPTIONAL = frozenset({"format", "alternatives", "tag_handling", "stream", "stream_options"})


def _form(chance: random.Random, path: str) -> bytes:
    fields: list[str] = []
    for name in FIELDS.get(path, FIELDS["/translate"]):
        texts: Sequence[str] = STRINGS if chance.random() < 0.1 else _FORM_TEXTS.get(name, ())
        if texts:
            fields += [f"{name}={quote(chance.choice(texts))}"] * chance.choice((1, 1, 1, 3))
    if chance.random() < 0.05:
        fields += chance.choice((["%ff=%ed%a0%80"], ["a=b"] * 5000, ["="] * 50, ["q=%"]))
    return "&".join(fields).encode()


_FORM_TEXTS = {
    "q": STRINGS[2:4],
    "text": STRINGS[2:4],
    "source": ("en", "auto"),
    "target": ("de",),
    "target_lang": ("DE", "de-AT"),
    "alternatives": ("0", "3", "99", "²"),
}


def _chunked(chance: random.Random, body: bytes) -> bytes:
    size = chance.choice((1, 7, 5000)) if len(body) < 9000 else 5000
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in parts)
    return framed + chance.choice(
        (b"0\r\n\r\n", b"0\r\na: b\r\n\r\n", b"zz\r\n\r\n", b"", b"-1\r\n")
    )
