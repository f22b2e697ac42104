"""Norms before sublayers, at the ends and after the embedding, against transformers' own models."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import transformers
from torch import Tensor

from dragoman_export.checkpoints import Checkpoint
from dragoman_export.families.marian_weights import Positions, find_embeddings, load_weights
from dragoman_export.network import Transformer, TransformerConfig
from tests.export.network.test_transformer import SOURCES, TARGETS, eager_logits

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "activation_function": "gelu",
    "init_std": 0.3,
    "dropout": 0.0,
    "pad_token_id": 1,
    "eos_token_id": 0,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
}
OFFSET = 2
"""Rows of a table of learned positions before the first."""


class Family(NamedTuple):
    model: type[transformers.PreTrainedModel]
    config: type[transformers.PretrainedConfig]
    switches: dict[str, Any]


FAMILIES = {
    "BART": Family(
        transformers.BartForConditionalGeneration, transformers.BartConfig, {"embedding_norm": True}
    ),
    "mBART": Family(
        transformers.MBartForConditionalGeneration,
        transformers.MBartConfig,
        {"norm_first": True, "embedding_norm": True, "final_norm": True},
    ),
    "M2M100": Family(
        transformers.M2M100ForConditionalGeneration,
        transformers.M2M100Config,
        {"norm_first": True, "final_norm": True},
    ),
}


def made(family: Family) -> transformers.PreTrainedModel:
    """A model whose norms and biases are unlike those that it begins with, too."""
    torch.manual_seed(3)
    model = family.model(family.config(**SIZES, scale_embedding=True)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def positions_of(side: Any) -> Tensor:
    embedding = side.embed_positions
    table: Tensor = embedding.weights if hasattr(embedding, "weights") else embedding.weight
    return table[OFFSET : OFFSET + SIZES["max_position_embeddings"]].detach()


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_logits_equal_those_of_transformers(family: Family) -> None:
    model = made(family)
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    embeddings = find_embeddings(tensors, shared=True)
    positions = Positions(positions_of(model.model.encoder), positions_of(model.model.decoder))
    config = TransformerConfig(
        encoder_layers=2,
        decoder_layers=2,
        model_dim=32,
        encoder_heads=2,
        decoder_heads=4,
        encoder_hidden_dim=40,
        decoder_hidden_dim=48,
        vocabulary_size=60,
        max_positions=64,
        own_positions=positions.differ,
        activation="gelu",
        embedding_scale=32**0.5,
        **family.switches,
    )
    transformer = Transformer.empty(config)
    checkpoint = Checkpoint(
        path=Path("made"),
        config={},
        generation_config={},
        tokenizer_config={},
        tensors=tensors,
        weights_sha256="",
    )
    load_weights(transformer, checkpoint, embeddings, positions)

    found = eager_logits(transformer, SOURCES, TARGETS)

    longest = max(map(len, SOURCES))
    ids = torch.tensor([[*source, *[1] * (longest - len(source))] for source in SOURCES])
    with torch.inference_mode():
        output = model(input_ids=ids, attention_mask=(ids != 1).long(), decoder_input_ids=TARGETS)
    expected: Tensor = output.logits
    torch.testing.assert_close(found[:, :, :60], expected, atol=1e-4, rtol=1e-4)
