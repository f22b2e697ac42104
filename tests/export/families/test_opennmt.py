"""What of OpenNMT-py's checkpoints is refused, and how it is told."""

import argparse
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from dragoman_export.families.opennmt_files import read_state
from dragoman_export.families.opennmt_settings import problems_of, with_defaults
from dragoman_export.families.opennmt_tokens import (
    Specials,
    read_sides,
    read_tokens,
    transform_problems,
)
from tests.export import tiny
from tests.families.opennmt import OPT, random_tensors
from tests.families.opennmt_files import SPECIAL, with_tables

GOOD = {**OPT, "src_subword_model": "data/spm.model", "tgt_subword_model": None}


class NotPlain:
    """A class that nobody allows."""


class OldField:
    """As torchtext's, for one side's tokens."""

    def __init__(self, *lists: list[str]) -> None:
        vocabularies = [argparse.Namespace(vocab=argparse.Namespace(itos=each)) for each in lists]
        self.fields = [(f"field {i}", each) for i, each in enumerate(vocabularies)]


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


@pytest.fixture(scope="module")
def trained() -> bytes:
    return tiny.train_pieces(tiny.TEXTS, vocab_size=100)


@pytest.fixture
def state(trained: bytes) -> dict[str, Any]:
    return random_state(trained)


def random_state(trained: bytes) -> dict[str, Any]:
    """A checkpoint without faults, of random numbers."""
    tokens = [*SPECIAL, *tiny.pieces_of(trained)]
    tensors = with_tables(OPT, random_tensors(OPT, [len(tokens)] * 2))
    tensors = {name: each.detach() for name, each in tensors.items()}
    generator = {part: tensors.pop(f"generator.{part}") for part in ("weight", "bias")}
    return {
        "model": tensors,
        "generator": generator,
        "vocab": {"src": tokens, "tgt": tokens, "decoder_start_token": "<s>"},
        "opt": argparse.Namespace(**GOOD),
    }


@pytest.fixture
def folder(tmp_path: Path, trained: bytes) -> Callable[[object], Path]:
    return lambda state: write_model(tmp_path, state, trained)


def write_model(path: Path, state: object, trained: bytes) -> Path:
    """A checkpoint, and the sentencepiece model that it names."""
    torch.save(state, path / "step_1.pt")
    (path / "spm.model").write_bytes(trained)
    return path


Folder = Callable[[object], Path]


def test_a_checkpoint_is_found_by_what_is_in_it_whatever_its_name(
    folder: Folder, state: dict[str, Any]
) -> None:
    imported = import_model(folder(state))
    assert imported.family == "opennmt-py"
    assert (imported.decoder_start_id, imported.end_id, imported.unknown_id) == (2, 3, 0)
    assert imported.config.norm_epsilon == 1e-6
    assert 3 not in imported.tokenizer.encode("the small cat </s>")


def test_of_several_checkpoints_none_is_chosen(folder: Folder, state: dict[str, Any]) -> None:
    path = folder(state)
    torch.save(state, path / "step_2.pt")
    assert "several checkpoints, step_1.pt, step_2.pt" in refusal(lambda: import_model(path))


def test_half_precision_is_the_same_model(folder: Folder, state: dict[str, Any]) -> None:
    halves = {name: each.half() for name, each in state["model"].items()}
    assert import_model(folder({**state, "model": halves})).config.model_dim == 32


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("opt", {"opt": None}, "it has no opt"),
        ("vocab", {"vocab": {"src": ["a"]}}, "it has no vocab of two lists of tokens"),
        ("vocab", {"vocab": {"src": ["a"], "tgt": ["a"], "src_feats": [["b"]]}}, "src_feats"),
        ("vocab", {"vocab": {"src": [], "tgt": [], "decoder_start_token": 2}}, "token is 2"),
        ("model", {"model": {"x": torch.tensor([torch.nan])}}, "x holds NaN or infinity"),
    ],
)
def test_a_part_that_is_not_there_is_named(
    folder: Folder, state: dict[str, Any], part: str, change: Mapping[str, Any], told: str
) -> None:
    marks = "vocab opt encoder_type"  # by which it is known all the same
    assert part in state
    assert told in refusal(lambda: import_model(folder({**state, **change, "marks": marks})))


def test_the_format_before_archives_is_read(folder: Folder, state: dict[str, Any]) -> None:
    path = folder(state)
    torch.save(state, path / "step_1.pt", _use_new_zipfile_serialization=False)
    assert import_model(path).config.model_dim == 32


def test_weights_beside_a_checkpoint_are_asked_for(folder: Folder, state: dict[str, Any]) -> None:
    del state["model"]
    assert "there is no step_1.safetensors" in refusal(lambda: import_model(folder(state)))


def test_what_is_damaged_is_told_to_be(folder: Folder, state: dict[str, Any]) -> None:
    path = folder(state)
    file = path / "step_1.pt"
    file.write_bytes(file.read_bytes()[:-4000])
    assert "it is damaged" in refusal(lambda: import_model(path))


@pytest.mark.parametrize("has_features", [False, True])
def test_torchtext_s_vocabularies_are_not_loaded_and_how_to_convert_them_told(
    folder: Folder, state: dict[str, Any], has_features: bool
) -> None:
    tokens = state["vocab"]["src"]
    lists = [tokens, ["noun", "verb"]] if has_features else [tokens]
    state["vocab"] = {"src": OldField(*lists), "tgt": OldField(tokens)}
    state["opt"].odd = NotPlain()
    path = folder(state)
    told = refusal(lambda: import_model(path))
    assert "more than tensors and plain settings" in told
    lines = told.splitlines()
    script = textwrap.dedent("\n".join(line for line in lines if line.startswith("    ")))
    for name in ("step_1.pt", "converted.pt"):
        script = script.replace(f'"{name}"', repr(str(path / name)))
    exec(script, {})  # what a user is told to do must work
    (path / "step_1.pt").unlink()
    if has_features:
        assert "sources have features" in refusal(lambda: read_state(path))
    else:
        assert read_state(path).sources == tokens
        assert import_model(path).config.vocabulary_size == len(tokens)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder_type", "brnn"),
        ("decoder_type", "transformer_lm"),
        ("model_task", "lm"),
        ("position_encoding", False),
        ("position_encoding_type", "Learned"),
        ("max_relative_positions", 20),
        ("max_relative_positions", -1),
        ("relative_positions_buckets", 32),
        ("self_attn_type", "average"),
        ("parallel_residual", True),
        ("sliding_window", 128),
        ("multiquery", True),
        ("num_kv", 1),
        ("num_experts", 8),
        ("copy_attn", True),
        ("generator_function", "sparsemax"),
        ("lora_layers", ["linear_query"]),
        ("quant_layers", ["w_1"]),
        ("pos_ffn_activation_fn", "swish"),
        ("layer_norm", "batch"),
        ("norm_eps", 0.0),
        ("heads", 5),
        ("enc_layers", 0),
        ("dec_hid_size", 64),
        ("tgt_word_vec_size", 16),
        ("transformer_ff", "48"),
    ],
)
def test_a_setting_that_makes_another_model_is_refused_by_name(name: str, value: object) -> None:
    assert [*problems_of(with_defaults(GOOD))] == []
    problems = [*problems_of(with_defaults({**GOOD, name: value}))]
    assert any(name in each and repr(value) in each for each in problems), problems


def test_sizes_of_older_versions_are_known_by_their_names() -> None:
    old = {"encoder_type": "transformer", "decoder_type": "transformer", "position_encoding": True}
    old |= {"rnn_size": 512, "word_vec_size": 512, "layers": 6, "enc_layers": -1}
    settings = with_defaults(old)
    assert [*problems_of(settings)] == []
    assert (settings["enc_hid_size"], settings["dec_layers"], settings["heads"]) == (512, 6, 8)


def test_every_problem_is_told_at_once(folder: Folder, state: dict[str, Any]) -> None:
    state["opt"].copy_attn = True
    state["opt"].transforms = ["prefix", "sentencepiece"]
    state["vocab"]["src"] = state["vocab"]["src"][1:]
    told = refusal(lambda: import_model(folder(state)))
    for each in ("copy_attn is True", "'prefix'", "no unk_token '<unk>'"):
        assert each in told


LAYER = "decoder.transformer_layers.0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop("encoder.layer_norm.weight"), "encoder.final_norm.weight is missing"),
        (
            lambda t: t.pop("encoder.transformer.1.self_attn.linear_query.weight"),
            "encoder.transformer.1.self_attn.linear_query.weight is missing",
        ),
        (
            lambda t: t.pop(f"{LAYER}.context_attn.linear_keys.bias"),
            f"{LAYER}.context_attn.linear_keys.bias is missing",
        ),
        (
            lambda t: t.update({f"{LAYER}.feed_forward.w_3.weight": torch.ones(48, 32)}),
            "feed_forward.w_3.weight has no place in such a model",
        ),
        (
            lambda t: t.update({f"{LAYER}.feed_forward.w_2.weight": torch.ones(3, 32)}),
            "feed_forward.w_2.weight has shape (3, 32); (32, 48) is needed",
        ),
        (
            lambda t: t.pop("decoder.embeddings.make_embedding.emb_luts.0.weight"),
            "decoder.embeddings.make_embedding.emb_luts.0.weight is missing",
        ),
        (
            lambda t: t.update({"encoder.embeddings.make_embedding.pe.pe": torch.ones(9, 32)}),
            "pe.pe has shape (9, 32); (rows, 1, 32) needed",
        ),
        (lambda t: t.update({"encoder.other": torch.ones(1)}), "encoder.other has no place"),
    ],
)
def test_a_tensor_that_is_missing_misshapen_or_left_over_is_named(
    folder: Folder, state: dict[str, Any], change: Callable[[dict[str, Tensor]], object], told: str
) -> None:
    change(state["model"])
    state["model"]["more"] = torch.ones(2)
    problems = refusal(lambda: import_model(folder(state)))
    assert told in problems
    assert "more has no place in such a model" in problems


def test_a_generator_without_a_bias_is_told_of(folder: Folder, state: dict[str, Any]) -> None:
    del state["generator"]["bias"]
    assert "generator.bias is missing" in refusal(lambda: import_model(folder(state)))


def test_biases_that_the_settings_deny_are_told_of(folder: Folder, state: dict[str, Any]) -> None:
    state["opt"].add_qkvbias = False
    told = refusal(lambda: import_model(folder(state)))
    assert "linear_query.bias is there; the settings say that there is none" in told


def test_an_embedding_of_other_rows_than_tokens_is_told_of(
    folder: Folder, state: dict[str, Any]
) -> None:
    state["vocab"]["src"] = [*state["vocab"]["src"], "more"]
    told = refusal(lambda: import_model(folder(state)))
    assert "encoder.embeddings.make_embedding.emb_luts.0.weight has shape" in told


def test_a_tokenizer_is_asked_for_by_its_name(folder: Folder, state: dict[str, Any]) -> None:
    path = folder(state)
    (path / "spm.model").rename(path / "other.model")
    told = refusal(lambda: import_model(path))
    assert "spm.model as in its settings" in told
    (path / "other.model").rename(path / "sentencepiece.model")
    assert import_model(path).tokenizer.decode([4, 5])


def test_another_model_s_tokenizer_is_refused(folder: Folder, state: dict[str, Any]) -> None:
    path = folder(state)
    others = tiny.train_pieces(["漢字仮名交じり文", "日本語の文章です"], vocab_size=30)
    (path / "spm.model").write_bytes(others)
    assert "the tokenizer beside the model is another one's" in refusal(lambda: import_model(path))


def test_sources_get_an_end_token_where_an_old_version_gave_them_none() -> None:
    sources, targets = ["<unk>", "<blank>", "a"], [*SPECIAL, "b"]
    sides = read_sides(sources, targets, Specials())
    assert sides.vocabularies.sources == ["<unk>", "<blank>", "a", "</s>"]
    tokens, problems = read_tokens(sides.vocabularies, Specials())
    assert tokens is not None
    assert not problems
    assert sides.inserted == tokens.end_id == 3


@pytest.mark.parametrize(
    ("transforms", "settings", "told"),
    [
        (["bpe"], {}, "transforms has 'bpe'"),
        (["docify", "sentencepiece"], {}, "transforms has 'docify'"),
        (["onmt_tokenize"], {"src_subword_type": "bpe"}, "src_subword_type 'bpe'"),
        (["onmt_tokenize"], {"tgt_onmttok_kwargs": "{'mode': 'space'}"}, "{'mode': 'space'}"),
        (["onmt_tokenize"], {"mapped_tokens": [["a", "b"]]}, "mapped_tokens is"),
        (
            ["sentencepiece"],
            {"src_subword_vocab": "v", "src_vocab_threshold": 50},
            "src_vocab_threshold is 50",
        ),
    ],
)
def test_a_transform_that_changes_a_text_is_refused(
    transforms: list[str], settings: dict[str, Any], told: str
) -> None:
    problems = [*transform_problems(transforms, dict.fromkeys(transforms, settings))]
    assert any(told in each for each in problems), problems


def test_transforms_that_are_sentencepiece_or_nothing_are_taken() -> None:
    own = {"src_subword_type": "sentencepiece", "tgt_subword_type": "sentencepiece"}
    own |= {"src_onmttok_kwargs": '{"mode": "none"}', "tgt_onmttok_kwargs": "{'mode': 'none'}"}
    assert not [*transform_problems(["onmt_tokenize", "filtertoolong"], {"onmt_tokenize": own})]
    assert not [*transform_problems(["sentencepiece", "switchout"], {})]
