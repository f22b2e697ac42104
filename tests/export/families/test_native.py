"""The native layout says what the module says that it was written from; errors say all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import tokenizers
import torch
from torch import Tensor

from dragoman_export.errors import CheckpointError
from dragoman_export.export import export
from dragoman_export.families import import_model, t5_tensors
from dragoman_export.families.t5_settings import read_settings
from dragoman_export.manifest import Precision
from dragoman_export.model import ImportedModel, Source, Target
from dragoman_export.network import DecoderStep
from dragoman_export.network.recurrence import recur
from dragoman_export.network.transformer import Encoder
from tests.export import tiny
from tests.export.families.test_t5 import (
    KINDS as T5_KINDS,
)
from tests.export.families.test_t5 import (
    checkpoint_of,
    expected_of,
    tensors_of,
)
from tests.export.families.test_t5 import (
    made as made_t5,
)
from tests.export.network.test_transformer import SOURCES as SHORT
from tests.export.network.test_transformer import TARGETS as GIVEN
from tests.export.network.test_transformer import eager_logits
from tests.export.two_vocabularies import SOURCES
from tests.exports import Exports
from tests.families.torch_models import KINDS, library

NORMS = {
    "encoder": {"norm1": "self_attention_norm", "norm2": "feed_forward_norm"},
    "decoder": {
        "norm1": "self_attention_norm",
        "norm2": "cross_attention_norm",
        "norm3": "feed_forward_norm",
    },
}


def native_tensors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of the model "tied", by hand and one by one."""
    native = {
        "decoder.embedding.weight": state["embedding.weight"],
        "output.bias": state["generator.bias"],
    }
    for side, layers in (("encoder", 2), ("decoder", 3)):
        for kind in ("weight", "bias"):
            native[f"{side}.final_norm.{kind}"] = state[f"transformer.{side}.norm.{kind}"]
        for layer in range(layers):
            ours, theirs = f"{side}.layers.{layer}", f"transformer.{side}.layers.{layer}"
            attentions = {"self_attn": "self_attention"}
            if side == "decoder":
                attentions["multihead_attn"] = "cross_attention"
            for kind in ("weight", "bias"):
                for name, attention in attentions.items():
                    fused = state[f"{theirs}.{name}.in_proj_{kind}"]
                    for part, rows in zip(("query", "key", "value"), fused.chunk(3), strict=True):
                        native[f"{ours}.{attention}.{part}.{kind}"] = rows.clone()
                    output = state[f"{theirs}.{name}.out_proj.{kind}"]
                    native[f"{ours}.{attention}.output.{kind}"] = output
                native[f"{ours}.feed_forward.widen.{kind}"] = state[f"{theirs}.linear1.{kind}"]
                native[f"{ours}.feed_forward.narrow.{kind}"] = state[f"{theirs}.linear2.{kind}"]
                for name, norm in NORMS[side].items():
                    native[f"{ours}.{norm}.{kind}"] = state[f"{theirs}.{name}.{kind}"]
    return native


@pytest.fixture(scope="module")
def module_folder(exports: Exports) -> Path:
    return exports.get("torch-tied", KINDS["tied"].make)


@pytest.fixture
def folder(module_folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "native"
    path.mkdir()
    (path / "source.spm").write_bytes((module_folder / "source.spm").read_bytes())
    state = torch.load(module_folder / "model.pt", weights_only=True)
    safetensors.torch.save_file(native_tensors(state), path / "model.safetensors")
    settings = {
        "version": 1,
        "encoder_layers": 2,
        "decoder_layers": 3,
        "model_dim": 32,
        "encoder_heads": 4,
        "decoder_heads": 4,
        "encoder_hidden_dim": 48,
        "decoder_hidden_dim": 48,
        "vocabulary_size": len(state["embedding.weight"]),
        "norm_first": True,
        "final_norm": True,
        "activation": "gelu",
        "embedding_scale": "sqrt(model_dim)",
        "max_positions": 96,
        "decoder_start_id": 2,
        "end_id": 3,
        "unknown_id": 1,
        "pad_id": 0,
        "source_prefix_ids": [2],
        "max_decoding_length": 40,
        "source_language": "en",
        "target_language": "de",
    }
    (path / "dragoman.json").write_text(json.dumps(settings))
    return path


def change(path: Path, **settings: object) -> None:
    file = path / "dragoman.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def change_tensors(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = safetensors.torch.load_file(path / "model.safetensors")
    change(tensors)
    safetensors.torch.save_file(tensors, path / "model.safetensors")


def grow(path: Path, size: int) -> None:
    """Embeddings of more tokens."""

    def add(tensors: dict[str, Tensor]) -> None:
        for name in ("decoder.embedding.weight", "output.bias"):
            rows = torch.randn(size, *tensors[name].shape[1:])
            rows[: len(tensors[name])] = tensors[name]
            tensors[name] = rows

    change_tensors(path, add)
    change(path, vocabulary_size=size)


def positions_of(side: Encoder | DecoderStep) -> Tensor:
    positions = side.embedding.positions
    assert positions is not None
    return positions.weight


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as raised:
        import_model(path)
    return str(raised.value)


def everything(model: ImportedModel) -> dict[str, Any]:
    """All numbers of a model."""
    halves = {"encoder": model.transformer.encoder, "decoder": model.transformer.decoder}
    return {
        f"{side}.{name}": tensor
        for side, module in halves.items()
        for name, tensor in module.state_dict().items()
    }


def test_it_is_the_model_that_it_was_written_from(folder: Path, module_folder: Path) -> None:
    ours, theirs = import_model(folder), import_model(module_folder)
    assert ours.transformer.config == theirs.transformer.config
    found, expected = everything(ours), everything(theirs)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=0, rtol=0)
    for text in SOURCES:
        assert ours.tokenizer.encode(text) == theirs.tokenizer.encode(text)
    assert ours.any_source == theirs.any_source == Source(prefix_ids=(2,))
    assert (ours.family, ours.max_decoding_length) == ("native", 40)


def test_it_is_exported(folder: Path, tmp_path: Path) -> None:
    manifest = export(tiny.request(folder, tmp_path / "bundle"), tiny.no_progress)
    assert manifest.architecture.family == "native"
    assert manifest.parity.different_count == 0
    assert [each.language_code for each in manifest.source_languages] == ["en"]


def make_recurrent(path: Path) -> None:
    """Random units in the decoder, and norms on both sides of every sublayer."""
    random = torch.Generator().manual_seed(0)

    def swap(tensors: dict[str, Tensor]) -> None:
        for name in [*tensors]:
            if name.startswith("decoder.layers.") and ".self_attention" in name:
                del tensors[name]
        for layer in range(3):
            unit = f"decoder.layers.{layer}.recurrence"
            for part in ("candidate", "gate", "output"):
                tensors[f"{unit}.{part}.weight"] = torch.randn(32, 32, generator=random)
                tensors[f"{unit}.{part}.bias"] = torch.randn(32, generator=random)
            for kind in ("weight", "bias"):
                norm = tensors[f"decoder.layers.{layer}.feed_forward_norm.{kind}"]
                tensors[f"{unit}_norm.{kind}"] = norm.clone()
        for name in [name for name in tensors if "_norm." in name and ".layers." in name]:
            tensors[name.replace("_norm.", "_norm_second.")] = tensors[name] + 0.5

    change_tensors(path, swap)
    change(path, recurrent=True, recurrent_output=True, norm_both=True)


@pytest.mark.parametrize("precision", ["float32", "int8", "float16"])
def test_a_recurrent_decoder_is_exported(
    folder: Path, tmp_path: Path, precision: Precision
) -> None:
    make_recurrent(folder)
    request = tiny.request(folder, tmp_path / "bundle", precision)
    manifest = export(request, tiny.no_progress)
    assert manifest.parity.max_log_prob_difference < (1e-4 if precision == "float32" else 0.5)
    names = [tensor.name for tensor in manifest.decoder.inputs]
    assert names[-3:] == ["self_state_2", "cross_key_2", "cross_value_2"]


def test_a_recurrent_unit_says_what_its_equations_say() -> None:
    random = torch.Generator().manual_seed(1)
    x, state = torch.randn(2, 6, generator=random), torch.randn(2, 3, generator=random)
    said, new = recur(x, state, torch.tensor([0, 4], dtype=torch.int32))
    kept = 1 / (1 + (-x[:, 3:]).exp())
    old = torch.stack([torch.zeros(3), state[1]])  # the first row has only begun
    expected = kept * old + (1 - kept) * x[:, :3]
    torch.testing.assert_close(new, expected)
    torch.testing.assert_close(said, expected.clamp_min(0))


def test_switches_that_contradict_each_other_are_refused(folder: Path) -> None:
    change(folder, norm_first=False, norm_both=True, recurrent_output=True)
    told = refusal(folder)
    assert "norm_both is true and norm_first is not" in told
    assert "recurrent_output is true and recurrent is not" in told
    change(folder, recurrent=True, relative_positions=True)
    assert "recurrent and relative_positions are both true" in refusal(folder)


def test_positions_may_be_stored(folder: Path) -> None:
    computed = positions_of(import_model(folder).transformer.encoder)
    change_tensors(folder, lambda tensors: tensors.update({"encoder.positions.weight": computed}))
    both = import_model(folder).transformer
    assert torch.equal(positions_of(both.decoder), computed)
    assert not both.config.own_positions

    learned = {"encoder.positions.weight": computed + 1, "decoder.positions.weight": computed[:50]}
    change_tensors(folder, lambda tensors: tensors.update(learned))
    assert "encoder.positions.weight is not the sinusoidal table" in refusal(folder)
    change(folder, positions="stored")
    assert "decoder.positions.weight has shape (50, 32); (96, 32) is needed" in refusal(folder)
    change(folder, max_positions=None)
    transformer = import_model(folder).transformer
    assert transformer.config.max_positions == 50
    assert torch.equal(positions_of(transformer.encoder), computed[:50] + 1)
    assert torch.equal(positions_of(transformer.decoder), computed[:50])


def test_columns_of_sinusoids_have_two_orders(folder: Path) -> None:
    interleaved = positions_of(import_model(folder).transformer.encoder)
    change(folder, positions="halves")
    halves = positions_of(import_model(folder).transformer.encoder)
    assert torch.equal(halves, torch.cat([interleaved[:, 0::2], interleaved[:, 1::2]], dim=1))
    place, pair = 7, 3
    angle = torch.tensor(place / 10000 ** (2 * pair / 32))
    torch.testing.assert_close(interleaved[place, 2 * pair], angle.sin())
    torch.testing.assert_close(interleaved[place, 2 * pair + 1], angle.cos())


def test_biases_may_be_absent_where_that_is_said(folder: Path) -> None:
    def drop(tensors: dict[str, Tensor]) -> None:
        for name in [*tensors]:
            if name.endswith(".bias"):
                del tensors[name]

    change_tensors(folder, drop)
    assert "encoder.layers.0.self_attention.query.bias is missing" in refusal(folder)
    change(folder, biases=False)
    layer = import_model(folder).transformer.encoder.layers[0]
    assert not layer.get_parameter("attention_in.bias").any()


def test_embeddings_and_output_may_be_apart(folder: Path) -> None:
    sources, output = torch.randn(400, 32), torch.randn(230, 32)

    def add(tensors: dict[str, Tensor]) -> None:
        tensors["encoder.embedding.weight"] = sources
        tensors["output.weight"] = output[: len(tensors["decoder.embedding.weight"])]

    change_tensors(folder, add)
    told = refusal(folder)
    assert "encoder.embedding.weight has no place in such a model" in told
    assert "output.weight has no place in such a model" in told
    change(folder, source_vocabulary_size=400, tied_output=False)
    config = import_model(folder).transformer.config
    assert (config.source_vocabulary_size, config.tied_output) == (400, False)


def test_all_that_is_wrong_with_settings_is_told_at_once(folder: Path) -> None:
    change(
        folder,
        version=2,
        encoder_heads="many",
        activation="swish",
        final_nrom=True,
        embedding_scale=-1,
        end_id=None,
        suppressed_ids=[1, "x"],
        positions="sinusoidal",
        max_positions=1,
        source_languages={"en": {"prefix": [1]}},
    )
    told = refusal(folder)
    for problem in (
        "version is 2; a whole number from 1 to 1 is needed",
        "encoder_heads is 'many'; a whole number from 1 to 16777216 is needed",
        "activation is 'swish'; one of relu, silu, gelu, gelu_tanh is needed",
        "final_nrom is no setting; the nearest is final_norm",
        "embedding_scale is -1; a number above 0 is needed",
        "end_id is missing; a whole number from 0 to 16777216 is needed",
        "suppressed_ids is [1, 'x']; a list of token ids is needed",
        "positions is 'sinusoidal'; one of interleaved, halves, stored is needed",
        "max_positions is 1; a whole number from 2 to 65536 is needed",
        "source_languages.en.prefix is no setting; the nearest is prefix_ids",
    ):
        assert f"  - {problem}" in told


def test_ids_and_heads_must_fit(folder: Path) -> None:
    change(folder, decoder_heads=5, end_id=100_000, source_prefix_ids=[2, 70_000])
    told = refusal(folder)
    assert "model_dim 32 cannot be divided among 5 heads (decoder_heads)" in told
    assert "the tokens [70000, 100000] lie outside the vocabulary of sources" in told
    assert "the tokens [100000] lie outside the vocabulary of targets" in told


def test_tensors_and_tokenizer_are_told_of_together(folder: Path) -> None:
    def break_them(tensors: dict[str, Tensor]) -> None:
        tensors["encoder.final_norm.bias"] = torch.zeros(31)
        tensors["stray"] = torch.zeros(3)
        del tensors["decoder.layers.1.feed_forward.widen.weight"]
        tensors["decoder.embedding.weight"] = tensors["decoder.embedding.weight"][:100].clone()
        tensors["output.bias"] = tensors["output.bias"][:100].clone()

    change_tensors(folder, break_them)
    change(folder, vocabulary_size=100, unknown_id=5)
    told = refusal(folder)
    for problem in (
        "source.spm has ids outside the model's vocabulary of 100",
        "unknown_id is 5; source.spm has 1",
        "encoder.final_norm.bias has shape (31,); (32,) is needed",
        "decoder.layers.1.feed_forward.widen.weight is missing",
        "stray has no place in such a model",
    ):
        assert f"  - {problem}" in told


def test_sizes_are_held_against_the_weights(folder: Path) -> None:
    change(folder, encoder_layers=7)
    assert "encoder_layers is 7; the weights have 2 layers in the encoder" in refusal(folder)


def test_a_special_token_is_no_ordinary_piece(folder: Path) -> None:
    change(folder, end_id=20)
    assert "the token 20 is the ordinary piece" in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "dragoman.json", "source.spm"])
def test_what_cannot_be_read_is_told(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xff nothing of the kind")
    assert str(folder / name) in refusal(folder)
    (folder / name).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    assert "git lfs pull" in refusal(folder)


def test_there_is_one_tokenizer(folder: Path) -> None:
    grow(folder, 400)
    library(folder)
    assert "needs source.spm of sentencepiece or tokenizer.json" in refusal(folder)
    assert "has both" in refusal(folder)
    (folder / "source.spm").unlink()
    assert import_model(folder).tokenizer.encode("the cat")[-1] == 3
    (folder / "tokenizer.json").write_text("{}")
    assert f"{folder / 'tokenizer.json'} is no file of the tokenizers library" in refusal(folder)
    (folder / "tokenizer.json").unlink()
    assert "has neither" in refusal(folder)


def test_a_vocabulary_of_its_own_gives_other_ids(folder: Path) -> None:
    plain = import_model(folder).tokenizer.encode("the cat")
    size = json.loads((folder / "dragoman.json").read_text())["vocabulary_size"]
    (folder / "target_vocab.json").write_text("{}")
    assert "has target_vocab.json and no vocab.json" in refusal(folder)
    (folder / "target_vocab.json").unlink()
    model = import_model(folder).tokenizer
    pieces = json.loads((model._directory / "vocab.json").read_text())
    turned = {piece: i if i < 4 else size + 3 - i for piece, i in pieces.items()}
    (folder / "vocab.json").write_text(json.dumps(turned))
    tokenizer = import_model(folder).tokenizer
    assert tokenizer.encode("the cat") == [i if i < 4 else size + 3 - i for i in plain]
    assert tokenizer.decode(tokenizer.encode_target("the cat")) == "the cat"


def test_a_model_may_be_told_its_languages(folder: Path) -> None:
    grow(folder, 400)
    change(
        folder,
        source_language=None,
        target_language=None,
        source_languages={"eng_Latn": {}, "fra_Latn": {"prefix_ids": [304], "suffix_ids": [305]}},
        target_languages={"deu_Latn": {"source_prefix_ids": [306], "target_prefix_ids": [307]}},
    )
    model = import_model(folder)
    assert list(model.sources) == [
        Source("eng_Latn", "eng_Latn", (2,), ()),
        Source("fra_Latn", "fra_Latn", (304,), (305,)),
    ]
    assert list(model.targets) == [Target("deu_Latn", "deu_Latn", (306,), (307,))]


def test_the_name_of_what_steers_is_text_in_a_text(folder: Path) -> None:
    symbols = ["<2de>"]
    trained = tiny.train_pieces(
        tiny.TEXTS, vocab_size=150, pad_id=0, unk_id=1, bos_id=2, eos_id=3,
        user_defined_symbols=symbols,
    )  # fmt: skip
    (folder / "source.spm").write_bytes(trained)
    assert import_model(folder).tokenizer.encode("<2de>")[-2] == 4
    change(folder, target_languages={"de": {"source_prefix_ids": [4]}}, target_language=None)
    tokenizer = import_model(folder).tokenizer
    for text in ("<2de>", "</s>", "<s>", "<pad> <unk>"):
        assert not {0, 2, 3, 4} & set(tokenizer.encode(text)[:-1]), text
    assert tokenizer.decode([4, *tokenizer.encode("the cat"), 0, 2]) == "the cat"


def test_two_files_of_the_library_are_two_vocabularies(folder: Path) -> None:
    (folder / "source.spm").unlink()
    grow(folder, 400)
    library(folder)
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"ja": 7, "?": 1}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(folder / "target_tokenizer.json"))
    tokenizer = import_model(folder).tokenizer
    assert tokenizer.encode_target("ja nein ja") == [7, 1, 7]
    assert tokenizer.decode([7, 1, 7, 3]) == "ja ja"
    assert len(tokenizer.encode("the cat")) > 2
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"ja": 777, "?": 1}, unk_token="?"))
    words.save(str(folder / "target_tokenizer.json"))
    assert "target_tokenizer.json has ids outside the model's vocabulary" in refusal(folder)


def test_a_t5_may_be_written_so(folder: Path) -> None:
    """RMSNorm, gates, distances, heads of any width and no biases are switches like others."""
    model = made_t5(T5_KINDS["T5 1.1"])
    checkpoint = checkpoint_of(model, tensors_of(model))
    settings, _ = read_settings(checkpoint)
    tensors, _ = t5_tensors.native_tensors(
        checkpoint.tensors, t5_tensors.find_embeddings(checkpoint.tensors), settings
    )
    config = settings.transformer_config(t5_tensors.find_embeddings(checkpoint.tensors))
    description = json.loads((folder / "dragoman.json").read_text())
    sizes = ("encoder_layers", "decoder_layers", "model_dim", "encoder_heads", "decoder_heads")
    more = ("encoder_hidden_dim", "decoder_hidden_dim", "head_dim", "norm_epsilon", "activation")
    switches = ("gated", "rms_norm", "relative_positions", "norm_first", "final_norm")
    names = (*sizes, *more, *switches, "tied_output")
    description |= {name: getattr(config, name) for name in names}
    description |= {"biases": False, "scaled_attention": False, "embedding_scale": 1.0}
    (folder / "dragoman.json").write_text(json.dumps(description))
    size = description["vocabulary_size"]
    for name in ("decoder.embedding.weight", "output.weight"):
        stored = tensors[name].tensor
        rows = torch.zeros(size, stored.shape[1])
        rows[: len(stored)] = stored[:size]
        tensors[name] = tensors[name]._replace(tensor=rows)
    plain = {name: stored.tensor.contiguous() for name, stored in tensors.items()}
    safetensors.torch.save_file(plain, folder / "model.safetensors")

    imported = import_model(folder)

    found = eager_logits(imported.transformer, SHORT, GIVEN)[:, :, :60]
    torch.testing.assert_close(found, expected_of(model), atol=1e-4, rtol=1e-4)
    del plain["decoder.relative_positions.weight"]
    safetensors.torch.save_file(plain, folder / "model.safetensors")
    assert "decoder.relative_positions.weight is missing" in refusal(folder)
