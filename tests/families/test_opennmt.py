"""OpenNMT-py's and Eole's models beside their equations, written out once more."""

from itertools import pairwise
from pathlib import Path

import pytest
import sentencepiece
import torch

from dragoman_export.families import import_model
from tests.export import tiny
from tests.export.subwords import SOURCE_TEXTS, TARGET_TEXTS
from tests.exports import Exports
from tests.families.bundles import export_both
from tests.families.compare import SCORE_TOLERANCE, require_independent, translated
from tests.families.opennmt import END_ID, KINDS, START_ID, UNKNOWN_ID, make_checkpoint
from tests.families.plain_opennmt import PlainOpenNMT
from tests.families.plain_search import Tokens, search

SHORT = [*SOURCE_TEXTS, *TARGET_TEXTS, *tiny.SENTENCES]
TEXTS = [*SHORT, *(f"{first} {second}" for first, second in [*pairwise(SHORT)][::2])]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(name: str, exports: Exports) -> Path:
    return exports.get(name, lambda path: make_checkpoint(path, KINDS[name]))


@pytest.fixture(scope="module")
def bundles(checkpoint: Path, exports: Exports) -> dict[str, Path]:
    return export_both(exports, checkpoint, "en", "de")


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_the_equations_say(
    checkpoint: Path, bundles: dict[str, Path], beam_size: int
) -> None:
    stored = torch.load(checkpoint / "plain.pth", weights_only=True)
    plain = PlainOpenNMT(stored["opt"], stored["model"])
    cutter = sentencepiece.SentencePieceProcessor(model_file=str(checkpoint / "plain.spm"))
    ids = {token: i for i, token in enumerate(stored["sources"])}
    imported = import_model(checkpoint)
    found = translated(bundles["float32"], TEXTS, [beam_size])
    assert len({each.translated_text for each in found}) > len(TEXTS) // 6
    for text, ours in zip(TEXTS, found, strict=True):
        source = [ids.get(piece, UNKNOWN_ID) for piece in cutter.encode(text, out_type=str)]
        said, score = search(
            lambda ids, source=source: plain.logits(source, ids)[-1],  # type: ignore[misc]
            Tokens([START_ID], END_ID, ()),
            beam_size,
            imported.max_decoding_length,
        )
        assert ours.translated_text == imported.tokenizer.decode(said), text
        assert ours.target_token_count == len(said), text
        assert abs(ours.score - score) < SCORE_TOLERANCE, text


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    require_independent(bundles.values(), TEXTS, every=7)
