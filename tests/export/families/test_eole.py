"""What of Eole's models is refused, and how it is told."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from dragoman_export.families.eole_settings import EoleSettings
from tests.export import tiny
from tests.families.opennmt import OPT, random_tensors
from tests.families.opennmt_files import SPECIAL, eole_config, write_eole

KIND = {**OPT, "norm_eps": 1e-5}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


@pytest.fixture(scope="module")
def trained() -> bytes:
    return tiny.train_pieces(tiny.TEXTS, vocab_size=100)


@pytest.fixture
def folder(tmp_path: Path, trained: bytes) -> Path:
    return write_model(tmp_path, trained)


def write_model(path: Path, trained: bytes) -> Path:
    """A model without faults, of random numbers."""
    tokens = [*SPECIAL, *tiny.pieces_of(trained)]
    for name in ("source.model", "target.model"):
        (path / name).write_bytes(trained)
    tensors = random_tensors(KIND, [len(tokens)] * 2)
    write_eole(
        path, KIND, {name: each.detach() for name, each in tensors.items()}, [tokens, tokens]
    )
    return path


def rewrite(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def problems_of(model: Mapping[str, Any]) -> list[str]:
    settings = EoleSettings(dict(model))
    settings.read()
    return settings.problems


def test_a_model_is_known_by_its_files(folder: Path) -> None:
    imported = import_model(folder)
    assert imported.family == "eole"
    assert (imported.decoder_start_id, imported.end_id, imported.unknown_id) == (2, 3, 0)
    assert 3 not in imported.tokenizer.encode("the small cat </s>")


def test_tensors_may_be_in_several_files(folder: Path) -> None:
    tensors = load_file(folder / "model.00.safetensors")
    names = sorted(tensors)
    save_file({name: tensors[name] for name in names[:9]}, folder / "model.00.safetensors")
    save_file({name: tensors[name] for name in names[9:]}, folder / "model.01.safetensors")
    assert import_model(folder).config.encoder_layers == 2


@pytest.mark.parametrize("name", ["transformer_lm", "vision_transformer_lm", "whisper", "rnn"])
def test_another_architecture_is_refused_by_name(folder: Path, name: str) -> None:
    rewrite(folder / "config.json", lambda config: config["model"].update(architecture=name))
    assert f"model.architecture is {name!r}" in refusal(lambda: import_model(folder))


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("model", "parallel_residual", True),
        ("model", "num_experts", 4),
        ("model", "mlp_activation_fn", "quick_gelu"),
        ("model", "layer_norm", "gemma-rms"),
        ("model", "norm_eps", "small"),
        ("model", "add_qkvbias", "yes"),
        ("model", "add_estimator", True),
        ("model", "generator_function", "sparsemax"),
        ("model", "ffn_layernorm", True),
        ("model", "transformer_ff", 0),
        ("model", "a_later_invention", 1),
        ("encoder", "encoder_type", "brnn"),
        ("encoder", "encoder_layer_style", "postnorm"),
        ("encoder", "final_encoder_layer_norm", False),
        ("encoder", "heads", 5),
        ("decoder", "hidden_size", 64),
        ("decoder", "heads_kv", 1),
        ("decoder", "sliding_window", 128),
        ("decoder", "query_norm", True),
        ("decoder", "attn_scaling", 64.0),
        ("decoder", "layer_types", ["linear_attention"]),
        ("decoder", "num_mtp_heads", 1),
        ("decoder", "layers", "two"),
        ("embeddings", "position_encoding_type", "Rotary"),
        ("embeddings", "position_encoding_type", "Alibi"),
        ("embeddings", "normalize", True),
        ("embeddings", "word_vec_size", 16),
    ],
)
def test_a_setting_that_makes_another_model_is_refused_by_name(
    section: str, name: str, value: object
) -> None:
    model = eole_config(KIND)["model"]
    assert problems_of(model) == []
    (model if section == "model" else model[section])[name] = value
    problems = problems_of(model)
    told = [each for each in problems if name in each or name == "word_vec_size"]
    assert told, problems
    assert any(repr(value) in each or "is not known" in each for each in told), problems


def test_learned_positions_need_their_number() -> None:
    model = eole_config(KIND)["model"]
    model["embeddings"] |= {"position_encoding_type": "Learned", "position_shift": 2}
    assert any("n_positions is None and position_shift 2" in each for each in problems_of(model))
    model["embeddings"]["n_positions"] = 3
    assert problems_of(model)
    model["embeddings"]["n_positions"] = 100
    assert problems_of(model) == []


def test_a_custom_architecture_of_transformers_is_one() -> None:
    model = eole_config(KIND)["model"] | {"architecture": "custom"}
    assert problems_of(model) == []
    del model["encoder"]
    assert any("model.encoder is missing" in each for each in problems_of(model))


def test_every_problem_is_told_at_once(folder: Path) -> None:
    def spoil(config: dict[str, Any]) -> None:
        config["model"]["parallel_residual"] = True
        config["data"]["corpus_1"]["transforms"].append("prefix")

    rewrite(folder / "config.json", spoil)
    rewrite(folder / "vocab.json", lambda vocab: vocab["specials"].update(unk_token="[UNK]"))
    told = refusal(lambda: import_model(folder))
    for each in ("parallel_residual is True", "'prefix'", "no unk_token '[UNK]'"):
        assert each in told


def test_settings_of_a_transform_must_be_an_object(folder: Path) -> None:
    def spoil(config: dict[str, Any]) -> None:
        config["transforms_configs"] = {"sentencepiece": [1], "filtertoolong": None}

    rewrite(folder / "config.json", spoil)
    told = refusal(lambda: import_model(folder))
    assert "transforms_configs.sentencepiece is [1]; an object is needed" in told
    assert "filtertoolong" not in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda vocab: vocab.pop("src"), "src is no list of tokens"),
        (lambda vocab: vocab.update(tgt={"a": 0}), "tgt is no list of tokens"),
        (lambda vocab: vocab.update(decoder_start_token=2), "decoder_start_token is 2"),
        (lambda vocab: vocab["specials"].update(eos_token=3), "eos_token is 3"),
        (lambda vocab: vocab.update(decoder_start_token="<de>"), "decoder_start_token '<de>'"),
        (lambda vocab: vocab["src"].append("<unk>"), "the source vocabulary has '<unk>' twice"),
    ],
)
def test_a_vocabulary_that_cannot_be_used_is_told_of(
    folder: Path, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    rewrite(folder / "vocab.json", change)
    assert told in refusal(lambda: import_model(folder))


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "vocab.json").unlink()
    assert "vocab.json" in refusal(lambda: import_model(folder))


LAYER = "decoder.transformer_layers.0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop("src_emb.embeddings.weight"), "src_emb.embeddings.weight is missing"),
        (lambda t: t.pop("generator.weight"), "generator.weight is missing"),
        (
            lambda t: t.pop(f"{LAYER}.mlp.down_proj.bias"),
            f"{LAYER}.mlp.down_proj.bias is missing",
        ),
        (
            lambda t: t.update({f"{LAYER}.layer_scalar": torch.tensor([0.5])}),
            f"{LAYER}.layer_scalar has no place in such a model",
        ),
        (
            lambda t: t.update({f"{LAYER}.mlp.up_proj.weight": torch.ones(48, 32)}),
            f"{LAYER}.mlp.up_proj.weight has no place in such a model",
        ),
        (
            lambda t: t.update({f"{LAYER}.self_attn.linear_keys.weight": torch.ones(8, 32)}),
            f"{LAYER}.self_attn.linear_keys.weight has shape (8, 32); (32, 32) is needed",
        ),
        (
            lambda t: t.update({"x": torch.tensor([1])}),
            "x holds int64; a floating-point type is needed",
        ),
    ],
)
def test_a_tensor_that_is_missing_misshapen_or_left_over_is_named(
    folder: Path, change: Callable[[dict[str, Tensor]], object], told: str
) -> None:
    tensors = load_file(folder / "model.00.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.00.safetensors")
    assert told in refusal(lambda: import_model(folder))


def test_learned_positions_of_another_shape_are_told_of(folder: Path) -> None:
    def learn(config: dict[str, Any]) -> None:
        config["model"]["embeddings"] |= {"position_encoding_type": "Learned", "n_positions": 40}

    rewrite(folder / "config.json", learn)
    tensors = load_file(folder / "model.00.safetensors")
    for name in ("src_emb", "tgt_emb"):
        tensors[f"{name}.pe.weight"] = tensors.pop(f"{name}.pe.pe")[:39, 0].clone()
    save_file(tensors, folder / "model.00.safetensors")
    told = refusal(lambda: import_model(folder))
    assert "src_emb.pe.weight has shape (39, 32); (40, 32) is needed" in told
