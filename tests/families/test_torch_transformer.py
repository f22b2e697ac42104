"""State dicts of modules around nn.Transformer beside a plain search over the modules."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dragoman_export.check import describe
from dragoman_export.errors import VerificationError
from dragoman_export.export import export
from dragoman_export.families import described, import_model, torch_tensors, torch_transformer
from dragoman_export.families.positions import fairseq_sinusoids, interleaved_sinusoids
from dragoman_export.model import OwnModules, Prompt
from dragoman_export.network import Step
from dragoman_export.verification import (
    EagerDecoder,
    ModuleDecoder,
    listen,
    measure,
    require_same,
)
from dragoman_export.verification.eager_decoding import encode
from tests.export import tiny
from tests.export.two_vocabularies import SOURCES, TARGETS
from tests.exports import Exports
from tests.families import compare
from tests.families.bundles import PRECISIONS, export_both
from tests.families.compare import require_independent, translated
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
def bundles(name: str, checkpoint: Path, exports: Exports) -> dict[str, Path]:
    precisions = PRECISIONS if name == "apart" else PRECISIONS[:1]  # others have the same layers
    return export_both(exports, checkpoint, precisions=precisions)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_float32_is_what_the_module_says(
    plain: Plain, bundles: dict[str, Path], beam_size: int
) -> None:
    found = translated(bundles["float32"], TEXTS, [beam_size])
    compare.require_same(found, plain, TEXTS, beam_size)


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


def renamed(monkeypatch: pytest.MonkeyPatch, wrong: Mapping[str, str]) -> None:
    for side, names in torch_tensors.SIDES.items():
        monkeypatch.setitem(torch_tensors.SIDES, side, {**names, **wrong})


def wrong_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    renamed(monkeypatch, {"norm1": "feed_forward_norm", "norm2": "self_attention_norm"})
    decoder = {"norm1": "cross_attention_norm", "norm2": "self_attention_norm"}
    monkeypatch.setitem(
        torch_tensors.SIDES, "decoder", {**torch_tensors.SIDES["decoder"], **decoder}
    )


def wrong_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_tensors, "PARTS", ("key", "query", "value"))


def wrong_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    right = torch_transformer._config
    monkeypatch.setattr(
        torch_transformer, "_config", lambda *args: replace(right(*args), norm_epsilon=0.1)
    )


def wrong_activation(monkeypatch: pytest.MonkeyPatch) -> None:
    right = torch_transformer._config
    monkeypatch.setattr(
        torch_transformer, "_config", lambda *args: replace(right(*args), activation="silu")
    )


def wrong_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(described, "SINUSOIDS", dict.fromkeys(described.SINUSOIDS, fairseq_like))


def fairseq_like(positions: int, dim: int) -> torch.Tensor:
    return fairseq_sinusoids(positions, dim, first=2)


def require_same_as_module(checkpoint: Path) -> None:
    """As export does it, but with the modules that it would trace."""
    model = import_model(checkpoint)
    assert isinstance(model.own_library, OwnModules)
    suppressed, limit = model.suppressed_ids, model.max_decoding_length
    own = ModuleDecoder(model.own_library.build(), model.decoder_start_id, model.end_id, suppressed)
    before = model.any_source.prefix_ids
    prompts = [Prompt([*before, *model.tokenizer.encode(text)]) for text in TEXTS[:8]]
    said = listen(own, prompts, limit, lambda _: None)
    require_same(measure(EagerDecoder(model), said, limit, lambda _: None))


@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        ("tied", wrong_norm),
        ("tied", wrong_activation),
        ("halves", wrong_positions),
        ("apart", wrong_epsilon),
        ("apart", wrong_order),
    ],
)
def test_what_an_importer_makes_of_it_is_held_against_the_module_itself(
    kind: str,
    breaks: Callable[[pytest.MonkeyPatch], None],
    exports: Exports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoint = exports.get(f"torch-{kind}", KINDS[kind].make)
    require_same_as_module(checkpoint)
    breaks(monkeypatch)
    with pytest.raises(VerificationError, match="differ"):
        require_same_as_module(checkpoint)


@pytest.mark.parametrize("side", ["source_positions", "target_positions"])
def test_a_stored_table_of_sinusoids_is_as_long_as_it_is(
    side: str, exports: Exports, tmp_path: Path
) -> None:
    """Longer than a table that is computed, and one for both sides."""
    path = tmp_path / "tied"
    shutil.copytree(exports.get("torch-tied", KINDS["tied"].make), path)
    state = torch.load(path / "model.pt", weights_only=True)
    state["table"] = interleaved_sinusoids(700, 32)[None]
    torch.save(state, path / "model.pt")
    description = json.loads((path / "nn-transformer.json").read_text())
    description["tensors"][side] = "table"
    del description["max_positions"]
    (path / "nn-transformer.json").write_text(json.dumps(description))
    model = import_model(path)
    assert model.config.max_positions == 700
    assert isinstance(model.own_library, OwnModules)
    own = model.own_library.build()
    sources = torch.tensor([[5] * 700])
    memory = own.encode(sources, sources == 0)
    assert own.next_logits(memory, sources == 0, sources).shape == (
        1,
        len(state["embedding.weight"]),
    )
    require_same_as_module(path)


def test_a_bundle_that_differs_from_the_module_is_not_written(
    exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = exports.get("torch-tied", KINDS["tied"].make)
    wrong_norm(monkeypatch)
    request = tiny.request(checkpoint, tmp_path / "bundle", "float32")
    with pytest.raises(VerificationError, match="differ"):
        export(replace(request, sentences=TEXTS[:8]), tiny.no_progress)
    assert not (tmp_path / "bundle").exists()


def test_check_says_what_it_will_be_held_against(checkpoint: Path, tmp_path: Path) -> None:
    told = describe(tiny.request(checkpoint, tmp_path / "bundle", "float32"))
    assert re.search("verified with +torch.nn.Transformer\n", told)


def test_no_text_depends_on_its_neighbours(bundles: dict[str, Path]) -> None:
    require_independent(bundles.values(), TEXTS, every=5)
