"""What a CTranslate2 model may be stored as, beside CTranslate2 that computes in float32."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dragoman_export.checkpoints.ctranslate2_file import CTranslate2File, read_ctranslate2
from dragoman_export.families import import_model
from dragoman_export.model import Prompt
from dragoman_export.verification import EagerDecoder
from tests.export import ctranslate2_bytes, tiny
from tests.export.ctranslate2_bytes import Value, letters, number
from tests.families import opennmt_py
from tests.families.ctranslate2_models import LIMIT, Library, by_transformers, convert

END = "</s>"
POSITIONS = [f"{side}/position_encodings/encodings" for side in ("encoder", "decoder")]

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture
def model(checkpoint: Path, tmp_path: Path) -> Path:
    return convert(checkpoint, tmp_path / "model")


def require_same(model: Path, checkpoint: Path) -> None:
    """The imported modules say the tokens that CTranslate2 says, greedily."""
    imported = import_model(model)
    library = Library(model, by_transformers(checkpoint))
    texts = [text for text in tiny.SENTENCES if END not in text] + [*tiny.TEXTS]
    expected = library.translate(texts, 1)
    assert len({said.tokens for (said,) in expected}) > len(texts) // 4
    named = tokens_of(model)
    prompts = [Prompt(imported.tokenizer.encode(text)) for text in texts]
    found = EagerDecoder(imported).decode(prompts, LIMIT)
    for text, ours, (theirs,) in zip(texts, found, expected, strict=True):
        assert [named[token_id] for token_id in ours.token_ids] == [*theirs.tokens], text
        score = sum(ours.log_probs) / len(ours.log_probs)
        assert score == pytest.approx(theirs.score, abs=1e-4)


def tokens_of(model: Path) -> list[str]:
    file = model / "shared_vocabulary.json"
    if file.exists():
        tokens: list[str] = json.loads(file.read_text("utf-8"))
        return tokens
    return file.with_suffix(".txt").read_text("utf-8").removesuffix("\n").split("\n")


@pytest.mark.parametrize(
    "quantization", ["int8", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16"]
)
def test_stored_weights_mean_what_the_library_makes_of_them(
    quantization: str, checkpoint: Path, tmp_path: Path
) -> None:
    require_same(convert(checkpoint, tmp_path / "model", quantization), checkpoint)


@pytest.mark.parametrize("version", [4, 5])
def test_older_formats_say_in_variables_what_newer_ones_have_in_a_file(
    version: int, model: Path, checkpoint: Path
) -> None:
    """Switches of both sides in one place, and a vocabulary of lines."""
    gone = [
        f"{side}/{name}"
        for side in ("encoder", "decoder")
        for name in ("num_heads", "pre_norm", "activation", "embeddings_merge")
    ]
    told = {
        "num_heads": number(2),
        "pre_norm": number(0),
        "activation": number(0),
        "embeddings_merge": number(0),
        "unk_token": letters("<unk>"),
        "eos_token": letters(END),
        "with_target_bos": number(0),
    }
    changed: dict[str, Value | None] = {**dict.fromkeys(gone), **told}
    ctranslate2_bytes.change(model / "model.bin", changed, version=version, revision=4)
    (model / "config.json").unlink()
    lines = "".join(f"{token}\n" for token in tokens_of(model))
    (model / "shared_vocabulary.txt").write_text(lines, encoding="utf-8", newline="")
    (model / "shared_vocabulary.json").unlink()
    require_same(model, checkpoint)


def _swish(_file: CTranslate2File) -> dict[str, Value | None]:
    return {f"{side}/activation": number(2) for side in ("encoder", "decoder")}


def _gelu(_file: CTranslate2File) -> dict[str, Value | None]:
    return {f"{side}/activation": number(3) for side in ("encoder", "decoder")}


def _gelu_by_sigmoid(_file: CTranslate2File) -> dict[str, Value | None]:
    return {f"{side}/activation": number(4) for side in ("encoder", "decoder")}


def _computed_positions(_file: CTranslate2File) -> dict[str, Value | None]:
    return dict.fromkeys(POSITIONS)


def _own_positions(file: CTranslate2File) -> dict[str, Value | None]:
    table = ctranslate2_bytes.floats_of(file, POSITIONS[0])
    larger = (table.array[:60] * np.float32(1.1)).astype(np.float32)
    return {POSITIONS[0]: table, POSITIONS[1]: Value("float32", larger)}


def _flag_for_a_scale(_file: CTranslate2File) -> dict[str, Value | None]:
    return {f"{side}/scale_embeddings": number(1) for side in ("encoder", "decoder")}


def _no_scale(_file: CTranslate2File) -> dict[str, Value | None]:
    return {f"{side}/scale_embeddings": number(0) for side in ("encoder", "decoder")}


@pytest.mark.parametrize(
    "change",
    [
        _swish,
        _gelu,
        _gelu_by_sigmoid,
        _computed_positions,
        _own_positions,
        _flag_for_a_scale,
        _no_scale,
    ],
)
def test_switches_mean_what_the_library_makes_of_them(
    change: Callable[[CTranslate2File], dict[str, Value | None]],
    model: Path,
    checkpoint: Path,
) -> None:
    file = model / "model.bin"
    ctranslate2_bytes.change(file, change(read_ctranslate2(file)))
    require_same(model, checkpoint)


def test_models_of_opennmt_say_the_same(tmp_path: Path) -> None:
    """Two vocabularies, norms first, sources without an end token, as its converter writes them."""
    model = opennmt_py.make_model(tmp_path / "opennmt")
    library = Library(model, lambda text, _: opennmt_py.source_tokens(model, text))
    imported = import_model(model)
    named = json.loads((model / "target_vocabulary.json").read_text("utf-8"))
    texts = [text for text in tiny.SENTENCES if END not in text] + [*tiny.TEXTS]
    expected = library.translate(texts, 1)
    assert len({said.tokens for (said,) in expected}) > len(texts) // 2
    prompts = [Prompt(imported.tokenizer.encode(text)) for text in texts]
    found = EagerDecoder(imported).decode(prompts, LIMIT)
    for text, ours, (theirs,) in zip(texts, found, expected, strict=True):
        assert tuple(named[token_id] for token_id in ours.token_ids) == theirs.tokens, text
        score = sum(ours.log_probs) / len(ours.log_probs)
        assert score == pytest.approx(theirs.score, abs=1e-4)
