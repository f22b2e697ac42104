"""Text to ids and back beside the family's own tokenizer: 1,000 lines of each of twelve scripts.

Of Marian see test_marian_tokens.py, of FSMT test_fsmt_tokens.py. The name of a token that steers
the model is text in a text: there transformers says another thing, and what is right is said by
sentencepiece, by bytes, or by the tokenizers library where it is told to take names for text.
"""

import json
import random
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sentencepiece
import tokenizers as library
import transformers

from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.families import import_model
from dragoman_export.families.library_tokens import library_tokenizer
from dragoman_export.verification import ReferenceTokenizer
from tests.export import tiny, tokenizers
from tests.export.corpus import Corpus
from tests.exports import Exports
from tests.families.multilingual import KINDS, T5_IDS

LINES = 1000
KNOWN = 60
"""Lines of each script that tokenizers are trained on."""

TYPED = ("</s>", "<s>", "<pad>", "<unk>", "<mask>", "deu_Latn", "de_DE", "__de__", "<extra_id_0>")
"""Names of tokens; of one tokenizer some, of another others."""

ADDED = [
    library.AddedToken("<NUM>", normalized=False),
    library.AddedToken("[ENT]"),
    library.AddedToken("<left>", lstrip=True, normalized=False),
    library.AddedToken("<right>", rstrip=True, normalized=False),
    library.AddedToken("word", single_word=True, normalized=False),
]
"""As fine-tuning adds them, to a vocabulary that has room for seven."""

FROM_PIECES: dict[str, tuple[str, dict[str, Any]]] = {
    "NllbTokenizer": ("sentencepiece.bpe.model", {"model_type": "bpe"}),
    "MBart50Tokenizer": ("sentencepiece.bpe.model", {}),
    "MBartTokenizer": ("sentencepiece.bpe.model", {}),
    "PegasusTokenizer": ("spiece.model", T5_IDS),
    "T5Tokenizer": ("spiece.model", T5_IDS),
}
"""Tokenizers that transformers makes of a sentencepiece model, where there is no tokenizer.json."""

SAME_CHARACTERS = ("Latin", "Cyrillic", "Greek", "Hebrew", "Arabic", "Devanagari", "Thai", "Hangul")

Lines = dict[str, list[str]]


class Both(NamedTuple):
    """The server's tokenizer and transformers' own."""

    ours: CheckpointTokenizer
    theirs: Any


@pytest.fixture(scope="session")
def lines() -> Lines:
    return {script: tokenizers.lines(script, LINES) for script in tokenizers.TWELVE}


@pytest.fixture(scope="session")
def known(lines: Lines) -> list[str]:
    return [line for each in lines.values() for line in each[:KNOWN]]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def of_family(name: str, known: list[str], exports: Exports) -> Both:
    """Of a checkpoint, with tokens that were added where the tokenizer is one that has a file."""

    def make(path: Path) -> None:
        KINDS[name].make(path, Corpus(known, ["the quick brown fox"], 1200, steps=0))
        if name != "byt5":
            own = transformers.AutoTokenizer.from_pretrained(path)
            own.add_tokens(ADDED)
            own.save_pretrained(path)

    path = exports.get(f"scripts-{name}", make)
    return Both(import_model(path).tokenizer, transformers.AutoTokenizer.from_pretrained(path))


class OfPieces(NamedTuple):
    """A tokenizer of a sentencepiece model, and the model."""

    ours: CheckpointTokenizer
    theirs: Any
    model: sentencepiece.SentencePieceProcessor


@pytest.fixture(scope="module", params=FROM_PIECES)
def of_pieces(
    request: pytest.FixtureRequest, known: list[str], tmp_path_factory: pytest.TempPathFactory
) -> OfPieces:
    path = tmp_path_factory.mktemp("pieces")
    file, settings = FROM_PIECES[request.param]
    trained = tiny.train_pieces(known, vocab_size=1200, **settings)
    (path / file).write_bytes(trained)
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": request.param}))
    (path / "config.json").write_text(json.dumps({"model_type": "bart"}))
    own = ReferenceTokenizer(path)
    theirs = transformers.AutoTokenizer.from_pretrained(path)
    special = SpecialTokens(
        end_id=theirs.eos_token_id,
        decoder_start_id=theirs.pad_token_id,
        unknown_id=theirs.unk_token_id,
    )
    ours = library_tokenizer(own, special, 1 + max(own.vocabulary().values()), path)
    return OfPieces(ours, theirs, sentencepiece.SentencePieceProcessor(model_proto=trained))


def require_same_ids(both: Both | OfPieces, texts: Sequence[str]) -> None:
    expected = both.theirs([*texts], add_special_tokens=False)["input_ids"]
    for text, ids in zip(texts, expected, strict=True):
        assert both.ours.encode_target(text) == ids, text


def require_same_texts(both: Both | OfPieces, rows: Sequence[Sequence[int]]) -> None:
    expected = both.theirs.batch_decode(
        [*rows], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    for ids, text in zip(rows, expected, strict=True):
        assert both.ours.decode(ids) == text, ids


def with_names(lines: Lines, names: Sequence[str], count: int) -> Iterator[str]:
    """Lines of all scripts with names between their words, or within them."""
    chance = random.Random(8)
    for each in lines.values():
        for line in each[:count]:
            place = chance.randint(0, len(line))
            beside = chance.choice(["", " "])
            yield f"{line[:place]}{beside}{chance.choice(names)}{beside}{line[place:]}"


def test_ids_are_those_of_the_family_s_own_tokenizer(of_family: Both, lines: Lines) -> None:
    for each in lines.values():
        require_same_ids(of_family, each)


def test_most_of_a_line_is_known(of_family: Both, lines: Lines) -> None:
    unknown = of_family.theirs.unk_token_id
    ids = [i for each in lines.values() for line in each[:50] for i in of_family.ours.encode(line)]
    assert ids.count(unknown) < len(ids) // 4


def test_texts_of_ids_are_those_of_the_family_s_own_tokenizer(
    of_family: Both, lines: Lines
) -> None:
    for each in lines.values():
        require_same_texts(of_family, [of_family.ours.encode_target(line) for line in each])


def test_texts_of_random_ids_likewise(of_family: Both) -> None:
    chance = random.Random(3)
    known = sorted(of_family.theirs.get_vocab().values())
    require_same_texts(of_family, [chance.choices(known, k=8) for _ in range(LINES)])


def test_added_tokens_are_tokens_in_a_text(name: str, of_family: Both, lines: Lines) -> None:
    added = [token.content for token in ADDED]
    texts = [*with_names(lines, added, 100)]
    require_same_ids(of_family, texts)
    if name != "byt5":
        ids = {i for text in texts for i in of_family.ours.encode(text)}
        assert ids.issuperset(of_family.theirs.convert_tokens_to_ids(added))


def test_no_name_in_a_text_is_the_token(of_family: Both, lines: Lines) -> None:
    steering = {*of_family.theirs.all_special_ids} - {of_family.theirs.unk_token_id}
    for text in with_names(lines, TYPED, 100):
        assert steering.isdisjoint(of_family.ours.encode_target(text)), text


def test_ids_where_there_is_no_tokenizer_json(of_pieces: OfPieces, lines: Lines) -> None:
    for each in lines.values():
        require_same_ids(of_pieces, each)


def test_texts_of_ids_where_there_is_no_tokenizer_json(of_pieces: OfPieces, lines: Lines) -> None:
    for each in lines.values():
        require_same_texts(of_pieces, [of_pieces.ours.encode_target(line) for line in each])


def test_names_are_cut_as_sentencepiece_cuts_them(of_pieces: OfPieces, lines: Lines) -> None:
    ids = of_pieces.theirs.get_vocab()
    names = {token_id: token for token, token_id in ids.items()}
    unknown = of_pieces.theirs.unk_token

    def compared(text: str) -> tuple[list[str], list[str]]:
        pieces = of_pieces.model.encode(text, out_type=str)
        expected = [piece if piece in ids else unknown for piece in pieces]
        found = [names[token_id] for token_id in of_pieces.ours.encode_target(text)]
        return one_unknown(found, unknown), one_unknown(expected, unknown)

    # In other scripts the library normalises some characters otherwise than sentencepiece, in texts
    # without names too.
    scripts = {script: lines[script] for script in SAME_CHARACTERS}
    for text in with_names(scripts, TYPED, 100):
        found, expected = compared(" ".join(text.replace("\u200b", "").split()))
        assert found == expected, text


def one_unknown(pieces: Sequence[str], unknown: str) -> list[str]:
    """Unknown pieces in a row are one to some tokenizers."""
    runs = ((piece, [*run]) for piece, run in groupby(pieces))
    return [each for piece, run in runs for each in (run[:1] if piece == unknown else run)]


def test_names_are_bytes_where_tokens_are_bytes(exports: Exports, lines: Lines) -> None:
    path = exports.get("family-byt5", KINDS["byt5"].make)
    ours = import_model(path).tokenizer
    for text in with_names(lines, TYPED, 100):
        assert ours.encode(text) == [*(3 + byte for byte in text.encode()), 1]


def test_names_are_cut_as_the_library_cuts_text(name: str, of_family: Both, lines: Lines) -> None:
    """Pieces of bytes are none of sentencepiece's."""
    if name != "bart":
        pytest.skip("sentencepiece's, or bytes")
    plain = library.Tokenizer.from_str(of_family.theirs.backend_tokenizer.to_str())
    plain.encode_special_tokens = True
    for text in with_names(lines, TYPED, 100):
        expected = plain.encode(text, add_special_tokens=False).ids
        assert of_family.ours.encode_target(text) == expected, text
