"""Writes a Marian checkpoint of transformer-base's size (Vaswani et al. 2017) with random weights.

Its tokenizer is the shipped model's; the vocabulary is filled up to the size that it shall have.
"""

import json
import shutil
from pathlib import Path

import torch
from transformers import MarianConfig, MarianMTModel

from tests.bench.vocabulary import PAD, read_tokens

VOCABULARY = 32_000
POSITIONS = 512
MAX_LENGTH = 64
"""Of a translation whose length nobody forces, so of those that export verifies on."""


def write_random_model(path: Path, tokenizer: Path) -> None:
    """Writes the checkpoint, always with the same weights.

    Args:
        path: Directory to write.
        tokenizer: Directory of a checkpoint whose tokenizer is taken.
    """
    pad = VOCABULARY - 1
    torch.manual_seed(0)
    model = MarianMTModel(
        MarianConfig(
            vocab_size=VOCABULARY,
            d_model=512,
            encoder_layers=6,
            decoder_layers=6,
            encoder_attention_heads=8,
            decoder_attention_heads=8,
            encoder_ffn_dim=2048,
            decoder_ffn_dim=2048,
            activation_function="swish",
            max_position_embeddings=POSITIONS,
            scale_embedding=True,
            pad_token_id=pad,
            eos_token_id=0,
            decoder_start_token_id=pad,
            forced_eos_token_id=0,
            share_encoder_decoder_embeddings=True,
        )
    )
    model.generation_config.bad_words_ids = [[pad]]
    model.generation_config.max_length = MAX_LENGTH
    model.save_pretrained(path)
    _write_tokenizer(path, tokenizer, pad)


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
