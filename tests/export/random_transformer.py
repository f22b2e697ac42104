"""Tiny Transformers with random weights, of every kind that decoding steps differ in."""

from typing import Any, Literal

import torch
from torch import nn

from dragoman_export.network import Norm, Transformer, TransformerConfig

Kind = Literal["plain", "relative", "recurrent"]

KINDS: dict[Kind, dict[str, Any]] = {
    "plain": {"encoder_heads": 3, "source_vocabulary_size": 50, "tied_output": False},
    "relative": {
        "relative_positions": True,
        "rms_norm": True,
        "norm_first": True,
        "final_norm": True,
        "gated": True,
        "activation": "gelu_tanh",
        "max_positions": 5,  # what is further is as far
    },
    "recurrent": {"recurrent": True, "recurrent_output": True, "embedding_scale": 4.0},
}


def random_transformer(kind: Kind, vocabulary_size: int = 70) -> Transformer:
    """Always the same one."""
    settings: dict[str, Any] = {
        "encoder_layers": 1,
        "decoder_layers": 2,
        "model_dim": 24,
        "encoder_heads": 2,
        "decoder_heads": 2,
        "head_dim": 8,
        "encoder_hidden_dim": 20,
        "decoder_hidden_dim": 28,
        "vocabulary_size": vocabulary_size,
        "max_positions": 32,
        "activation": "relu",
    }
    transformer = Transformer.empty(TransformerConfig(**(settings | KINDS[kind])))
    generator = torch.Generator().manual_seed(7)
    for side in (transformer.encoder, transformer.decoder):
        for module in side.modules():
            for name, parameter in module.named_parameters(recurse=False):
                nn.init.normal_(parameter, std=0.3, generator=generator)
                if isinstance(module, Norm) and name == "weight":
                    parameter.data += 1
    return transformer
