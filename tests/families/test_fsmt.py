"""WMT19's models beside transformers' own decoding."""

from pathlib import Path

import pytest
import torch
import transformers

from dragoman_export.families import import_model
from dragoman_export.families.bart import TIED
from dragoman_export.model import Prompt
from dragoman_export.verification.eager_decoding import EagerDecoder
from tests.export import tiny
from tests.export.subwords import END_ID, SOURCE_TEXTS, TARGET_TEXTS
from tests.exports import Exports
from tests.families.bundles import PRECISIONS, export_both
from tests.families.compare import Library, require_independent, require_same, translated
from tests.families.fsmt import KINDS, make_checkpoint

SHORT = [*SOURCE_TEXTS, *TARGET_TEXTS, *tiny.SENTENCES]
TEXTS = [
    text
    for text in (*SHORT, *(f"{first} {second}" for first in SHORT for second in SOURCE_TEXTS))
    if not any(name in text for name in ("<s>", "</s>"))  # tokens, as transformers takes them
]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(name: str, exports: Exports) -> Path:
    return exports.get(f"fsmt-{name}", lambda path: make_checkpoint(path, KINDS[name]))


@pytest.fixture(scope="module")
def bundles(name: str, checkpoint: Path, exports: Exports) -> dict[str, Path]:
    precisions = PRECISIONS if name == "wmt19" else PRECISIONS[:1]  # the other has the same layers
    return export_both(exports, checkpoint, precisions=precisions)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_transformers_generates(
    checkpoint: Path, bundles: dict[str, Path], beam_size: int
) -> None:
    found = translated(bundles["float32"], TEXTS, [beam_size])
    require_same(found, Library(checkpoint, TIED), TEXTS, beam_size)


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    require_independent(bundles.values(), TEXTS, every=13)


@torch.inference_mode()
def test_log_probabilities_are_those_of_transformers(checkpoint: Path) -> None:
    imported = import_model(checkpoint)
    library = transformers.FSMTForConditionalGeneration.from_pretrained(checkpoint, **TIED)
    pairs = zip(SOURCE_TEXTS, TARGET_TEXTS, strict=True)
    cut = imported.tokenizer
    ids = [(cut.encode(first), [*cut.encode_target(second), END_ID]) for first, second in pairs]
    prompts = [Prompt(source) for source, _ in ids]
    found = EagerDecoder(imported).score(prompts, [target for _, target in ids])
    for (source, target), ours in zip(ids, found, strict=True):
        said = torch.tensor([[END_ID, *target[:-1]]])
        logits = library(torch.tensor([source]), decoder_input_ids=said, use_cache=False).logits[0]
        logits[:, list(imported.suppressed_ids)] = -torch.inf
        theirs = logits.log_softmax(1).gather(1, torch.tensor(target)[:, None])[:, 0]
        assert torch.tensor(ours).sub(theirs).abs().max() < 1e-4
