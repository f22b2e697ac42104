"""Marian's own models beside its equations, written out once more."""

from itertools import pairwise
from pathlib import Path

import pytest

from dragoman_export.checkpoints.marian_file import read_marian
from dragoman_export.families import import_model
from tests.export import tiny
from tests.export.subwords import SOURCE_TEXTS, TARGET_TEXTS
from tests.exports import Exports
from tests.families.bundles import PRECISIONS, export_both
from tests.families.compare import SCORE_TOLERANCE, require_independent, translated
from tests.families.marian_npz import KINDS, make_checkpoint
from tests.families.plain_marian import PlainMarian
from tests.families.plain_search import Tokens, search

SHORT = [*SOURCE_TEXTS, *TARGET_TEXTS, *tiny.SENTENCES]
TEXTS = [*SHORT, *(f"{first} {second}" for first, second in pairwise(SHORT[::2]))]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(name: str, exports: Exports) -> Path:
    return exports.get(f"marian-npz-{name}", lambda path: make_checkpoint(path, KINDS[name]))


@pytest.fixture(scope="module")
def bundles(name: str, checkpoint: Path, exports: Exports) -> dict[str, Path]:
    precisions = PRECISIONS if name != "teacher" else PRECISIONS[:1]  # its layers are Marian's
    return export_both(exports, checkpoint, "en", "de", precisions)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_the_equations_say(
    checkpoint: Path, bundles: dict[str, Path], beam_size: int
) -> None:
    file = read_marian(checkpoint / "model.npz")
    plain = PlainMarian(file.settings, file.tensors)
    imported = import_model(checkpoint)
    start = imported.decoder_start_id
    never = [i for i in imported.suppressed_ids if i != start]
    tokens = Tokens([start], imported.end_id, never)
    before = [i for target in imported.targets for i in target.source_prefix_ids]
    texts = TEXTS[::beam_size]  # the equations take their time
    found = translated(bundles["float32"], texts, [beam_size])
    assert len({each.translated_text for each in found}) > len(texts) // 6
    for text, ours in zip(texts, found, strict=True):
        source = [*before, *imported.tokenizer.encode(text)]
        memory = plain.memory(source)
        said, score, _ = search(
            lambda ids, memory=memory: plain.next_logits(memory, ids[1:])[-1],  # type: ignore[misc]
            tokens,
            beam_size,
            imported.max_decoding_length,
        )
        assert ours.translated_text == imported.tokenizer.decode(said), text
        assert ours.target_token_count == len(said), text
        assert abs(ours.score - score) < SCORE_TOLERANCE, text


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    require_independent(bundles.values(), TEXTS, every=7)
