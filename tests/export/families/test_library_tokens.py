"""Names of tokens that steer a model are text in a text, beside sentencepiece's own opinion."""

import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from dragoman.tokenizer.library import LibraryTokenizer
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.families.library_tokens import library_tokenizer, without
from dragoman_export.verification import ReferenceTokenizer
from tests.export import tiny
from tests.export.two_vocabularies import SOURCES, TARGETS
from tests.families.multilingual import MBART_LANGUAGES, NLLB_LANGUAGES, T5_IDS, pieces_tokenizer

KINDS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "NllbTokenizer": (
        "sentencepiece.bpe.model",
        NLLB_LANGUAGES,
        {"model_type": "bpe", "vocab_size": 180},
    ),
    "MBart50Tokenizer": ("sentencepiece.bpe.model", MBART_LANGUAGES, {}),
    "T5Tokenizer": ("spiece.model", (), T5_IDS),
}

TYPED = [
    "</s>",
    "a </s> b",
    "one<pad>two",
    "<unk> <s> <mask>",
    "deu_Latn eng_Latn",
    "de_DE the cat en_XX",
    "<extra_id_0> <extra_id_99>",
    "\t </s>\t",
]


@pytest.mark.parametrize("name", KINDS)
def test_names_of_tokens_are_cut_as_sentencepiece_cuts_them(name: str, tmp_path: Path) -> None:
    file, languages, settings = KINDS[name]
    own_files = pieces_tokenizer(name, file, languages, **settings)(tmp_path)
    own = ReferenceTokenizer(tmp_path)
    special = SpecialTokens(
        end_id=own_files.eos_token_id, decoder_start_id=2, unknown_id=own_files.unk_token_id
    )
    size = 1 + max(own.vocabulary().values())
    tokenizer = library_tokenizer(own, special, size, tmp_path)
    trained = tiny.train_pieces([*SOURCES, *TARGETS], **{"vocab_size": 230} | settings)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained)
    names = {token_id: piece for piece, token_id in own.vocabulary().items()}
    for text in TYPED:
        found = tokenizer.encode_target(text)
        assert not set(found) & set(own.special_ids().values()) - {special.unknown_id}, text
        expected = [piece for piece in pieces.encode(text, out_type=str) if piece != "▁"]
        known = set(own.vocabulary())
        said = [names[token_id] for token_id in found if names[token_id] != "▁"]
        merged = [piece if piece in known else "<unk>" for piece in expected]
        assert without_repeats(said) == without_repeats(merged), text


def without_repeats(pieces: list[str]) -> list[str]:
    """Unknown pieces in a row are one to some tokenizers."""
    return [
        piece
        for index, piece in enumerate(pieces)
        if piece != "<unk>" or index == 0 or pieces[index - 1] != "<unk>"
    ]


@pytest.mark.parametrize("name", KINDS)
def test_other_texts_are_cut_as_transformers_cuts_them(name: str, tmp_path: Path) -> None:
    file, languages, settings = KINDS[name]
    theirs = pieces_tokenizer(name, file, languages, **settings)(tmp_path)
    own = ReferenceTokenizer(tmp_path)
    special = SpecialTokens(
        end_id=theirs.eos_token_id, decoder_start_id=2, unknown_id=theirs.unk_token_id
    )
    tokenizer = library_tokenizer(own, special, 1 + max(own.vocabulary().values()), tmp_path)
    for text in (*SOURCES, *TARGETS, *tiny.SENTENCES[:6], "  odd\tspaces \n here ", "日本 ﬁ ½"):
        assert tokenizer.encode_target(text) == theirs(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    "model",
    [
        models.BPE({"<unk>": 0, "</s>": 1, "a": 2, "<": 3, ">": 4}, [], unk_token="<unk>"),
        models.Unigram([("<unk>", 0.0), ("</s>", 0.0), ("a", -1.0), ("<", -1.0), (">", -1.0)], 0),
    ],
    ids=["BPE", "Unigram"],
)
def test_what_no_text_yields_leaves_other_tokens_their_ids(model: Any, tmp_path: Path) -> None:
    """Languages between a vocabulary and what fine-tuning added, and one after it."""
    own = Tokenizer(model)
    own.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    own.add_special_tokens(["</s>", "<xx>", "<yy>"])
    own.add_tokens([AddedToken("<NUM>", normalized=False)])
    own.add_special_tokens(["<zz>"])
    own.add_tokens([AddedToken("<ENT>", normalized=False)])
    ids = {token: own.token_to_id(token) for token in ("<xx>", "<yy>", "<NUM>", "<zz>", "<ENT>")}
    assert [*ids.values()] == [5, 6, 7, 8, 9]
    definition = without(json.loads(own.to_str()), {0, 1, 5, 6, 8})
    (tmp_path / "tokenizer.json").write_text(json.dumps(definition))
    files = TokenizerFiles(
        kind="tokenizers",
        source_model_path="tokenizer.json",
        target_model_path="tokenizer.json",
        control_ids=[5, 6, 8],
        hidden_ids=[5, 6],
    )
    tokenizer = LibraryTokenizer(tmp_path, files, SpecialTokens(end_id=1, decoder_start_id=1))
    assert tokenizer.encode_target("a<NUM>a<ENT>") == [2, 7, 2, 9]
    assert tokenizer.decode([2, 5, 7, 8, 9, 0]).replace(" ", "") == "a<NUM><zz><ENT>"
    assert tokenizer.target_pieces() == {}, "nothing tells where words begin"
    for name in ("<xx>", "\t <xx>", "</s>", "\t </s>", "<zz>"):
        assert {1, 5, 6, 8}.isdisjoint(tokenizer.encode_target(name)), name


@pytest.mark.parametrize("mark", ["\u2581", "\u0120"])
def test_pieces_say_where_words_begin(mark: str, tmp_path: Path) -> None:
    vocabulary = {"<unk>": 0, "</s>": 1, f"{mark}a": 2, "b": 3}
    Tokenizer(models.BPE(vocabulary, [])).save(str(tmp_path / "tokenizer.json"))
    files = TokenizerFiles(
        kind="tokenizers", source_model_path="tokenizer.json", target_model_path="tokenizer.json"
    )
    tokenizer = LibraryTokenizer(tmp_path, files, SpecialTokens(end_id=1, decoder_start_id=1))
    assert tokenizer.target_pieces() == {2: " a", 3: "b"}
