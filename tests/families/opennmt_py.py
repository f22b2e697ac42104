"""Makes a checkpoint as OpenNMT-py saves it, of random weights; CTranslate2 converts it."""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import sentencepiece
import torch
from ctranslate2.converters import OpenNMTPyConverter
from torch import Tensor

from tests.export import tiny

DIM, HIDDEN, LAYERS, HEADS, POSITIONS = 32, 48, 2, 4, 100

SPECIAL = ["<unk>", "<blank>", "<s>", "</s>"]


def make_model(path: Path) -> Path:
    """Writes a CTranslate2 model, with two vocabularies and a tokenizer beside it."""
    path.mkdir()
    trained = tiny.train_pieces(tiny.TEXTS, vocab_size=120)
    (path / "spm.model").write_bytes(trained)
    pieces = tiny.pieces_of(trained)
    sources, targets = [*SPECIAL, *pieces], [*SPECIAL, *pieces[::-1], "more"]
    torch.manual_seed(9)
    checkpoint = {
        "vocab": {"src": sources, "tgt": targets},
        "opt": argparse.Namespace(
            encoder_type="transformer",
            decoder_type="transformer",
            position_encoding=True,
            enc_layers=LAYERS,
            dec_layers=LAYERS,
            heads=HEADS,
            pos_ffn_activation_fn="gelu",
        ),
        "model": dict(_weights(len(sources), len(targets))),
        "generator": dict(_linear("", len(targets), DIM)),
    }
    torch.save(checkpoint, path / "model.pt")
    converter = OpenNMTPyConverter(str(path / "model.pt"), unsafe_deserialization=True)
    converter.convert(str(path / "model"))
    (path / "model" / "spm.model").write_bytes(trained)
    return path / "model"


def source_tokens(path: Path, text: str) -> list[str]:
    """As OpenNMT's models take them: pieces alone."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path / "spm.model"))
    tokens: list[str] = pieces.encode(text, out_type=str)
    return tokens


def _weights(sources: int, targets: int) -> Iterator[tuple[str, Tensor]]:
    for side, size, layers in (
        ("encoder", sources, "encoder.transformer"),
        ("decoder", targets, "decoder.transformer_layers"),
    ):
        embedding = f"{side}.embeddings.make_embedding"
        yield f"{embedding}.emb_luts.0.weight", torch.randn(size, DIM) * 0.4
        yield f"{embedding}.pe.pe", _positions()
        yield from _norm(f"{side}.layer_norm")
        for number in range(LAYERS):
            yield from _layer(f"{layers}.{number}", is_decoder=side == "decoder")


def _layer(name: str, *, is_decoder: bool) -> Iterator[tuple[str, Tensor]]:
    attentions = ["self_attn", "context_attn"] if is_decoder else ["self_attn"]
    for attention in attentions:
        for part in ("linear_query", "linear_keys", "linear_values", "final_linear"):
            yield from _linear(f"{name}.{attention}.{part}.", DIM, DIM)
    for norm in ("layer_norm_1", "layer_norm_2") if is_decoder else ("layer_norm",):
        yield from _norm(f"{name}.{norm}")
    yield from _linear(f"{name}.feed_forward.w_1.", HIDDEN, DIM)
    yield from _linear(f"{name}.feed_forward.w_2.", DIM, HIDDEN)
    yield from _norm(f"{name}.feed_forward.layer_norm")


def _positions() -> Tensor:
    """Sines and cosines in turn, (positions, 1, dim)."""
    table = torch.zeros(POSITIONS, DIM)
    frequencies = torch.exp(torch.arange(0, DIM, 2) * -(math.log(10000.0) / DIM))
    angles = torch.arange(POSITIONS)[:, None] * frequencies
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table[:, None]


def _linear(name: str, outputs: int, inputs: int) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}weight", torch.randn(outputs, inputs) * 0.35
    yield f"{name}bias", torch.randn(outputs) * 0.1


def _norm(name: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", 1 + torch.randn(DIM) * 0.1
    yield f"{name}.bias", torch.randn(DIM) * 0.1
