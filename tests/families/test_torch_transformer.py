"""State dicts of modules around nn.Transformer beside a plain search over the modules."""

from pathlib import Path

import pytest
import torch

from dragoman_export.families import import_model
from dragoman_export.network import Step
from dragoman_export.verification.eager_decoding import encode
from tests.export import tiny
from tests.export.two_vocabularies import SOURCES, TARGETS
from tests.exports import Exports
from tests.families.bundles import export_both
from tests.families.compare import require_independent, require_same, translated
from tests.families.torch_models import END, KINDS, START, Kind, Plain

PLAIN = [text for text in tiny.SENTENCES if "</s>" not in text]
"""Without the names of tokens, which some tokenizers take for tokens."""

TEXTS = [*SOURCES, *TARGETS, *PLAIN, *(f"{text} {SOURCES[0]}" for text in (*PLAIN, *TARGETS))]

pytestmark = [
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
]


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def kind(name: str) -> Kind:
    return KINDS[name]


@pytest.fixture(scope="module")
def checkpoint(name: str, kind: Kind, exports: Exports) -> Path:
    return exports.get(f"torch-{name}", kind.make)


@pytest.fixture(scope="module")
def plain(checkpoint: Path, kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Plain:
    return Plain(checkpoint, kind, tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def bundles(checkpoint: Path, exports: Exports) -> dict[str, Path]:
    return export_both(exports, checkpoint)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_the_module_says(
    plain: Plain, bundles: dict[str, Path], beam_size: int
) -> None:
    found = translated(bundles["float32"], TEXTS, [beam_size])
    require_same(found, plain, TEXTS, beam_size)


def test_logits_are_those_of_the_module(checkpoint: Path, plain: Plain) -> None:
    transformer = import_model(checkpoint).transformer
    size = transformer.config.vocabulary_size
    for text, target in zip(SOURCES, TARGETS, strict=True):
        source, said = plain.source(text), [START, *plain.tokens.encode_target(target), END]
        with torch.inference_mode():
            expected = plain.module(torch.tensor([source]), torch.tensor([said]))[0]
            source_last, caches = encode(transformer, [source], len(said))
            capacities = caches[0].capacities()
            for place, token in enumerate(said):
                step = Step(torch.tensor([place], dtype=torch.int32), source_last, *capacities)
                logits, caches = transformer.decoder.logits(torch.tensor([token]), step, caches)
                torch.testing.assert_close(
                    logits[0, :size], expected[place], atol=1e-4, rtol=0, msg=f"{text}, {place}"
                )


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    require_independent(bundles.values(), TEXTS, every=5)
