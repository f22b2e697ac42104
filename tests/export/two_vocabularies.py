"""Makes tiny Marian checkpoints that have two vocabularies, or embeddings that are not tied."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import transformers

from tests.export import tiny

SOURCES = tiny.TEXTS
TARGETS = (
    "die kleine Katze saß auf der Matte",
    "ein Haus am Fluss ist ein gutes Haus",
    "wohin führt die lange Straße",
    "sie sagte dass er am Montag käme",
    "niemand kennt den Ärger mit den Zahlen 1 2 3 4 5 6 7 8 9 0",
    "der schnelle braune Fuchs springt über den faulen Hund",
)

PAD_ID = 2


class Kind(NamedTuple):
    """What is tied, and which vocabularies there are."""

    shares_embedding: bool
    ties_output: bool
    separate_vocabularies: bool


KINDS = {
    "two vocabularies": Kind(shares_embedding=False, ties_output=True, separate_vocabularies=True),
    "nothing tied": Kind(shares_embedding=False, ties_output=False, separate_vocabularies=True),
    "output not tied": Kind(shares_embedding=True, ties_output=False, separate_vocabularies=False),
    "one vocabulary, two embeddings": Kind(
        shares_embedding=False, ties_output=True, separate_vocabularies=False
    ),
}


def make_checkpoint(path: Path, kind: Kind) -> Path:
    path.mkdir()
    sources, targets = _vocabularies(path, kind)
    config = transformers.MarianConfig(
        vocab_size=len(sources),
        decoder_vocab_size=len(targets),
        share_encoder_decoder_embeddings=kind.shares_embedding,
        tie_word_embeddings=kind.ties_output,
        d_model=48,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=3,
        encoder_ffn_dim=48,
        decoder_ffn_dim=64,
        max_position_embeddings=128,
        activation_function="swish",
        scale_embedding=True,
        init_std=0.15,
        dropout=0.0,
        pad_token_id=PAD_ID,
        eos_token_id=0,
        decoder_start_token_id=PAD_ID,
        forced_eos_token_id=0,
    )
    torch.manual_seed(2)
    model = transformers.MarianMTModel(config)
    if kind.shares_embedding:  # transformers ties nothing where it is not to tie the output
        for side in (model.model.encoder, model.model.decoder):
            side.embed_tokens.weight = model.model.shared.weight
    tiny.train(
        model,
        tiny.padded_ids(path / "source.spm", sources, _one_and_two(SOURCES)),
        tiny.padded_ids(path / "target.spm", targets, _one_and_two(TARGETS)),
        PAD_ID,
        steps=120,
    )
    model.generation_config = transformers.GenerationConfig(
        max_length=32, bad_words_ids=[[PAD_ID]], pad_token_id=PAD_ID, eos_token_id=0,
        forced_eos_token_id=0, decoder_start_token_id=PAD_ID,
    )  # fmt: skip
    model.save_pretrained(path)
    settings = {
        "source_lang": "en",
        "target_lang": "de",
        "tokenizer_class": "MarianTokenizer",
        "separate_vocabs": kind.separate_vocabularies,
    }
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


def _one_and_two(texts: Sequence[str]) -> list[str]:
    """Each text, and each with each: of six alone, a model learns six translations by heart."""
    return [*texts, *(f"{first} {second}" for first in texts for second in texts)]


def _vocabularies(path: Path, kind: Kind) -> tuple[dict[str, int], dict[str, int]]:
    """Writes the tokenizer's files; returns the pieces and ids of sources and targets."""
    pieces = []
    for name, texts, size in (("source.spm", SOURCES, 150), ("target.spm", TARGETS, 170)):
        model = tiny.train_pieces(texts, vocab_size=size)
        (path / name).write_bytes(model)
        pieces.append(tiny.pieces_of(model))
    if not kind.separate_vocabularies:
        pieces = [[*pieces[0], *pieces[1]]] * 2
    special = ["</s>", "<unk>", "<pad>"]
    sources, targets = ([*dict.fromkeys([*special, *own])] for own in pieces)
    vocabularies = {"vocab.json": sources}
    if kind.separate_vocabularies:
        vocabularies["target_vocab.json"] = targets
    for name, vocabulary in vocabularies.items():
        (path / name).write_text(json.dumps(_numbered(vocabulary)))
    return _numbered(sources), _numbered(targets)


def _numbered(pieces: Sequence[str]) -> dict[str, int]:
    return {piece: index for index, piece in enumerate(pieces)}
