"""OpenNMT-py's and Eole's models beside their equations, written out once more."""

from itertools import pairwise
from pathlib import Path

import pytest
import sentencepiece
import torch

from dragoman.v1.translation_pb2 import FinishReason
from dragoman_export.families import import_model
from dragoman_export.manifest import Precision
from tests.export import tiny
from tests.export.subwords import SOURCE_TEXTS, TARGET_TEXTS
from tests.exports import Exports
from tests.families.bundles import export_both
from tests.families.compare import SCORE_TOLERANCE, require_independent, translated
from tests.families.opennmt import END_ID, KINDS, START_ID, UNKNOWN_ID, make_checkpoint
from tests.families.plain_opennmt import PlainOpenNMT
from tests.families.plain_search import Tokens, search

SHORT = [*SOURCE_TEXTS, *TARGET_TEXTS, *tiny.SENTENCES]
TEXTS = [*SHORT, *(f"{first} {second}" for first, second in [*pairwise(SHORT)][::3])]


def checkpoint_of(name: str, exports: Exports) -> Path:
    return exports.get(name, lambda path: make_checkpoint(path, KINDS[name]))


@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("name", KINDS)
def test_float32_is_what_the_equations_say(name: str, beam_size: int, exports: Exports) -> None:
    checkpoint = checkpoint_of(name, exports)
    bundles = export_both(exports, checkpoint, "en", "de", ("float32",))
    stored = torch.load(checkpoint / "plain.pth", weights_only=True)
    plain = PlainOpenNMT(stored["opt"], stored["model"])
    cutter = sentencepiece.SentencePieceProcessor(model_file=str(checkpoint / "plain.spm"))
    ids = {token: i for i, token in enumerate(stored["sources"])}
    imported = import_model(checkpoint)
    texts = TEXTS[::beam_size]  # the equations take their time
    found = translated(bundles["float32"], texts, [beam_size])
    assert len({each.translated_text for each in found}) > len(texts) // 6
    ended = 0
    for text, ours in zip(texts, found, strict=True):
        source = [ids.get(piece, UNKNOWN_ID) for piece in cutter.encode(text, out_type=str)]
        said, score, _ = search(
            lambda ids, source=source: plain.logits(source, ids)[-1],  # type: ignore[misc]
            Tokens([START_ID], END_ID, ()),
            beam_size,
            imported.max_decoding_length,
        )
        assert ours.translated_text == imported.tokenizer.decode(said), text
        assert ours.target_token_count == len(said), text
        if ours.finish_reason == FinishReason.FINISH_REASON_STOP:  # else lengths are a convention
            assert abs(ours.score - score) < SCORE_TOLERANCE, text
            ended += 1
    assert ended > len(texts) // 2


@pytest.mark.parametrize("name", KINDS)
def test_no_text_depends_on_its_neighbours(name: str, exports: Exports) -> None:
    precisions: list[Precision] = ["float32"]
    if name in {"opennmt-3", "eole-tied"}:
        precisions.append("int8")
    bundles = export_both(exports, checkpoint_of(name, exports), "en", "de", precisions)
    require_independent(bundles.values(), TEXTS, every=7)
