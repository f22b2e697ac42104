"""A manifest with an odd value is refused with the field's name, or means something."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import read_manifest
from dragoman_server.runtime.sizing import cache_shape
from tests.server.bundles import write_bundle

Place = tuple[str | int, ...]

ODD: list[Any] = [
    None, -3, 0, 2**31 - 1, 10**30, 0.5, "", "a\nb", "\ud800", "../x", "NaN", "x" * 10_000, [[]],
    {"a": 1},
]  # fmt: skip


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def content_of(bundle: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((bundle / "bundle.json").read_text())
    return content


def write(bundle: Path, content: object) -> None:
    (bundle / "bundle.json").write_text(json.dumps(content))


def put(content: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(content)
    parent: Any = changed
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    return changed


def places(content: object, at: Place = ()) -> Iterator[Place]:
    if at:
        yield at
    parts = content.items() if isinstance(content, dict) else ()
    for name, part in enumerate(content) if isinstance(content, list) else parts:
        yield from places(part, (*at, name))


def test_any_odd_value_anywhere_is_refused_or_means_something(bundle: Path) -> None:
    content = content_of(bundle)
    served = 0
    for place in places(content):
        for value in ODD:
            write(bundle, put(content, place, value))
            try:
                manifest = read_manifest(bundle)
            except BundleError:
                continue
            served += 1
            shape = cache_shape(manifest, max_rows=1, target_capacity=9, source_capacity=9)
            assert 0 < shape.row_bytes < 2**50, (place, value)
    assert served > 0


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("name", "", r"name is ''; allowed: 1 to 256 printable characters"),
        ("name", "two\nlines", r"name is 'two\\nlines'"),
        ("architecture.decoderLayers", 0, "architecture.decoder_layers is 0; allowed: 1 to 1,000"),
        ("architecture.headDim", -8, "architecture.head_dim is -8"),
        ("architecture.maxPositions", 10**9, "architecture.max_positions is 1000000000"),
        ("decodingDefaults.maxDecodingLength", -3, "max_decoding_length is -3; allowed: 0 to 15"),
        ("decodingDefaults.maxDecodingLength", 10**9, "max_decoding_length is 1000000000"),
        ("candidateCount", 1, "candidate_count is 1; allowed: 3 to "),
        ("candidateCount", -1, "candidate_count is -1"),
        ("candidateCount", 10**9, "candidate_count is 1000000000"),
        ("precision", "int4", "precision is 'int4'; allowed: float32, float16, bfloat16, int8"),
        ("activationScales", "loud", "activation_scales is 'loud'"),
        ("providers", [], "providers is empty; allowed: cpu, cuda"),
        ("providers", ["cpu", "tpu"], r"providers\[1\] is 'tpu'"),
        ("providers", ["cpu", "cpu"], "providers has 'cpu' twice"),
        ("encoder.inputs", [], "encoder.inputs is empty"),
        ("decoder.inputs", [], "decoder.inputs is empty"),
        ("decoder.inputs.1.dataType", "complex64", r"decoder.inputs\[1\].data_type is 'complex64'"),
        ("decoder.inputs.2.dataType", "int64", r"decoder.inputs\[2\].data_type is 'int64'"),
        ("decoder.inputs.0.shape", ["a b"], r"decoder.inputs\[0\].shape\[0\] is 'a b'"),
        ("decoder.inputs.0.shape", ["0"], r"decoder.inputs\[0\].shape\[0\] is '0'"),
        ("decoder.inputs.0.shape", ["9" * 9999], r"decoder.inputs\[0\].shape\[0\] is '999"),
        ("decoder.inputs.1.shape", ["rows"], "a cache of this architecture has 4 dimensions"),
        ("decoder.inputs.2.name", "ids", "decoder.inputs does not end with a cache"),
        ("decoder.inputs.1.name", "self_state_0", "has 2 dimensions and is 1 places wide, an even"),
        ("decoder.inputs.0.name", "self_key_0", "decoder.inputs has 'self_key_0' twice"),
        ("decoder.inputs.0.name", "query_index", "is a multiple of decoder_heads, 1"),
        ("sourceLanguages", [], "source_languages is empty"),
        ("targetLanguages", [], "target_languages is empty"),
        ("sourceLanguages.0.languageCode", "x" * 36, "language_code is 'x"),
        ("targetLanguages.0.sourcePrefixIds", [1000], "has 1000; allowed: 0 to 999"),
        ("sourceLanguages.0.suffixIds", [-1], "suffix_ids has -1; allowed: 0 to 999"),
        ("targetLanguages.0.targetPrefixIds", [1] * 999, "has 999 tokens; allowed: at most"),
        ("specialTokens.suppressedSequences", [{"ids": [3]}], "has 1 tokens; allowed: 2 or more"),
        ("specialTokens.endId", -1, "special_tokens.end_id has -1; allowed: 0 to 999"),
        ("specialTokens.unknownId", 1000, "special_tokens.unknown_id has 1000"),
        ("specialTokens.suppressedIds", [0, 9], "suppressed_ids has end_id, 0"),
        ("tokenizer.kind", "bpe", "tokenizer.kind is 'bpe'; allowed: sentencepiece"),
        ("tokenizer.vocabularyPath", "", "tokenizer.vocabulary_path is ''"),
        ("tokenizer.kind", "moses", "tokenizer.moses.source_language is ''; allowed: 1 to 35"),
        ("tokenizer.targetVocabularyPath", "../x", "tokenizer.target_vocabulary_path is '../x'"),
        ("tokenizer.controlIds", [-1], "tokenizer.control_ids has -1"),
        ("tokenizer.hiddenIds", [-1], "tokenizer.hidden_ids has -1"),
        (
            "tokenizer.addedTokens",
            [{"id": 0}],
            r"tokenizer.added_tokens\[0\].text has 0 characters",
        ),
        ("tokenizer.addedTokens", [{"text": "a", "id": -1}], r"added_tokens\[0\].id has -1"),
        ("files", [], "files is empty"),
        ("files.0.path", "../weights.bin", "which leaves the bundle"),
        ("files.0.path", "a/../../b", "which leaves the bundle"),
        ("files.0.path", "./encoder.onnx", "allowed: a path within the bundle"),
        ("files.0.path", ".", "allowed: a path within the bundle"),
        ("files.0.path", "a\0b", "allowed: a path within the bundle"),
        ("files.0.path", "decoder.onnx", "files has 'decoder.onnx' twice"),
        ("files.0.sizeBytes", -1, r"files\[0\].size_bytes is -1"),
        ("files.0.sha256", "ABC", r"files\[0\].sha256 is 'ABC'; allowed: 64 hexadecimal digits"),
        ("parity.maxLogProbDifference", "NaN", "parity.max_log_prob_difference is nan"),
        ("parity.sentenceCount", -1, "parity.sentence_count is -1"),
    ],
)
def test_what_is_not_allowed_is_told_by_its_field(
    bundle: Path, place: str, value: object, message: str
) -> None:
    steps = tuple(int(step) if step.isdigit() else step for step in place.split("."))
    write(bundle, put(content_of(bundle), steps, value))
    with pytest.raises(BundleError, match=message):
        read_manifest(bundle)


def test_all_that_is_wrong_is_told_at_once(bundle: Path) -> None:
    content = put(content_of(bundle), ("name",), "")
    write(bundle, put(content, ("providers",), []))
    with pytest.raises(BundleError, match=r"name is ''; .*; providers is empty"):
        read_manifest(bundle)


def test_the_many_problems_of_a_foreign_manifest_are_counted(bundle: Path) -> None:
    (bundle / "bundle.json").write_text('{"formatVersion": 5}')
    with pytest.raises(BundleError, match=r"; and \d+ more$"):
        read_manifest(bundle)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{" * 100_000, "[" * 100_000, '{"formatVersion": ' + "9" * 5000 + "}"],
    ids=["nothing", "null", "a list", "braces", "brackets", "a long number"],
)
def test_what_is_no_manifest_is_told(bundle: Path, text: str) -> None:
    (bundle / "bundle.json").write_text(text)
    with pytest.raises(BundleError):
        read_manifest(bundle)


def test_a_manifest_that_is_no_text_or_too_long_is_told(bundle: Path) -> None:
    (bundle / "bundle.json").write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError, match="cannot be read"):
        read_manifest(bundle)
    with (bundle / "bundle.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BundleError, match="bytes; allowed: at most"):
        read_manifest(bundle)
    (bundle / "bundle.json").unlink()
    (bundle / "bundle.json").mkdir()
    with pytest.raises(BundleError, match="is not a file"):
        read_manifest(bundle)


def test_a_byte_order_mark_is_no_matter(bundle: Path) -> None:
    text = (bundle / "bundle.json").read_text()
    (bundle / "bundle.json").write_text(text, encoding="utf-8-sig")
    assert read_manifest(bundle).name == "tiny"


def test_a_calibration_has_features_that_are_known_and_numbers(bundle: Path) -> None:
    content = content_of(bundle)
    feature = {"name": "log_odds", "weight": 1.5}
    good = {"length_ratio": {"mean": 0.1, "deviation": 0.2}, "sentence": {"features": [feature]}}
    write(bundle, content | {"calibration": good})
    assert read_manifest(bundle).calibration.length_ratio.mean == 0.1
    for wrong, told in (
        ({"length_ratio": {"mean": "NaN"}}, r"length_ratio\.mean is nan; allowed: -10 to 10"),
        ({"length_ratio": {"deviation": -1}}, r"deviation is -1\.0; allowed: 0 to 10"),
        ({"sentence": {"intercept": "Infinity"}}, r"sentence\.intercept is inf; allowed: a number"),
        ({"word": {"features": [{"name": "luck"}]}}, "is 'luck'; allowed: log_odds, sentence_log"),
        ({"word": {"features": [feature, feature]}}, r"word\.features has a name twice"),
        (
            {"sentence": {"features": [{"name": "log_odds", "weight": "NaN"}]}},
            r"features\[0\]\.weight is nan; allowed: a number",
        ),
    ):
        write(bundle, content | {"calibration": good | wrong})
        with pytest.raises(BundleError, match=told):
            read_manifest(bundle)


def with_attention(content: dict[str, Any], **heads: object) -> dict[str, Any]:
    """A bundle of one decoder layer and one head that has a graph of attention weights."""
    tensor = {"name": "source_ids", "data_type": "int64", "shape": ["tokens"]}
    output = {"name": "cross_attention_0", "data_type": "float", "shape": ["batch"]}
    graph = {"path": "encoder.onnx", "inputs": [tensor], "outputs": [output]}
    chosen = {"layer": 0, "heads": [0], "chosen_by": "model_1", "figure": 0.5} | heads
    return content | {"format_version": 6, "attention": graph, "alignment_heads": chosen}


def test_heads_that_align_are_those_that_the_graph_tells(bundle: Path) -> None:
    content = content_of(bundle)
    write(bundle, with_attention(content))
    assert read_manifest(bundle).alignment_heads.heads == [0]
    for heads, told in (
        ({"layer": 1}, "alignment_heads.layer is 1; allowed: 0 to 0"),
        ({"heads": []}, "alignment_heads.heads is empty"),
        ({"heads": [1]}, "alignment_heads.heads is 1; allowed: 0 to 0"),
        ({"layer": -1}, "alignment_heads.layer is -1"),
    ):
        write(bundle, with_attention(content, **heads))
        with pytest.raises(BundleError, match=told):
            read_manifest(bundle)
    named = with_attention(content)
    named["attention"]["outputs"][0]["name"] = "cross_attention_1"
    write(bundle, named)
    with pytest.raises(BundleError, match=r"attention\.outputs lacks cross_attention_0"):
        read_manifest(bundle)
    named["attention"]["outputs"].append(
        {"name": "logits", "data_type": "float", "shape": ["batch"]}
    )
    write(bundle, named)
    with pytest.raises(BundleError, match=r"attention\.outputs has 'logits'"):
        read_manifest(bundle)
