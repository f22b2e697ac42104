import shutil
from pathlib import Path

import pytest
from transformers import MarianTokenizer

from dragoman_export.export import export
from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer, word_continuations
from tests.export import tiny, tokenizers

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture(scope="module")
def bundle(float32_bundle: Path) -> Bundle:
    return Bundle.load(float32_bundle)


def test_ids_are_those_of_the_checkpoints_own_tokenizer(bundle: Bundle, checkpoint: Path) -> None:
    theirs, ours = MarianTokenizer.from_pretrained(checkpoint), load_tokenizer(bundle)
    for text in (*tiny.TEXTS, *tiny.SENTENCES, "  two  spaces ", "tab\tand\nline"):
        assert ours.encode(text) == theirs(text, split_special_tokens=True)["input_ids"], text


def test_what_was_added_and_what_only_the_vocabulary_knows_keep_their_ids_in_a_bundle(
    checkpoint: Path, tmp_path: Path
) -> None:
    copy = tokenizers.beyond_its_source(checkpoint, tmp_path / "checkpoint")
    export(tiny.request(copy, tmp_path / "bundle"), tiny.no_progress)
    ours, theirs = (
        load_tokenizer(Bundle.load(tmp_path / "bundle")),
        MarianTokenizer.from_pretrained(copy),
    )
    for text in tokenizers.texts(3000, ["<NUM>", "ß", "ü"]):
        ids = theirs(text)["input_ids"]
        assert ours.encode(text) == ids, text
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True), text


def test_targets_may_have_a_vocabulary_of_their_own(checkpoint: Path, tmp_path: Path) -> None:
    copy = tokenizers.with_a_target_vocabulary(checkpoint, tmp_path / "checkpoint")
    export(tiny.request(copy, tmp_path / "bundle"), tiny.no_progress)
    ours = load_tokenizer(Bundle.load(tmp_path / "bundle"))
    theirs = MarianTokenizer.from_pretrained(copy)
    for text in tiny.TEXTS:
        assert ours.encode(text) == theirs(text)["input_ids"]
        *ids, _end = theirs(text_target=text)["input_ids"]
        assert ours.encode_target(text) == ids != ours.encode(text)[:-1]
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True) == text


def test_text_comes_back(bundle: Bundle, checkpoint: Path) -> None:
    theirs, ours = MarianTokenizer.from_pretrained(checkpoint), load_tokenizer(bundle)
    for text in tiny.TEXTS:
        ids = ours.encode(text)
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True) == text


def test_a_text_that_looks_like_a_special_token_is_text(bundle: Bundle) -> None:
    tokenizer = load_tokenizer(bundle)
    special = bundle.manifest.special_tokens
    for text in ("</s>", "<pad>", "a </s> b"):
        ids = tokenizer.encode(text)
        assert ids.count(special.end_id) == 1
        assert ids[-1] == special.end_id
        assert special.decoder_start_id not in ids


@pytest.mark.parametrize("text", ["", "   ", "\u00a0\u200b"])
def test_a_text_of_nothing_is_the_end_token_alone(bundle: Bundle, text: str) -> None:
    tokenizer = load_tokenizer(bundle)
    assert tokenizer.encode(text) == [bundle.manifest.special_tokens.end_id]


def test_special_tokens_the_unknown_one_and_ids_without_a_piece_give_no_text(
    bundle: Bundle,
) -> None:
    tokenizer, special = load_tokenizer(bundle), bundle.manifest.special_tokens
    silent = [special.decoder_start_id, special.unknown_id, 10_000, special.end_id]
    assert tokenizer.decode(silent) == ""
    *cat, end = tokenizer.encode("the cat")
    assert tokenizer.decode([*cat, special.unknown_id, end]) == "the cat"


def test_a_damaged_tokenizer_is_an_error_of_the_bundle(
    float32_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(float32_bundle, tmp_path / "bundle")
    (tmp_path / "bundle/tokenizer/source.spm").write_bytes(b"nothing")
    manifest = Bundle.load(float32_bundle).manifest
    with pytest.raises(BundleError, match="the tokenizer cannot be read"):
        load_tokenizer(Bundle(tmp_path / "bundle", manifest))


def test_another_kind_of_tokenizer_is_refused(bundle: Bundle) -> None:
    manifest = type(bundle.manifest)()
    manifest.CopyFrom(bundle.manifest)
    manifest.tokenizer.kind = "bpe"
    with pytest.raises(
        BundleError, match="tokenizer kind 'bpe'; allowed: sentencepiece, tokenizers, bytes, moses"
    ):
        load_tokenizer(Bundle(bundle.path, manifest))


def test_target_ids_are_those_of_the_checkpoints_own_tokenizer(
    bundle: Bundle, checkpoint: Path
) -> None:
    theirs, ours = MarianTokenizer.from_pretrained(checkpoint), load_tokenizer(bundle)
    for text in (*tiny.TEXTS, *tiny.SENTENCES, "", " "):
        expected = theirs(text_target=text, split_special_tokens=True)["input_ids"]
        assert [*ours.encode_target(text), bundle.manifest.special_tokens.end_id] == expected, text


def test_target_pieces_say_what_the_tokens_do_and_where_words_begin(bundle: Bundle) -> None:
    tokenizer = load_tokenizer(bundle)
    pieces, continues = tokenizer.target_pieces(), word_continuations(bundle)
    for text in tiny.TEXTS:
        tokens = [token for token in tokenizer.encode_target(text) if token in pieces]
        said = "".join(pieces[token] for token in tokens)
        assert said.strip() == tokenizer.decode(tokens)
        for token in tokens:
            assert continues[token] == pieces[token][:1].isalnum()
    assert 0 < sum(continues) < len(pieces)
