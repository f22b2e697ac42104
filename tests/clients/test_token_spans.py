"""Where tokens stand in a text, whatever the tokenizer makes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.tokenizer.bytes import ByteTokenizer
from dragoman.tokenizer.spans import NOWHERE, Span, locate
from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.families import import_model
from tests.export import tokenizers
from tests.exports import Exports
from tests.families import fsmt, multilingual

TEXTS = [
    "the small cat sat on the mat",
    "  the \t cat,  (the 12 cats) said: “no” …",
    "Der Café-Besitzer ist ﬁn, ½ e\u0301te\u0301 ™",
    "🚲 the 👩\u200d🚀 cat 漢字 かな. Где вокзал?",
    "don't - won't; a.b.c @ x.org &amp; <the> | [cat]",
    "the" * 200,
    " ",
    ".",
]

Get = Callable[[str], CheckpointTokenizer]


@pytest.fixture
def tokenizer(
    request: pytest.FixtureRequest, exports: Exports, checkpoint: Path
) -> CheckpointTokenizer:
    kind = request.param
    if kind == "sentencepiece":
        return import_model(checkpoint).tokenizer
    if kind == "moses":
        made = exports.get("fsmt-tied", lambda at: fsmt.make_checkpoint(at, fsmt.KINDS["tied"]))
        return import_model(made).tokenizer
    made = exports.get(f"family-{kind}", multilingual.KINDS[kind].make)
    return import_model(made).tokenizer


EVERY = pytest.mark.parametrize(
    "tokenizer", ["sentencepiece", "m2m100", "bart", "t5", "byt5", "moses"], indirect=True
)


def require_sound(spans: list[Span], text: str) -> None:
    """They lie in the text and in its order."""
    there = [span for span in spans if span != NOWHERE]
    assert all(0 <= begin <= end <= len(text) for begin, end in there)
    begins = [begin for begin, _ in there]
    assert begins == sorted(begins)


def covered(spans: list[Span], text: str) -> float:
    """Share of the characters that some token is of; spaces do not count."""
    of_tokens = {at for span in spans for at in range(*span)}
    places = [at for at, character in enumerate(text) if not character.isspace()]
    return sum(at in of_tokens for at in places) / max(len(places), 1)


@EVERY
@pytest.mark.parametrize("text", TEXTS)
def test_every_token_of_a_source_has_its_place(tokenizer: CheckpointTokenizer, text: str) -> None:
    spans = tokenizer.source_spans(text)
    assert len(spans) == len(tokenizer.encode(text))
    require_sound(spans, text)
    if text.strip():
        assert covered(spans, text) > 0.85


@EVERY
@pytest.mark.parametrize("text", TEXTS)
def test_every_token_of_a_target_has_its_place(tokenizer: CheckpointTokenizer, text: str) -> None:
    token_ids = tokenizer.encode_target(text)
    spans, said = tokenizer.target_spans(token_ids), tokenizer.decode(token_ids)
    assert len(spans) == len(token_ids)
    require_sound(spans, said)
    if said.strip():
        assert covered(spans, said) > 0.85


def test_pieces_stand_where_their_letters_do(checkpoint: Path) -> None:
    tokenizer = import_model(checkpoint).tokenizer
    text = "  the ﬁne 🚲 mat"
    names = tokenizer._tokenizer.source_tokens(tokenizer.encode(text))
    found = dict(zip(names, tokenizer.source_spans(text), strict=True))
    assert text[slice(*found["\u2581the"])] == "the"
    assert text[slice(*found["<unk>"])].strip() in {"ﬁ", "🚲"}
    assert found["</s>"] == NOWHERE
    assert tokenizer.source_spans(text)[-2][1] == len(text)


def test_what_was_added_to_a_vocabulary_has_its_place(checkpoint: Path, tmp_path: Path) -> None:
    made = tokenizers.beyond_its_source(checkpoint, tmp_path / "checkpoint")
    tokenizer = import_model(made).tokenizer
    for text in tokenizers.texts(300, ["<NUM>", "ß", "ü"]):
        spans = tokenizer.source_spans(text)
        assert len(spans) == len(tokenizer.encode(text))
        require_sound(spans, text)
        if "<NUM>" in text and len(text.split()) == 1 and text.strip() == "<NUM>":
            assert text[slice(*spans[0])] == "<NUM>"


def test_a_character_of_several_bytes_is_the_place_of_each() -> None:
    tokenizer = ByteTokenizer(SpecialTokens(end_id=1))
    assert tokenizer.source_spans("aé🚲") == [(0, 1), *[(1, 2)] * 2, *[(2, 3)] * 4, NOWHERE]
    token_ids = tokenizer.encode_target("aé🚲")
    assert tokenizer.target_spans([*token_ids, 1]) == [
        *tokenizer.source_spans("aé🚲")[:-1],
        NOWHERE,
    ]
    broken = [token_ids[0], token_ids[1], *token_ids]  # a character that is never finished
    assert tokenizer.decode(broken) == "aaé🚲"
    assert tokenizer.target_spans(broken) == [(0, 1), NOWHERE, (1, 2), *[(2, 3)] * 2, *[(3, 4)] * 4]
    assert tokenizer.source_tokens([4, 3 + 0xC3, 1]) == ["\x01", "<0xC3>", "</s>"]


def test_what_is_not_found_has_the_gap_that_it_must_be_in() -> None:
    assert locate("one 漢 two", ["one", "\ufffd", "\ufffd", " two"]) == [
        (0, 3), (3, 6), (3, 6), (6, 9),
    ]  # fmt: skip
    assert locate("one", ["?", "one", "", "!"]) == [(0, 0), (0, 3), NOWHERE, (3, 3)]
    far = "x" * 50 + "a"
    assert locate(far, ["a", "x"])[0] != (50, 51)  # what is far away is another one
