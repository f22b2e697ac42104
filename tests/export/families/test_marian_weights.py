"""Tensors that must be one, or must be what they are by definition."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from dragoman_export.checkpoints.checkpoint import read_checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian import import_marian
from dragoman_export.families.positions import sinusoids
from dragoman_export.model import ImportedModel
from dragoman_export.network import Linear, TiedLinear, Transformer
from tests.export import tiny

SHARED = "model.shared.weight"
POSITIONS = ("model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight")


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return tiny.copy_checkpoint(checkpoint, tmp_path / "copy")


def imported(path: Path) -> ImportedModel:
    return import_marian(read_checkpoint(path))


def add_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    file = path / "model.safetensors"
    safetensors.torch.save_file(safetensors.torch.load_file(file) | tensors, file)


def output_weight(transformer: Transformer) -> torch.Tensor:
    """Of the output projection, (vocabulary, dim)."""
    head = transformer.decoder.head
    if isinstance(head, TiedLinear):
        return head.embedding.weight
    assert isinstance(head, Linear)
    return head.weight.t()


@pytest.mark.parametrize(
    "name",
    [
        "model.encoder.embed_tokens.weight",
        "model.decoder.embed_tokens.weight",
        "lm_head.weight",
    ],
)
def test_an_embedding_that_differs_under_another_name_is_another(copy: Path, name: str) -> None:
    shared = read_checkpoint(copy).tensors[SHARED].clone()
    add_tensors(copy, {name: shared.clone()})
    config = imported(copy).transformer.config
    assert (config.source_vocabulary_size, config.tied_output) == (None, True)

    shared[5, 7] += 1e-3
    add_tensors(copy, {name: shared})
    transformer = imported(copy).transformer
    size, dim = shared.shape
    tables = {
        "model.encoder.embed_tokens.weight": transformer.encoder.embedding.tokens.weight[:size],
        "model.decoder.embed_tokens.weight": transformer.decoder.embedding.tokens.weight[:size],
        "lm_head.weight": output_weight(transformer)[:size],
    }
    for other, table in tables.items():
        assert torch.equal(table, shared) == (other == name)
        assert table.shape == (size, dim)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_sinusoids_in_the_type_of_the_file_are_accepted_and_used(
    copy: Path, dtype: torch.dtype
) -> None:
    """The checkpoint's own implementation uses them as they are stored, too."""
    table = sinusoids(64, 32).to(dtype)
    add_tensors(copy, {name: table.clone() for name in POSITIONS})

    positions = imported(copy).transformer.encoder.embedding.positions
    assert positions is not None

    assert torch.equal(positions.weight, table.float())


@pytest.mark.parametrize("name", POSITIONS)
def test_positions_that_are_no_sinusoids_are_refused(copy: Path, name: str) -> None:
    learned = sinusoids(64, 32)
    learned[3] += 0.01
    add_tensors(copy, {name: learned.bfloat16()})

    with pytest.raises(CheckpointError, match=f"{name} is not the sinusoidal table"):
        imported(copy)


def test_tensors_of_another_architecture_are_named(copy: Path) -> None:
    """Left out silently they would leave another model, in transformers as well."""
    add_tensors(
        copy,
        {
            "model.encoder.layer_norm.weight": torch.ones(32),
            "model.decoder.layers.1.adapter.weight": torch.ones(32),
        },
    )

    with pytest.raises(CheckpointError) as caught:
        imported(copy)

    assert "model.encoder.layer_norm.weight has no place in such a model" in str(caught.value)
    assert "model.decoder.layers.1.adapter.weight has no place" in str(caught.value)


def test_an_output_bias_that_is_not_stored_is_zero(copy: Path) -> None:
    file = copy / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    del tensors["final_logits_bias"]
    safetensors.torch.save_file(tensors, file)

    model = imported(copy)

    bias = model.transformer.decoder.head.bias
    assert isinstance(bias, torch.Tensor)
    kept = [i for i in range(model.transformer.config.vocabulary_size) if i != 264]
    assert bias[kept].eq(0).all()


def test_the_version_of_a_format_is_no_part_of_a_model(copy: Path) -> None:
    add_tensors(copy, {"model.encoder.version": torch.ones(1)})

    imported(copy)


def test_a_layer_more_than_the_settings_say_is_refused(copy: Path) -> None:
    tiny.change_config(copy, decoder_layers=1)

    with pytest.raises(CheckpointError, match="decoder_layers is 1; the weights have 2 layers"):
        imported(copy)
