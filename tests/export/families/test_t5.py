"""T5 and its kin beside transformers' own model: buckets, and logits of given targets."""

from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers.models.t5.modeling_t5 import T5Attention

from dragoman_export.checkpoints import Checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.families.suppressed import Suppressed
from dragoman_export.families.t5 import build
from dragoman_export.families.t5_settings import read_settings
from dragoman_export.families.t5_tensors import bidirectional_bucket, bucket
from tests.export import tiny
from tests.export.network.test_transformer import SOURCES, TARGETS, eager_logits

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "d_model": 32,
    "d_kv": 12,
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "dropout_rate": 0.0,
    "initializer_factor": 0.6,
    "pad_token_id": 1,
    "eos_token_id": 0,
    "decoder_start_token_id": 2,
}

KINDS: dict[str, dict[str, Any]] = {
    "T5": {"feed_forward_proj": "relu"},
    "T5 1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "gated SiLU": {"feed_forward_proj": "gated-silu", "tie_word_embeddings": False},
    "plain GELU": {"feed_forward_proj": "gelu"},
}


def made(settings: dict[str, Any]) -> Any:
    torch.manual_seed(5)
    model = transformers.T5ForConditionalGeneration(
        transformers.T5Config(**SIZES | settings)
    ).eval()
    for name, parameter in model.named_parameters():
        if "layer_norm" in name or "relative" in name:
            parameter.data += 0.5 * torch.randn_like(parameter)
    if settings.get("tie_word_embeddings") is False:
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    return model


def checkpoint_of(model: Any, tensors: dict[str, Tensor], **settings: Any) -> Checkpoint:
    return tiny.held(model.config.to_dict() | settings, tensors)


def tensors_of(model: Any) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def logits_of(checkpoint: Checkpoint) -> Tensor:
    settings, problems = read_settings(checkpoint)
    assert not problems
    transformer = build(checkpoint, settings, Suppressed()).transformer()
    return eager_logits(transformer, SOURCES, TARGETS)[:, :, :60]


def expected_of(model: Any) -> Tensor:
    longest = max(map(len, SOURCES))
    ids = torch.tensor([[*source, *[1] * (longest - len(source))] for source in SOURCES])
    with torch.inference_mode():
        output = model(input_ids=ids, attention_mask=(ids != 1).long(), decoder_input_ids=TARGETS)
    logits: Tensor = output.logits
    return logits


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_logits_equal_those_of_transformers(settings: dict[str, Any]) -> None:
    model = made(settings)
    found = logits_of(checkpoint_of(model, tensors_of(model)))
    torch.testing.assert_close(found, expected_of(model), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kept", ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"])
def test_the_shared_embedding_may_go_by_any_of_its_names(kept: str) -> None:
    """MADLAD's file has that of the decoder alone."""
    model = made(KINDS["T5 1.1"])
    tensors = tensors_of(model)
    shared = tensors.pop("shared.weight")
    for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        tensors.pop(name, None)
    found = logits_of(checkpoint_of(model, tensors | {kept: shared}))
    torch.testing.assert_close(found, expected_of(model), atol=1e-4, rtol=1e-4)


def test_settings_of_before_transformers_5_say_by_what_they_tie_whether_outputs_are_scaled() -> (
    None
):
    model = made(KINDS["T5 1.1"])
    old = {"tie_word_embeddings": False, "scale_decoder_outputs": None}
    found = logits_of(checkpoint_of(model, tensors_of(model), **old))
    torch.testing.assert_close(found, expected_of(model), atol=1e-4, rtol=1e-4)


def test_mt5_does_not_scale_its_outputs_even_where_it_ties() -> None:
    torch.manual_seed(5)
    config = transformers.MT5Config(**SIZES, feed_forward_proj="gated-gelu")
    assert config.tie_word_embeddings
    model = transformers.MT5ForConditionalGeneration(config).eval()
    found = logits_of(checkpoint_of(model, tensors_of(model)))
    torch.testing.assert_close(found, expected_of(model), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("buckets", "furthest"), [(32, 128), (8, 12), (32, 256)])
def test_buckets_are_those_of_transformers(buckets: int, furthest: int) -> None:
    both = torch.arange(-600, 600)
    theirs = T5Attention._relative_position_bucket
    assert torch.equal(
        bidirectional_bucket(both, buckets, furthest), theirs(both, True, buckets, furthest)
    )
    back = torch.arange(600)
    assert torch.equal(bucket(back, buckets, furthest), theirs(-back, False, buckets, furthest))


def test_what_does_not_fit_is_listed() -> None:
    model = made(KINDS["T5"])
    tensors = tensors_of(model)
    del tensors["encoder.block.1.layer.0.SelfAttention.q.weight"]
    bias = "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    tensors[bias] = tensors[bias][:3]
    tensors["encoder.block.0.layer.0.adapter.weight"] = torch.ones(3)
    tensors["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(
        1
    )
    with pytest.raises(CheckpointError) as caught:
        logits_of(checkpoint_of(model, tensors))
    told = str(caught.value)
    assert "encoder.block.1.layer.0.SelfAttention.q.weight is missing" in told
    assert f"{bias} has shape (3, 4); (8, 4) is needed" in told
    assert "encoder.block.0.layer.0.adapter.weight has no place" in told
    assert "EncDecAttention" not in told


def test_settings_that_cannot_be_are_listed() -> None:
    model = made(KINDS["T5"])
    wrong = {"d_kv": 0, "feed_forward_proj": "gated-tanh", "decoder_start_token_id": None}
    _, problems = read_settings(checkpoint_of(model, {}, **wrong))
    assert [problem.split(" is ")[0] for problem in problems] == [
        "d_kv",
        "feed_forward_proj",
        "decoder_start_token_id",
    ]
