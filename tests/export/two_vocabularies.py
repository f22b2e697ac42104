"""Makes tiny Marian checkpoints that have two vocabularies, or embeddings that are not tied."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import transformers

from tests.export import tiny
from tests.export.corpus import Corpus

SOURCES = tiny.TEXTS
TARGETS = (
    "die kleine Katze saß auf der Matte",
    "ein Haus am Fluss ist ein gutes Haus",
    "wohin führt die lange Straße",
    "sie sagte dass er am Montag käme",
    "niemand kennt den Ärger mit den Zahlen 1 2 3 4 5 6 7 8 9 0",
    "der schnelle braune Fuchs springt über den faulen Hund",
)

TOY = Corpus(SOURCES, TARGETS)

PAD_ID = 2


SIZES: dict[str, Any] = {
    "d_model": 48,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
    "activation_function": "swish",
    "scale_embedding": True,
    "init_std": 0.15,
    "dropout": 0.0,
}

NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})


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


def make_checkpoint(
    path: Path, kind: Kind, corpus: Corpus = TOY, settings: Mapping[str, Any] = NO_SETTINGS
) -> Path:
    """Writes it; `settings` of config.json take the place of its own."""
    path.mkdir()
    sources, targets = _vocabularies(path, kind, corpus)
    config = transformers.MarianConfig(
        vocab_size=len(sources),
        decoder_vocab_size=len(targets),
        share_encoder_decoder_embeddings=kind.shares_embedding,
        tie_word_embeddings=kind.ties_output,
        pad_token_id=PAD_ID,
        eos_token_id=0,
        decoder_start_token_id=PAD_ID,
        forced_eos_token_id=0,
        **SIZES | dict(settings),
    )
    torch.manual_seed(2)
    model = transformers.MarianMTModel(config)
    if kind.shares_embedding:  # transformers ties nothing where it is not to tie the output
        for side in (model.model.encoder, model.model.decoder):
            side.embed_tokens.weight = model.model.shared.weight
    _train(model, path, (sources, targets), corpus)
    model.generation_config = transformers.GenerationConfig(
        max_length=corpus.max_length or 32,
        bad_words_ids=[[PAD_ID]] if corpus.steps != 0 else None,  # else its probability counts
        pad_token_id=PAD_ID, eos_token_id=0, forced_eos_token_id=0, decoder_start_token_id=PAD_ID,
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


def _train(
    model: Any, path: Path, vocabularies: tuple[dict[str, int], dict[str, int]], corpus: Corpus
) -> None:
    """On each text, and on each after each: of six alone, a model learns six by heart."""
    if corpus.steps == 0:
        tiny.disturb(model)
        return
    parts = corpus.chunks()
    if corpus.english is SOURCES:
        english, german = _one_and_two(SOURCES), _one_and_two(TARGETS)
        parts = [corpus._replace(english=english[n::3], german=german[n::3]) for n in range(3)]
    batches = [
        [
            tiny.padded_ids(path / f"{side}.spm", vocabulary, texts)
            for side, vocabulary, texts in zip(
                ("source", "target"), vocabularies, (part.english, part.german), strict=True
            )
        ]
        for part in parts
    ]
    tiny.train(model, batches, PAD_ID, steps=corpus.steps_of(120))


def _one_and_two(texts: Sequence[str]) -> list[str]:
    return [*texts, *(f"{first} {second}" for first in texts for second in texts)]


def _vocabularies(path: Path, kind: Kind, corpus: Corpus) -> tuple[dict[str, int], dict[str, int]]:
    """Writes the tokenizer's files; returns the pieces and ids of sources and targets."""
    pieces = []
    for name, texts, size in (
        ("source.spm", corpus.english, 150),
        ("target.spm", corpus.german, 170),
    ):
        model = tiny.train_pieces(texts, vocab_size=corpus.size(size))
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
