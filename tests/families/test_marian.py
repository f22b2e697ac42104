"""Marian checkpoints with two vocabularies, or with embeddings that are not tied."""

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch

from dragoman_export.export import export
from dragoman_export.families import import_model
from dragoman_export.families.bart import TIED
from tests.export import tiny, two_vocabularies
from tests.export.two_vocabularies import KINDS, Kind
from tests.exports import Exports
from tests.families.bundles import PRECISIONS, export_both
from tests.families.compare import Library, require_independent, require_same, translated

PLAIN = [text for text in tiny.SENTENCES if "</s>" not in text]
"""Without the names of tokens, which transformers takes for tokens."""

TEXTS = [
    *two_vocabularies.SOURCES,
    *PLAIN,
    *(f"{first} {second}" for first in PLAIN for second in two_vocabularies.SOURCES),
]

QUANTISED = (KINDS["two vocabularies"], KINDS["nothing tied"])
"""In int8 too: output layers that are the target's embeddings, and that are not."""

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture(scope="module", params=KINDS.values(), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture(scope="module")
def checkpoint(kind: Kind, exports: Exports) -> Path:
    name = "marian-" + "".join(str(int(each)) for each in kind)
    return exports.get(name, lambda path: two_vocabularies.make_checkpoint(path, kind))


@pytest.fixture(scope="module")
def bundles(kind: Kind, checkpoint: Path, exports: Exports) -> dict[str, Path]:
    precisions = PRECISIONS if kind in QUANTISED else PRECISIONS[:1]
    return export_both(exports, checkpoint, precisions=precisions)


def test_the_model_has_what_the_weights_have(checkpoint: Path, kind: Kind) -> None:
    config = import_model(checkpoint).transformer.config
    assert (config.source_vocabulary_size is None) == kind.shares_embedding
    assert config.tied_output == kind.ties_output


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_transformers_generates(
    checkpoint: Path, bundles: dict[str, Path], beam_size: int
) -> None:
    found = translated(bundles["float32"], TEXTS, [beam_size])
    require_same(found, Library(checkpoint, TIED), TEXTS, beam_size)


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    require_independent(bundles.values(), TEXTS, every=5)


def test_what_is_there_counts_and_not_what_the_settings_say(
    exports: Exports, tmp_path: Path
) -> None:
    kind = KINDS["output not tied"]
    checkpoint = exports.get(
        "marian-100", lambda path: two_vocabularies.make_checkpoint(path, kind)
    )
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    assert not import_model(copy).transformer.config.tied_output
    export(tiny.request(copy, tmp_path / "bundle", "float32"), tiny.no_progress)

    tensors = safetensors.torch.load_file(copy / "model.safetensors")
    del tensors["lm_head.weight"]
    safetensors.torch.save_file(tensors, copy / "model.safetensors")
    (copy / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    assert import_model(copy).transformer.config.tied_output
    export(tiny.request(copy, tmp_path / "tied", "float32"), tiny.no_progress)
