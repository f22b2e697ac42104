"""What hinders a CTranslate2 model is told at once, by CTranslate2's own names."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from dragoman_export.checkpoints.ctranslate2_file import read_ctranslate2
from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from dragoman_export.families.ctranslate2_config import Steering
from dragoman_export.families.ctranslate2_vocabularies import (
    Vocabularies,
    ends_sources,
    read_vocabularies,
)
from tests.export import tiny, tokenizers
from tests.export.ctranslate2_bytes import (
    Value,
    change,
    floats,
    model_bytes,
    number,
)

DIM, HIDDEN = 8, 12


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def write_model(path: Path) -> Path:
    """A model of one layer on each side, as CTranslate2's converters would write it."""
    path.mkdir()
    trained = tiny.train_pieces(tiny.TEXTS, vocab_size=120)
    (path / "spm.model").write_bytes(trained)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained)
    tokens = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    write_vocabulary(path, "shared_vocabulary.json", tokens)
    set_config(path)
    aliases = {
        "decoder/projection/weight": "decoder/embeddings/weight",
        "encoder/embeddings_0/weight": "decoder/embeddings/weight",
        "encoder/position_encodings/encodings": "decoder/position_encodings/encodings",
    }
    (path / "model.bin").write_bytes(model_bytes(variables(len(tokens)), aliases))
    return path


def variables(vocabulary: int) -> dict[str, Value]:
    made = {
        "decoder/embeddings/weight": floats(vocabulary, DIM),
        "decoder/position_encodings/encodings": floats(20, DIM),
    }
    for side, attentions in (("encoder", {"self_attention": (3, 1)}), ("decoder", DECODER)):
        made |= {
            f"{side}/num_heads": number(2, "int16"),
            f"{side}/pre_norm": number(1),
            f"{side}/activation": number(0),
            f"{side}/scale_embeddings": number(1),
            **norm(f"{side}/layer_norm"),
            **norm(f"{side}/layer_0/ffn/layer_norm"),
            f"{side}/layer_0/ffn/linear_0/weight": floats(HIDDEN, DIM),
            f"{side}/layer_0/ffn/linear_1/weight": floats(DIM, HIDDEN),
        }
        for attention, parts in attentions.items():
            made |= norm(f"{side}/layer_0/{attention}/layer_norm")
            for index, count in enumerate(parts):
                name = f"{side}/layer_0/{attention}/linear_{index}"
                made |= {
                    f"{name}/weight": floats(count * DIM, DIM),
                    f"{name}/bias": floats(count * DIM),
                }
    return made


DECODER = {"self_attention": (3, 1), "attention": (1, 2, 1)}


def norm(name: str) -> dict[str, Value]:
    return {f"{name}/gamma": floats(DIM), f"{name}/beta": floats(DIM)}


def write_vocabulary(path: Path, name: str, tokens: list[str]) -> None:
    (path / name).write_text(json.dumps(tokens))


def read_vocabulary(path: Path) -> list[str]:
    tokens: list[str] = json.loads((path / "shared_vocabulary.json").read_text())
    return tokens


def set_config(path: Path, **settings: object) -> None:
    config = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    whole = {**config, "decoder_start_token": "<s>", **settings}
    (path / "config.json").write_text(json.dumps(whole))


def refused(model: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        import_model(model)
    return str(caught.value)


def test_the_model_itself_is_good(model: Path) -> None:
    imported = import_model(model)
    config = imported.transformer.config
    assert (config.encoder_layers, config.decoder_layers, config.model_dim) == (1, 1, DIM)
    assert config.norm_first
    assert config.final_norm
    assert config.max_positions == 20
    assert imported.max_decoding_length == 19
    assert imported.own_library is None
    assert imported.tokenizer.encode("the cat")[-1] != imported.end_id  # as OpenNMT's models


CHANGES: Mapping[str, tuple[Mapping[str, Value | None], str]] = {
    "missing": (
        {
            "encoder/layer_0/self_attention/linear_0/weight": None,
            "decoder/layer_0/attention/layer_norm/beta": None,
        },
        (r"(?s)encoder/layer_0/self_attention/linear_0/weight is missing.*"
        r"decoder/layer_0/attention/layer_norm/beta is missing; all norms or none must be RMS"),
    ),
    "shapes": (
        {
            "encoder/layer_0/self_attention/linear_0/weight": floats(2 * DIM, DIM),
            "decoder/layer_0/ffn/linear_1/weight": floats(DIM, DIM),
        },
        (r"(?s)linear_0/weight has shape \(16, 8\); \(24, 8\) is needed.*"
        r"decoder/layer_0/ffn/linear_1/weight has shape \(8, 8\); \(8, 12\) is needed"),
    ),
    "no embedding": (
        {"encoder/embeddings_0/weight": None},
        "encoder/embeddings_0/weight is missing; 2 dimensions are needed",
    ),
    "a stray": ({"encoder/stray": floats(2)}, "encoder/stray has no place in such a model"),
    "relative positions": (
        {"encoder/layer_0/self_attention/relative_position_keys": floats(3, 4)},
        "relative_position_keys is there: relative positions other than T5's; supported are",
    ),
    "T5": (
        {"encoder/layer_0/self_attention/relative_attention_bias": floats(3, 4)},
        r"(?s)relative_positions is True in the encoder and False in the decoder",
    ),
    "scaled queries": (
        {
            "encoder/layer_0/self_attention/queries_scale": number(1, "float32"),
            "decoder/layer_0/attention/queries_scale": number(2, "float32"),
        },
        (r"(?s)decoder/layer_0/attention/queries_scale is 2.0; only 1, as in T5, is supported"
        r".*queries_scale not in all of the 3 attentions"),
    ),
    "scaled outputs": (
        {
            "decoder/scale_outputs": number(1, "float32"),
            **dict.fromkeys(norm("decoder/layer_norm")),
        },
        "decoder/scale_outputs is there and decoder/layer_norm is not",
    ),
    "norms of two kinds": (
        dict.fromkeys(
            f"encoder/{part}layer_norm/beta"
            for part in ("", "layer_0/self_attention/", "layer_0/ffn/")
        ),
        "rms_norm is True in the encoder and False in the decoder",
    ),
    "rotary": (
        {"decoder/layer_0/self_attention/rotary_dim": number(0, "int32")},
        "rotary_dim is there: rotary positions",
    ),
    "ALiBi": ({"decoder/alibi": number(1)}, "decoder/alibi is set: ALiBi positions"),
    "multi-query": (
        {"decoder/layer_0/self_attention/num_heads_kv": number(1, "int32")},
        "num_heads_kv is 1; only 2 is supported",
    ),
    "gated": (
        {"encoder/layer_0/ffn/linear_0_noact/weight": floats(HIDDEN, DIM)},
        "gated is True in the encoder and False in the decoder",
    ),
    "features": (
        {"encoder/embeddings_1/weight": floats(4, DIM)},
        "embeddings_1/weight is there: sources with several features",
    ),
    "AWQ": (
        {"encoder/layer_0/ffn/linear_0/weight_zero": floats(4)},
        "weight_zero is there: AWQ weights",
    ),
    "tanh": (
        {"encoder/activation": number(5), "decoder/activation": number(5)},
        "encoder/activation is tanh; supported are",
    ),
    "a number of no activation": (
        {"encoder/activation": number(99)},
        "encoder/activation is of number 99",
    ),
    "unlike sides": (
        {"decoder/activation": number(2), "decoder/layer_norm/gamma": None},
        r"(?s)activation is 0 in the encoder and 2 in the decoder.*final_norm is True in",
    ),
    "heads": ({"encoder/num_heads": number(3, "int16")}, "encoder/num_heads is 3; a whole number"),
    "layers": (
        norm("encoder/layer_2/ffn/layer_norm"),
        r"the encoder has the layers \[0, 2\]; 0, 1 and so on",
    ),
    "positions of another width": (
        {"decoder/position_encodings/encodings": floats(20, DIM + 1)},
        r"encodings has shape \(20, 9\); \(positions, 8\) is needed",
    ),
    "a vocabulary of another size": (
        {"decoder/embeddings/weight": floats(50, DIM)},
        "the source vocabulary has .* tokens and the embedding 50 rows",
    ),
    "a scale that is no number": (
        {"encoder/scale_embeddings": Value("float32", np.array(np.nan, np.float32))},
        "encoder/scale_embeddings is no number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_hinders_is_told_by_its_name(model: Path, name: str) -> None:
    changed, told = CHANGES[name]
    change(model / "model.bin", changed)
    message = refused(model)
    assert re.search(told, message), message


BIAS = "self_attention/relative_attention_bias"
DISTANCE = "self_attention/relative_attention_max_distance"


def relative(side: str, buckets: int = 8, distance: int = 20, layer: int = 0) -> dict[str, Value]:
    """T5's positions in one layer."""
    return {
        f"{side}/layer_{layer}/{BIAS}": floats(buckets, 2),
        f"{side}/layer_{layer}/{DISTANCE}": number(distance, "int32"),
    }


NO_TABLE: Mapping[str, Value | None] = {
    "decoder/position_encodings/encodings": None,
    "encoder/position_encodings/encodings": None,
}

RELATIVE: Mapping[str, tuple[Mapping[str, Value | None], str]] = {
    "a table beside them": (relative("encoder"), "encodings has no place in such a model"),
    "few buckets": (
        {**NO_TABLE, **relative("encoder", buckets=3)},
        f"encoder/layer_0/{BIAS} has 3 buckets; 4 or more are needed",
    ),
    "a short distance": (
        {**NO_TABLE, **relative("encoder", distance=4)},
        f"encoder/layer_0/{DISTANCE} is 4; a whole number above 4 is needed",
    ),
    "other heads": (
        {**NO_TABLE, **relative("encoder"), f"encoder/layer_0/{BIAS}": floats(8, 3)},
        rf"encoder/layer_0/{BIAS} has shape \(8, 3\); \(buckets, 2\) is needed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RELATIVE)
def test_relative_positions_are_t5_s(model: Path, name: str) -> None:
    changed, told = RELATIVE[name]
    change(model / "model.bin", {**relative("decoder"), **changed})
    message = refused(model)
    assert re.search(told, message), message


def test_each_layer_with_relative_positions_of_its_own_is_refused(model: Path) -> None:
    file = read_ctranslate2(model / "model.bin")
    second = {
        name.replace("/layer_0/", "/layer_1/"): name
        for name in file.variables
        if name.startswith("encoder/layer_0/")
    }
    own = relative("encoder", layer=1)
    other = {**own, f"encoder/layer_1/{BIAS}": floats(9, 2)}
    both = {**NO_TABLE, **relative("decoder"), **relative("encoder")}
    aliases = {**file.aliases, **second}
    change(model / "model.bin", {**both, **other}, aliases=aliases)
    assert "each layer has its own, as in UMT5; only one table" in refused(model)
    change(model / "model.bin", own)
    assert import_model(model).config.relative_positions


@pytest.mark.parametrize(
    ("spec", "revision", "told"),
    [
        ("WhisperSpec", 3, "is a WhisperSpec of CTranslate2; only TransformerSpec, a Transformer"),
        ("TransformerDecoderSpec", 8, "is a TransformerDecoderSpec"),
        ("", 1, "is a model without a name"),
        ("TransformerSpec", 8, "is of revision 8 of TransformerSpec; known are 3, 4, 5, 6, 7"),
        ("TransformerSpec", 1, "is of revision 1"),
    ],
)
def test_other_models_are_refused(model: Path, spec: str, revision: int, told: str) -> None:
    change(model / "model.bin", {}, spec=spec, revision=revision)
    assert told in refused(model)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"decoder_start_token": None}, "decoder_start_token is null: each request names"),
        ({"decoder_start_token": 3}, "decoder_start_token is 3; the name of a token or null"),
        ({"decoder_start_token": "x y"}, "the target vocabulary has no decoder_start_token 'x y'"),
        ({"eos_token": "</end>"}, "the source vocabulary has no eos_token '</end>'"),
        ({"unk_token": 3}, "unk_token is 3; the name of a token is needed"),
        ({"add_source_eos": 1}, "add_source_eos is 1; true or false is needed"),
        ({"add_source_bos": True, "bos_token": None}, "bos_token is None"),
        ({"layer_norm_epsilon": "x"}, "layer_norm_epsilon is 'x'; a number between 0 and 1"),
        ({"quantization_type": 1}, "quantization_type is 1; AWQ is unsupported"),
    ],
)
def test_what_steers_a_model_must_be_there(
    model: Path, settings: dict[str, object], told: str
) -> None:
    set_config(model, **settings)
    assert told in refused(model)


def test_a_start_that_each_request_names_is_a_language_of_mbart(model: Path) -> None:
    tokens = read_vocabulary(model)
    for tokenizer, languages, told in (
        ("MBartTokenizer", ("__en__", "__de__"), "no languages as de_DE in the vocabulary and the"),
        ("NllbTokenizerFast", ("en_XX", "de_DE"), "such languages and the tokenizer NllbTokenizer"),
    ):
        settings = {"tokenizer_class": tokenizer}
        (model / "tokenizer_config.json").write_text(json.dumps(settings))
        write_vocabulary(model, "shared_vocabulary.json", [*tokens[:-2], *languages])
        set_config(model, decoder_start_token=None)
        assert told in refused(model)


def test_files_that_are_missing_are_named(model: Path) -> None:
    (model / "spm.model").rename(model / "other.model")
    assert "source.spm and target.spm, sentencepiece.bpe.model, spm.model" in refused(model)
    (model / "config.json").unlink()
    assert "config.json" in refused(model)
    (model / "shared_vocabulary.json").unlink()
    assert "lacks its vocabulary: shared_vocabulary, or source_vocabulary and" in refused(model)
    write_vocabulary(model, "source_1_vocabulary.json", ["a"])
    assert "sources with several features are not supported" in refused(model)


def test_a_tokenizer_of_another_model_is_refused(model: Path) -> None:
    lines = [text for text in tokenizers.SCRIPTS if not text[:4].isascii()]
    (model / "spm.model").write_bytes(tiny.train_pieces(lines, vocab_size=600))
    message = refused(model)
    assert "is another one's:" in message
    assert re.search(r"the vocabulary has \d+ of the \d+ pieces of .*spm\.model", message)
    (model / "spm.model").write_bytes(b"no model")
    assert "is no sentencepiece file" in refused(model)


def test_a_vocabulary_with_a_token_twice_is_refused(model: Path) -> None:
    tokens = read_vocabulary(model)
    write_vocabulary(model, "shared_vocabulary.json", [*tokens[:-1], tokens[5]])
    assert f"the source vocabulary has {tokens[5]!r} twice" in refused(model)


def test_two_vocabularies_must_have_the_same_end(model: Path) -> None:
    tokens = read_vocabulary(model)
    (model / "shared_vocabulary.json").unlink()
    write_vocabulary(model, "source_vocabulary.json", tokens)
    end = tokens.index("</s>")
    other = [*tokens[:end], *tokens[end + 1 :], "</s>"]
    write_vocabulary(model, "target_vocabulary.json", other)
    assert f"'</s>' is {end} in the source vocabulary and {len(other) - 1} in" in refused(model)


def test_many_names_of_few_weights_take_no_memory(model: Path) -> None:
    """Layers that are all one, far more of them than what is stored could be."""
    file = read_ctranslate2(model / "model.bin")
    layer = [name for name in file.variables if name.startswith("encoder/layer_0/")]
    aliases = {
        name.replace("/layer_0/", f"/layer_{index}/"): name
        for index in range(1, 900)
        for name in layer
    }
    change(model / "model.bin", {}, aliases={**file.aliases, **aliases})
    assert re.search(r"such a model has \d+ numbers; the weights have \d+", refused(model))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\nb \n\r\n", ["a", "b ", "\r"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("a\n\u2028\n", ["a", "\u2028"]),
    ],
)
def test_vocabularies_of_lines_are_read_as_the_library_does(
    tmp_path: Path, content: str, expected: list[str]
) -> None:
    (tmp_path / "shared_vocabulary.txt").write_bytes(content.encode())
    assert read_vocabularies(tmp_path).sources == expected


def test_a_vocabulary_that_is_no_list_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "shared_vocabulary.json").write_text('{"a": 1}')
    with pytest.raises(CheckpointError, match="holds no JSON list of tokens"):
        read_vocabularies(tmp_path)


@pytest.mark.parametrize(
    ("tokens", "start", "adds_end", "expected"),
    [
        (["<unk>", "<blank>", "<s>", "</s>"], "<s>", False, False),  # OpenNMT
        (["<unk>", "<blank>", "<s>", "</s>"], "<s>", True, True),
        (["</s>", "<unk>"], "</s>", False, True),  # OPUS-MT, by transformers' converter
        (["<pad>", "</s>", "<unk>"], "<pad>", False, True),  # Pegasus
    ],
)
def test_only_models_of_opennmt_have_sources_without_an_end(
    tokens: list[str], start: str, adds_end: bool, expected: bool
) -> None:
    steering = Steering(
        unknown="<unk>",
        begin="<pad>" if start == "<pad>" else "<s>",
        end="</s>",
        start=start,
        adds_begin=False,
        adds_end=adds_end,
        norm_epsilon=1e-5,
    )
    vocabularies = Vocabularies(tokens, tokens, is_shared=True)
    assert ends_sources(vocabularies, steering) is expected
