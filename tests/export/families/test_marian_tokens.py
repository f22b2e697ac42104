"""The server's tokenizer beside transformers' own, on texts in twenty scripts."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import transformers
from transformers import MarianTokenizer

from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints import CheckpointTokenizer, read_checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian_tokens import (
    MarianTokens,
    make_tokenizer,
    read_tokens,
    read_vocabularies,
    vocabulary_problems,
)
from dragoman_export.verification import ReferenceTokenizer
from tests.export import tokenizers

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")

SHIPPED = Path(__file__).parents[3] / "export/checkpoints/marian-en-de"

UNLIKE: dict[str, Callable[[Path, Path], Path]] = {
    "tiny": lambda checkpoint, _copy: checkpoint,
    "shipped": lambda _checkpoint, _copy: SHIPPED,
    "English only": tokenizers.english_only,
    "added tokens": tokenizers.with_added_tokens,
    "described tokens": tokenizers.with_described_tokens,
    "several targets": tokenizers.several_targets,
    "separate vocabularies": tokenizers.separate_vocabularies,
}

ADDED = ("<NUM>", "<NUM>x", "[ENT]", "<left>", "<right>", "word", "<special>", "über", "swords")


def problems(checkpoint: Path) -> list[str]:
    read = read_checkpoint(checkpoint)
    return list(vocabulary_problems(read, read_vocabularies(read), read.config))


def tokens_of(checkpoint: Path, size: int = 100_000) -> MarianTokens:
    read = read_checkpoint(checkpoint)
    return read_tokens(read, read_vocabularies(read), size)


def ours(checkpoint: Path) -> CheckpointTokenizer:
    tokens = tokens_of(checkpoint)
    pad_id = tokens.vocabulary["<pad>"]
    special = SpecialTokens(decoder_start_id=pad_id, end_id=0, unknown_id=1, suppressed_ids=[])
    return make_tokenizer(checkpoint, tokens, special, pad_id)


def theirs(checkpoint: Path) -> transformers.PreTrainedTokenizer:
    return transformers.AutoTokenizer.from_pretrained(checkpoint)


@pytest.fixture(scope="module", params=list(UNLIKE))
def unlike(
    request: pytest.FixtureRequest, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    directory = tmp_path_factory.mktemp("tokenizer") / "checkpoint"
    return UNLIKE[request.param](checkpoint, directory)


def test_source_ids_are_those_of_transformers(unlike: Path) -> None:
    tokenizer, reference = ours(unlike), theirs(unlike)
    for text in tokenizers.texts(3000, ADDED):
        assert tokenizer.encode(text) == reference(text)["input_ids"], text


def test_target_ids_are_those_of_transformers(unlike: Path) -> None:
    tokenizer, reference = ours(unlike), theirs(unlike)
    for text in tokenizers.texts(300, ADDED):
        expected = reference(text_target=text)["input_ids"]
        assert [*tokenizer.encode_target(text), 0] == expected, text


def test_texts_of_target_ids_are_those_of_transformers(unlike: Path) -> None:
    tokenizer, reference = ours(unlike), theirs(unlike)
    for text in tokenizers.texts(300, ADDED):
        ids = [*tokenizer.encode_target(text), 1, 0, reference.pad_token_id]
        assert tokenizer.decode(ids) == reference.decode(ids, skip_special_tokens=True), text


def test_ids_of_random_tokens_give_the_texts_of_transformers(unlike: Path) -> None:
    tokenizer, reference = ours(unlike), theirs(unlike)
    chance = random.Random(3)
    known = sorted({*reference.decoder, *reference.added_tokens_decoder})
    for _ in range(300):
        ids = chance.choices(known, k=8)
        assert tokenizer.decode(ids) == reference.decode(ids, skip_special_tokens=True), ids


def test_what_only_the_vocabulary_knows_has_an_id(checkpoint: Path, tmp_path: Path) -> None:
    copy = tokenizers.english_only(checkpoint, tmp_path / "copy")
    vocabulary = json.loads((copy / "vocab.json").read_text())
    for character in tokenizers.KNOWN_BEYOND_ENGLISH:
        assert vocabulary[character] in ours(copy).encode(f"a {character} b"), character


@pytest.mark.parametrize(
    "text",
    [
        "</s>",
        "<pad> and <unk>",
        "a</s>b",
        ">>fra<< hello",
        "<NUM></s><NUM>",
        "<NUM>>>fra<<",
        ">> 1 << 2",
        "</s>ß</s>",
    ],
)
@pytest.mark.parametrize("kind", ["tiny", "added tokens", "several targets", "described tokens"])
def test_no_text_yields_a_token_that_steers_the_model(
    checkpoint: Path, tmp_path: Path, kind: str, text: str
) -> None:
    copy = UNLIKE[kind](checkpoint, tmp_path / "copy")
    tokens = tokens_of(copy)
    steering = {tokens.vocabulary[name] for name in ("</s>", "<pad>")}
    steering |= {i for piece, i in tokens.vocabulary.items() if piece.startswith(">>")}
    *ids, end = ours(copy).encode(text)
    assert end == 0
    assert not steering.intersection(ids)


def test_a_name_that_no_piece_of_it_is_known_is_unknown_and_not_the_token(
    checkpoint: Path, tmp_path: Path
) -> None:
    """sentencepiece makes one unknown piece of characters that it does not know."""
    copy = tokenizers.several_targets(checkpoint, tmp_path / "copy")
    tokenizers.retrain_source(copy, ["漢字"])
    assert ours(copy).encode("</s>")[:-1].count(0) == 0
    assert ours(copy).encode("漢</s>字")[:-1].count(0) == 0


def test_a_target_vocabulary_is_that_of_targets_alone(checkpoint: Path, tmp_path: Path) -> None:
    copy = tokenizers.separate_vocabularies(checkpoint, tmp_path / "copy")
    tokenizer = ours(copy)
    assert tokenizer.encode("the house")[:-1] != tokenizer.encode_target("the house")
    assert tokenizer.decode(tokenizer.encode_target("the house")) == "the house"


def test_special_tokens_that_differ_between_two_vocabularies_are_refused(
    checkpoint: Path, tmp_path: Path
) -> None:
    copy = tokenizers.separate_vocabularies(checkpoint, tmp_path / "copy")
    vocabulary = json.loads((copy / "target_vocab.json").read_text())
    vocabulary["</s>"], vocabulary["<unk>"] = 1, 0
    (copy / "target_vocab.json").write_text(json.dumps(vocabulary))
    assert "</s> is 0 in vocab.json and 1 in target_vocab.json" in " ".join(problems(copy))


def test_a_target_vocabulary_that_is_missing_is_named(checkpoint: Path, tmp_path: Path) -> None:
    copy = tokenizers.separate_vocabularies(checkpoint, tmp_path / "copy")
    (copy / "target_vocab.json").unlink()
    with pytest.raises(CheckpointError, match=r"lacks target_vocab\.json"):
        problems(copy)


@pytest.mark.parametrize(
    ("setting", "value"), [("split_special_tokens", True), ("sp_model_kwargs", {"alpha": 0.1})]
)
def test_a_setting_that_changes_tokens_is_refused(
    checkpoint: Path, tmp_path: Path, setting: str, value: object
) -> None:
    copy = tokenizers.english_only(checkpoint, tmp_path / "copy")
    tokenizers.change_tokenizer(copy, **{setting: value})
    assert f"tokenizer_config.json: {setting} is {value!r}; only " in " ".join(problems(copy))


def test_an_added_token_that_the_model_lacks_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    copy = tokenizers.with_added_tokens(checkpoint, tmp_path / "copy")
    size = len(tokenizers.read_pieces(copy))
    with pytest.raises(CheckpointError, match=f"added token '<NUM>' has the id {size}, outside"):
        tokens_of(copy, size)


def test_an_id_that_no_piece_has_gives_no_text_on_either_side(checkpoint: Path) -> None:
    *cat, end = ours(checkpoint).encode("the cat")
    for tokenizer in (ours(checkpoint), ReferenceTokenizer(checkpoint)):
        assert tokenizer.decode([*cat, 10_000, end]) == "the cat"


def test_tokens_of_no_or_the_same_text_do_no_harm(checkpoint: Path, tmp_path: Path) -> None:
    copy = tokenizers.english_only(checkpoint, tmp_path / "copy")
    size = len(tokenizers.read_pieces(copy))
    twice = {str(size): {"content": "<NUM>"}, str(size + 1): {"content": "<NUM>"}}
    tokenizers.change_tokenizer(copy, added_tokens_decoder=twice | {str(size + 2): {"content": ""}})
    assert ours(copy).encode("a <NUM> b") == theirs(copy)("a <NUM> b")["input_ids"]


def test_added_tokens_are_cut_out_as_transformers_does_it(checkpoint: Path, tmp_path: Path) -> None:
    """Names that begin with, contain and overlap each other."""
    copy = tokenizers.english_only(checkpoint, tmp_path / "copy")
    size = len(tokenizers.read_pieces(copy))
    names = ["ab", "abc", "bcd", "c d", "dd", "abcdab", "b"]
    added = {name: size + index for index, name in enumerate(names)}
    (copy / "added_tokens.json").write_text(json.dumps(added))
    tokenizer, reference = ours(copy), MarianTokenizer.from_pretrained(copy)
    chance = random.Random(5)
    for _ in range(3000):
        text = "".join(chance.choices("abcd ", k=chance.randint(1, 14)))
        assert tokenizer.encode(text) == reference(text)["input_ids"], text
