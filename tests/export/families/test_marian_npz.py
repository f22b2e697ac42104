"""Marian's own models: what is recognised, what they say of themselves, and all that is wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dragoman_export.checkpoints.marian_file import read_marian
from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from tests.exports import Exports
from tests.families.marian_npz import KINDS, make_checkpoint, save

Arrays = dict[str, "np.ndarray[Any, Any]"]


@pytest.fixture(scope="module")
def checkpoints(exports: Exports) -> Callable[[str], Path]:
    return lambda name: exports.get(
        f"marian-npz-{name}", lambda path: make_checkpoint(path, KINDS[name])
    )


@pytest.fixture
def student(checkpoints: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints("student"), tmp_path / "student"))


@pytest.fixture
def teacher(checkpoints: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints("teacher"), tmp_path / "teacher"))


def change(
    path: Path, change_arrays: Callable[[Arrays], object] = lambda _: None, **settings: object
) -> None:
    file = read_marian(path / "model.npz")
    arrays = {name: tensor.numpy() for name, tensor in file.tensors.items()}
    change_arrays(arrays)
    changed = {name.replace("_", "-"): value for name, value in settings.items()}
    save(path / "model.npz", {**file.settings, **changed}, arrays)


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as raised:
        import_model(path)
    return str(raised.value)


def test_a_student_is_recurrent_and_begins_with_zeros(student: Path) -> None:
    model = import_model(student)
    config = model.transformer.config
    assert (model.family, config.recurrent, config.recurrent_output) == ("marian-npz", True, False)
    assert (config.norm_epsilon, config.max_positions) == (1e-6, 512)
    assert model.decoder_start_id == config.vocabulary_size - 1
    start = model.transformer.decoder.embedding.tokens.weight[model.decoder_start_id]
    assert not start.any()
    assert model.suppressed_ids == (1, model.decoder_start_id)  # Marian never says <unk>


def test_layers_may_be_tied_and_languages_named(checkpoints: Callable[[str], Path]) -> None:
    model = import_model(checkpoints("tied-student"))
    first, second, third = model.transformer.decoder.layers
    gate = first.get_parameter("self_in.weight")
    assert gate.equal(third.get_parameter("self_in.weight"))
    assert not gate.equal(second.get_parameter("self_in.weight"))
    assert [target.name for target in model.targets] == ["de"]
    label = model.targets[0].source_prefix_ids[0]
    assert label not in model.tokenizer.encode("the cat >>de<<")


def test_all_that_is_not_supported_is_told_at_once(teacher: Path) -> None:
    change(
        teacher,
        type="s2s",
        enc_depth="six",
        right_left=True,
        lemma_dim_emb=32,
        transformer_ffn_depth=3,
        transformer_ffn_activation="tanh",
        transformer_preprocess="h",
        transformer_postprocess_top="a",
        transformer_decoder_autoreg="average-attention",
        transformer_tied_layers=[1, 9],
        transformer_heads=5,
    )
    told = refusal(teacher)
    for problem in (
        "type is 's2s'; one of transformer is needed",
        "enc-depth is 'six'; a whole number from 1 to 16777216 is needed",
        "right-left is True, which is not supported",
        "lemma-dim-emb is 32, which is not supported",
        "transformer-ffn-depth is 3; only 2 is supported",
        "transformer-ffn-activation is 'tanh'; one of relu, swish, gelu is needed",
        "transformer-preprocess is 'h', which is not supported here; beside d, '' or 'n' is",
        "transformer-postprocess-top is 'a', which is not supported here; beside d, '' or 'n' is",
        "transformer-decoder-autoreg is 'average-attention'; one of self-attention, rnn is needed",
        "transformer-tied-layers is [1, 9]; 2 numbers from 1 to 2 are needed",
        "transformer-heads is 5, which does not divide 32",
    ):
        assert f"  - {problem}" in told


@pytest.mark.parametrize("version", ["v1.9.56; 2021", "v1.10.24 6dd8bfc", None])
def test_old_models_that_normalise_queries_alone_are_refused(
    teacher: Path, version: str | None
) -> None:
    change(teacher, version=version)
    assert "before v1.11.0 Marian normalised queries alone" in refusal(teacher)
    change(teacher, version="v1.11.0 f00a062")
    import_model(teacher)


def test_tensors_are_told_of_by_marians_names(student: Path) -> None:
    def break_them(arrays: Arrays) -> None:
        del arrays["encoder_l2_self_Wq"], arrays["decoder_l1_rnn_bf"]
        arrays["decoder_l2_context_Wo"] = np.zeros((32, 31), np.float32)
        arrays["decoder_l1_rnn_ffn_ln_scale"] = np.zeros((2, 32), np.float32)
        arrays["decoder_l3_ffn_W1"] = np.zeros((1, 1), np.float32)

    change(student, break_them)
    told = refusal(student)
    for problem in (
        "encoder_l2_self_Wq is missing",
        "decoder_l1_rnn_bf is missing",
        "decoder_l2_context_Wo has shape (31, 32); (32, 32) is needed",
        "decoder_l1_rnn_ffn_ln_scale has shape (2, 32); (32,) is needed",
        "decoder_l3_ffn_W1 has no place in such a model",
    ):
        assert f"  - {problem}" in told


def test_without_an_embedding_nothing_says_how_wide_a_model_is(student: Path) -> None:
    change(student, lambda arrays: arrays.pop("Wemb"))
    told = refusal(student)
    assert "decoder_Wemb is missing" in told
    assert "transformer-heads" not in told


def test_vocabularies_must_be_there_and_fit(teacher: Path, student: Path) -> None:
    (teacher / "vocab.de.spm").rename(teacher / "elsewhere.spm")
    assert "lacks vocab.de.spm, named in model.npz.decoder.yml" in refusal(teacher)
    (teacher / "model.npz.decoder.yml").write_text("vocabs: 7")
    assert "names no vocabularies: vocabs is '7'" in refusal(teacher)
    (teacher / "model.npz.decoder.yml").unlink()
    told = refusal(teacher)
    assert "has the vocabularies elsewhere.spm, vocab.en.spm; name them in decoder.yml" in told
    (teacher / "elsewhere.spm").rename(teacher / "trgvocab.spm")
    (teacher / "vocab.en.spm").rename(teacher / "srcvocab.spm")
    assert import_model(teacher).config.source_vocabulary_size is not None

    (student / "vocab.ende.spm").write_bytes(b"nothing")
    assert "vocab.ende.spm is no sentencepiece model" in refusal(student)
    (student / "vocab.ende.spm").unlink()
    assert "has the vocabularies none" in refusal(student)
    (student / "vocab.yml").write_text('"a": 1\n"b": 100000\n')
    told = refusal(student)
    assert "vocab.yml has no </s>" in told
    assert "vocab.yml has 100001 tokens and Wemb" in told


def test_what_cuts_words_must_be_there(checkpoints: Callable[[str], Path], tmp_path: Path) -> None:
    path = Path(shutil.copytree(checkpoints("old"), tmp_path / "old"))
    (path / "bpe.codes").unlink()
    told = refusal(path)
    assert "nothing that cuts texts into the pieces of vocab.en.yml" in told
    assert "source.spm and target.spm" in told


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and no more", b"\x93NUMPY\1\0"])
def test_a_damaged_model_is_refused(student: Path, content: bytes) -> None:
    (student / "model.npz").write_bytes(content)
    assert "model.npz" in refusal(student)


def test_a_model_is_tensors_and_settings(student: Path) -> None:
    np.savez(student / "model.npz", x=np.zeros(3))
    assert "has no special:model.yml" in refusal(student)
    np.savez(student / "model.npz", x=np.array([{}], dtype=object))
    assert "model.npz" in refusal(student)
    change_to = {"Wemb": np.array([1, 2]), "bad": np.array([np.nan], np.float32)}
    save(student / "model.npz", {"type": "transformer"}, change_to)
    assert "Wemb is of int64; a floating-point type is needed" in refusal(student)
    save(student / "model.npz", {"type": "transformer"}, {"bad": change_to["bad"]})
    assert "bad holds NaN or infinity" in refusal(student)
    shutil.copy(student / "model.npz", student / "other.npz")
    assert "has the models model.npz, other.npz; leave the one to export" in refusal(student)
