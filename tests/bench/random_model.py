"""Writes Marian checkpoints with random weights, such as transformer-base's (Vaswani et al. 2017).

Their tokenizer is the shipped model's; the vocabulary is filled up to the size that it shall have.
"""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import MarianConfig, MarianMTModel

from tests.bench.vocabulary import PAD, read_tokens

POSITIONS = 512
MAX_LENGTH = 64
"""Of a translation whose length nobody forces, so of those that export verifies on."""

HEAD_DIM = 64


class RandomSizes(NamedTuple):
    """What a random model is free in. The feed-forward network is four times as wide as it."""

    model_dim: int
    layers: int
    """Of the encoder, and as many of the decoder."""
    vocabulary: int


BASE = RandomSizes(model_dim=512, layers=6, vocabulary=32_000)
BASE_256K = BASE._replace(vocabulary=256_000)
"""With as many tokens as models of two hundred languages have."""


def write_random_model(path: Path, tokenizer: Path, sizes: RandomSizes) -> None:
    """Writes the checkpoint, always with the same weights.

    Args:
        path: Directory to write.
        tokenizer: Directory of a checkpoint whose tokenizer is taken.
        sizes: Its vocabulary is at least the tokenizer's.
    """
    pad = sizes.vocabulary - 1
    torch.manual_seed(0)
    model = MarianMTModel(_config(sizes, pad))
    model.generation_config.bad_words_ids = [[pad]]
    model.generation_config.max_length = MAX_LENGTH
    model.save_pretrained(path)
    _write_tokenizer(path, tokenizer, pad)


def _config(sizes: RandomSizes, pad: int) -> MarianConfig:
    heads = sizes.model_dim // HEAD_DIM
    return MarianConfig(
        vocab_size=sizes.vocabulary,
        d_model=sizes.model_dim,
        encoder_layers=sizes.layers,
        decoder_layers=sizes.layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * sizes.model_dim,
        decoder_ffn_dim=4 * sizes.model_dim,
        activation_function="swish",
        max_position_embeddings=POSITIONS,
        scale_embedding=True,
        pad_token_id=pad,
        eos_token_id=0,
        decoder_start_token_id=pad,
        forced_eos_token_id=0,
        share_encoder_decoder_embeddings=True,
    )


def _write_tokenizer(path: Path, shipped: Path, pad: int) -> None:
    for name in ("source.spm", "target.spm"):
        shutil.copyfile(shipped / name, path / name)
    tokens = read_tokens(shipped)
    tokens.remove(PAD)
    tokens += [f"filler{index}" for index in range(len(tokens), pad)]
    vocabulary = {token: index for index, token in enumerate([*tokens, PAD])}
    (path / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    settings = json.loads((shipped / "tokenizer_config.json").read_text("utf-8"))
    special = settings["added_tokens_decoder"]
    settings["added_tokens_decoder"] = {
        str(vocabulary[token["content"]]): token for token in special.values()
    }
    (path / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
