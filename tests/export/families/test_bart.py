"""BART and its kin beside transformers' own models: logits of given targets."""

from typing import Any, NamedTuple

import pytest
import torch
import transformers
from torch import Tensor

from dragoman_export.families.bart import build
from dragoman_export.families.bart_settings import (
    BART,
    M2M100,
    MBART,
    PEGASUS,
    Kin,
    plain_settings,
)
from dragoman_export.families.suppressed import Suppressed
from tests.export import tiny
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


class Family(NamedTuple):
    model: type[transformers.PreTrainedModel]
    config: type[transformers.PretrainedConfig]
    kin: Kin


FAMILIES = {
    "BART": Family(transformers.BartForConditionalGeneration, transformers.BartConfig, BART),
    "mBART": Family(transformers.MBartForConditionalGeneration, transformers.MBartConfig, MBART),
    "M2M100": Family(
        transformers.M2M100ForConditionalGeneration, transformers.M2M100Config, M2M100
    ),
    "Pegasus": Family(
        transformers.PegasusForConditionalGeneration, transformers.PegasusConfig, PEGASUS
    ),
}


def made(family: Family, *, scale_embedding: bool) -> transformers.PreTrainedModel:
    """A model whose norms and biases are unlike those that it begins with, too."""
    torch.manual_seed(3)
    config = family.config(**SIZES, scale_embedding=scale_embedding)
    model = family.model(config).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias.normal_()
    return model


@pytest.mark.parametrize("scale_embedding", [True, False])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_logits_equal_those_of_transformers(family: Family, *, scale_embedding: bool) -> None:
    model = made(family, scale_embedding=scale_embedding)
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    checkpoint = tiny.held(model.config.to_dict(), tensors)
    settings, problems = plain_settings(checkpoint, family.kin)
    assert not problems

    transformer = build(checkpoint, settings, family.kin, Suppressed()).transformer()
    found = eager_logits(transformer, SOURCES, TARGETS)

    longest = max(map(len, SOURCES))
    ids = torch.tensor([[*source, *[1] * (longest - len(source))] for source in SOURCES])
    with torch.inference_mode():
        output = model(input_ids=ids, attention_mask=(ids != 1).long(), decoder_input_ids=TARGETS)
    expected: Tensor = output.logits
    torch.testing.assert_close(found[:, :, :60], expected, atol=1e-4, rtol=1e-4)
