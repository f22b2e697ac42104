"""fairseq's multilingual tasks beside its equations, written out once more."""

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
from tests.families.fairseq_multilingual import KINDS, Told, make_checkpoint
from tests.families.plain_fairseq import PlainFairseq, search

SHORT = [*SOURCE_TEXTS[:4], *TARGET_TEXTS[:4], *tiny.SENTENCES[:4]]
TEXTS = [*SHORT, *(f"{first} {second}" for first, second in pairwise(SHORT[:4]))]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(name: str, exports: Exports) -> Path:
    place = f"fairseq-{name.replace(' ', '-')}"
    return exports.get(place, lambda path: make_checkpoint(path, KINDS[name]))


@pytest.fixture(scope="module")
def bundles(name: str, checkpoint: Path, exports: Exports) -> dict[str, Path]:
    precisions = PRECISIONS if name == "m2m" else PRECISIONS[:1]  # others have the same layers
    return export_both(exports, checkpoint, precisions=precisions)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_the_equations_say(
    name: str, checkpoint: Path, bundles: dict[str, Path], beam_size: int
) -> None:
    stored = torch.load(checkpoint / "plain.pt", weights_only=True)
    plain = PlainFairseq(args=stored["args"], tensors=stored["model"])
    told = Told.of(KINDS[name], checkpoint)
    imported = import_model(checkpoint)
    for direction in KINDS[name].directions:
        found = translated(bundles["float32"], TEXTS, [beam_size], [direction])
        assert len({each.translated_text for each in found}) > len(TEXTS) // 6
        begin = told.begin(direction)
        for text, ours in zip(TEXTS, found, strict=True):
            ids = told.source(text, direction)
            said, score, _ = search(plain, ids, beam_size, imported.max_decoding_length, begin)
            assert ours.translated_text == imported.tokenizer.decode(said), text
            assert ours.target_token_count == len(said), text
            assert abs(ours.score - score) < SCORE_TOLERANCE, text


def test_no_text_depends_on_its_neighbours(name: str, bundles: dict[str, Path]) -> None:
    directions = KINDS[name].directions
    require_independent(bundles.values(), TEXTS, every=7, directions=directions)


def test_what_steers_is_text_when_somebody_types_it_and_gives_none(
    name: str, checkpoint: Path
) -> None:
    imported = import_model(checkpoint)
    told = Told.of(KINDS[name], checkpoint)
    steering = {told.ids[each] for each in KINDS[name].added}
    for token in KINDS[name].added:
        assert steering.isdisjoint(imported.tokenizer.encode(f"a {token} b"))
        assert not imported.tokenizer.decode([told.ids[token]])
