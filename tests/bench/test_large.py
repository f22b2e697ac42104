import subprocess
import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from dragoman_export.families import import_model
from tests.bench.large_model import SHAPES, ShapeName, stored_shapes, write_large_model
from tests.bench.peak_memory import watched
from tests.bench.projection import projection_share

SMALL = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_heads": 4,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
}
VOCABULARY = 1500


def write_small(path: Path, name: ShapeName) -> Path:
    shape = SHAPES[name]
    settings = {key: SMALL.get(key, value) for key, value in shape.settings.items()}
    write_large_model(
        path,
        replace(shape, settings=settings),
        fraction=0.1,
        vocabulary=VOCABULARY,
        element_type="float32",
    )
    return path


def test_sizes_are_those_of_the_published_file() -> None:
    shape = SHAPES["madlad-3b"]
    shapes = stored_shapes(shape, shape.config(**shape.scaled(1.0, None)))
    size = 4 * sum(map(prod, shapes.values()))
    assert 0 < 11_761_587_872 - size < 100_000  # the header of the file


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_written_is_a_checkpoint_whose_layers_and_tokens_are_as_asked_for(
    tmp_path: Path, name: ShapeName
) -> None:
    path = write_small(tmp_path / "model", name)
    model = import_model(path)
    assert model.config.encoder_layers == round(0.1 * SHAPES[name].layers)
    assert model.config.vocabulary_size == VOCABULARY
    assert model.config.tied_output is (name == "nllb-600m")
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    assert VOCABULARY - 8 <= len(tokenizer.get_vocab()) <= VOCABULARY
    tensors = load_file(path / "model.safetensors")
    assert all(
        each.isfinite().all() and each.std() > 0 for each in tensors.values() if each.dim() > 1
    )
    again = load_file(write_small(tmp_path / "again", name) / "model.safetensors")
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)


def test_a_command_is_watched_stage_by_stage() -> None:
    code = (
        "import sys, time\n"
        "print('rest ... 0 s', file=sys.stderr)\n"
        "print('load ... ', end='', file=sys.stderr, flush=True)\n"
        "kept = bytearray(100_000_000); time.sleep(0.2); del kept; time.sleep(0.1)\n"
        "print('1 s', file=sys.stderr)"
    )
    usage = watched([sys.executable, "-c", code])
    assert 100_000_000 < usage.own_bytes < 150_000_000
    assert usage.own_bytes < usage.all_bytes < 200_000_000
    assert usage.stage == "load"
    assert usage.seconds > 0.3


def test_what_a_command_said_is_told_when_it_fails() -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        watched([sys.executable, "-c", "raise SystemExit('no such thing')"])
    assert "no such thing" in raised.value.stderr


def test_the_projection_is_found_in_the_profile(bundle: Path) -> None:
    share = projection_share(bundle, rows=4, threads=1)
    assert share.rows == 4
    assert 0.0 < share.share < 1.0
