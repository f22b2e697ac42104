"""fairseq's own checkpoints beside its equations, written out once more."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from dragoman_export.families import import_model
from tests.export import tiny
from tests.export.subwords import SOURCE_TEXTS, TARGET_TEXTS
from tests.exports import Exports
from tests.families.bundles import PRECISIONS, export_both
from tests.families.compare import SCORE_TOLERANCE, require_independent, translated
from tests.families.fairseq import KINDS, make_checkpoint
from tests.families.plain_fairseq import PlainFairseq, search

SHORT = [*SOURCE_TEXTS, *TARGET_TEXTS, *tiny.SENTENCES]
TEXTS = [*SHORT, *(f"{first} {second}" for first, second in pairwise(SHORT))]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(name: str, exports: Exports) -> Path:
    return exports.get(f"fairseq-{name}", lambda path: make_checkpoint(path, KINDS[name]))


@pytest.fixture(scope="module")
def bundles(name: str, checkpoint: Path, exports: Exports) -> dict[str, Path]:
    precisions = PRECISIONS if name == "2018" else PRECISIONS[:1]  # the other has the same layers
    return export_both(exports, checkpoint, precisions=precisions)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_the_equations_say(
    checkpoint: Path, bundles: dict[str, Path], beam_size: int
) -> None:
    plain = PlainFairseq(**_plain(checkpoint))
    imported = import_model(checkpoint)
    found = translated(bundles["float32"], TEXTS, [beam_size])
    assert len({each.translated_text for each in found}) > len(TEXTS) // 6
    for text, ours in zip(TEXTS, found, strict=True):
        ids = imported.tokenizer.encode(text)
        said, score, _ = search(plain, ids, beam_size, imported.max_decoding_length)
        assert ours.translated_text == imported.tokenizer.decode(said), text
        assert ours.target_token_count == len(said), text
        assert abs(ours.score - score) < SCORE_TOLERANCE, text


def _plain(checkpoint: Path) -> dict[str, dict[str, torch.Tensor]]:
    stored = torch.load(checkpoint / "plain.pt", weights_only=True)
    return {"args": stored["args"], "tensors": stored["model"]}


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    require_independent(bundles.values(), TEXTS, every=7)
