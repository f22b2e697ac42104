"""State dicts of modules around nn.Transformer: what is taken, and what is told of the others."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from tests.exports import Exports
from tests.families.torch_models import KINDS, TiedModel

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")

DESCRIPTION = "nn-transformer.json"


def copied(exports: Exports, name: str, path: Path) -> Path:
    shutil.copytree(exports.get(f"torch-{name}", KINDS[name].make), path / name)
    return path / name


@pytest.fixture
def tied(exports: Exports, tmp_path: Path) -> Path:
    return copied(exports, "tied", tmp_path)


@pytest.fixture
def apart(exports: Exports, tmp_path: Path) -> Path:
    return copied(exports, "apart", tmp_path)


def change(path: Path, section: str = "", **settings: object) -> None:
    file = path / DESCRIPTION
    everything = json.loads(file.read_text())
    part = everything[section] if section else everything
    part.update(settings)
    file.write_text(json.dumps(everything))


def state_of(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path / "model.pt", weights_only=True)
    return state


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as raised:
        import_model(path)
    return str(raised.value)


def test_sizes_and_what_is_tied_are_in_the_weights(tied: Path, apart: Path) -> None:
    config = import_model(tied).transformer.config
    assert (config.encoder_layers, config.decoder_layers, config.model_dim) == (2, 3, 32)
    assert (config.encoder_hidden_dim, config.decoder_heads) == (48, 4)
    assert (config.tied_output, config.source_vocabulary_size) == (True, None)
    assert (config.norm_first, config.final_norm, config.own_positions) == (True, True, False)
    config = import_model(apart).transformer.config
    assert (config.tied_output, config.norm_epsilon) == (False, 1e-3)
    assert config.source_vocabulary_size not in (None, config.vocabulary_size)
    assert (config.norm_first, config.final_norm, config.own_positions) == (False, True, True)
    assert config.max_positions == 104  # the shorter table


def test_a_copy_of_the_embedding_is_the_embedding(tied: Path) -> None:
    state = state_of(tied)
    state["generator.weight"] = state["generator.weight"].clone()
    safetensors.torch.save_file(state, tied / "model.safetensors")
    assert import_model(tied).transformer.config.tied_output
    state["generator.weight"][7, 7] += 1
    safetensors.torch.save_file(state, tied / "model.safetensors")
    assert not import_model(tied).transformer.config.tied_output


def test_batch_first_and_dropout_make_no_difference(tied: Path) -> None:
    before = import_model(tied).transformer.config
    change(tied, "transformer", batch_first=False, dropout=0.3)
    assert import_model(tied).transformer.config == before


def test_all_that_is_wrong_with_settings_is_told_at_once(tied: Path) -> None:
    (tied / DESCRIPTION).write_text(
        json.dumps(
            {
                "transformer": {"heads": 4, "activation": "silu", "norm_first": "yes"},
                "tensors": {"output": "generator.weight"},
                "dropout": 0.1,
                "decoder_start_id": -1,
                "state_dict_key": 3,
                "ignored_tensors": "seen",
            }
        )
    )
    told = refusal(tied)
    for problem in (
        "transformer.nhead is missing; a whole number from 1 to 16777216 is needed",
        "transformer.heads is no setting; the nearest is nhead",
        "transformer.activation is 'silu'; one of relu, gelu is needed",
        "transformer.norm_first is 'yes'; true or false is needed",
        "tensors.source_embedding is missing; text is needed",
        "tensors.output is no setting; the nearest is output_bias",
        "decoder_start_id is -1; a whole number from 0 to 16777216 is needed",
        "end_id is missing",
        "state_dict_key is 3; text is needed",
        "ignored_tensors is 'seen'; a list of texts is needed",
        "dropout is no setting",
    ):
        assert f"  - {problem}" in told


def test_what_contradicts_the_weights_is_told_at_once(tied: Path) -> None:
    change(
        tied, "transformer", nhead=5, d_model=64, num_encoder_layers=6, dim_feedforward=9,
        bias=False,
    )  # fmt: skip
    change(tied, end_id=100_000)
    told = refusal(tied)
    for problem in (
        "d_model 32 cannot be divided among 5 heads",
        "transformer.d_model is 64; the weights have 32",
        "transformer.num_encoder_layers is 6; the weights have 2",
        "transformer.dim_feedforward is 9; the weights have 48",
        "transformer.bias is false; the weights have some",
        "the tokens [100000] lie outside the vocabulary of targets",
    ):
        assert f"  - {problem}" in told


def test_tensors_that_do_not_fit_are_told_at_once(tied: Path) -> None:
    state = state_of(tied)
    state["transformer.encoder.layers.1.self_attn.in_proj_weight"] = torch.zeros(95, 32)
    del state["transformer.decoder.layers.2.multihead_attn.out_proj.weight"]
    del state["transformer.decoder.norm.bias"]
    state["head.more"] = torch.zeros(3)
    torch.save(state, tied / "model.pt")
    told = refusal(tied)
    for problem in (
        "transformer.encoder.layers.1.self_attn.in_proj_weight has shape (95, 32); (96, 32) is",
        "transformer.decoder.layers.2.multihead_attn.out_proj.weight is missing",
        "decoder.final_norm.bias is missing",
        "head.more has no place in such a model",
    ):
        assert f"  - {problem}" in told
    change(tied, ignored_tensors=["head.more"])
    assert "head.more" not in refusal(tied)


def test_names_of_nothing_are_told(tied: Path) -> None:
    change(tied, "tensors", source_embedding="embedding.bias", output_weight="generator.w")
    told = refusal(tied)
    assert "  - embedding.bias is missing" in told
    assert "  - generator.w is missing" in told
    change(tied, "tensors", source_embedding="generator.bias", output_weight=None)
    assert "generator.bias has shape" in refusal(tied)
    change(tied, "tensors", source_embedding="embedding.weight", prefix="net.")
    change(tied, ignored_tensors=["generator.weight"])
    told = refusal(tied)
    assert "the weights have no layers of the encoder under their prefix" in told


def test_a_model_without_biases_says_so(apart: Path) -> None:
    change(apart, "transformer", bias=True)
    assert "transformer.bias is true; the weights have none" in refusal(apart)


def test_a_training_is_asked_for_its_state_dict(apart: Path) -> None:
    change(apart, state_dict_key=None)
    assert "holds no named tensors" in refusal(apart)
    change(apart, state_dict_key="model")
    told = refusal(apart)
    assert "holds no named tensors; dicts of tensors in it: 'core'" in told
    change(apart, state_dict_key="ema")
    assert "holds no dict 'ema'" in refusal(apart)


def test_a_module_is_not_unpickled_and_told_how_to_be_saved(tied: Path) -> None:
    torch.save(TiedModel(130), tied / "model.pt")
    told = refusal(tied)
    assert "model.pt holds more than tensors and is not loaded" in told
    assert "torch.save(model.state_dict(), 'model.pt')" in told


def test_numbers_that_are_none_are_told_unless_ignored(apart: Path) -> None:
    change(apart, ignored_tensors=[])
    assert "seen holds int64; a floating-point type is needed" in refusal(apart)


def test_weights_must_be_there(tied: Path) -> None:
    (tied / "model.pt").unlink()
    assert "has none of model.safetensors, model.pt" in refusal(tied)


def test_stored_positions_must_be_named(tied: Path) -> None:
    change(tied, positions="stored")
    assert "positions are stored; no tensor of them is named or there" in refusal(tied)
