"""What Triton's PyTorch backend is given, run as that backend runs it."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from examples.torch_translate import load_graph
from examples.triton_server import make_model
from tests.examples.conftest import Example

CONFIG = Path(make_model.__file__).with_name("translate") / "config.pbtxt"


class Backend:
    """What the backend does with requests of a batch, as its documentation and source say it.

    Inputs have the names of the module's arguments; a ragged one is all requests' elements, one
    after the other; BATCH_ITEM_SHAPE_FLATTEN is the size of each sentence, in 32 bits. Outputs are
    cut along the batch.
    """

    def __init__(self, model: Path) -> None:
        self._module = cast("Any", load_graph(model, "cpu"))
        self.names = [each.name for each in self._module.forward.schema.arguments[1:]]

    def execute(self, requests: Sequence[Sequence[int]]) -> list[list[int]]:
        inputs: dict[str, Tensor] = {
            "token_ids": torch.tensor([i for request in requests for i in request]),
            "lengths": torch.tensor([len(request) for request in requests], dtype=torch.int32),
        }
        with torch.inference_mode(), cast("Any", torch.jit).optimized_execution(False):
            output = self._module(*(inputs[name] for name in self.names))
        assert (output.dtype, len(output)) == (torch.int64, len(requests))
        rows: list[list[int]] = output.tolist()
        return rows


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Backend]:
    """Made of a bundle by the script, with caches that are soon full."""

    def serve(bundle: Path, *options: str) -> Backend:
        model = tmp_path / "translate/1/model.pt"
        monkeypatch.setattr(make_model, "ROOM", 2)
        monkeypatch.setattr("sys.argv", ["make_model", str(bundle), str(model), *options])
        make_model.main()
        return Backend(model)

    return serve


def until(end_id: int, row: list[int]) -> list[int]:
    return row[: row.index(end_id) + 1] if end_id in row else row


@pytest.mark.parametrize("kind", ["attending", "recurrent"])
def test_requests_of_unlike_lengths_are_a_batch(
    kind: str, request: pytest.FixtureRequest, served: Callable[..., Backend]
) -> None:
    made: Example = request.getfixturevalue(kind)
    bundle, sources, translations, _, end_id = made
    backend = served(bundle)
    assert len({len(source) for source in sources}) > 1
    together = backend.execute(sources)
    assert [until(end_id, row) for row in together] == translations
    for row, said in zip(together, translations, strict=True):
        assert set(row[len(said) :]) <= {end_id}
    for source, said in zip(sources, translations, strict=True):
        assert backend.execute([source]) == [said]


def test_translations_may_begin_with_a_language(
    attending: Example, served: Callable[..., Backend]
) -> None:
    bundle, sources, translations, *_ = attending
    begins, *rest = translations[1]
    assert served(bundle, "--begins", str(begins)).execute([sources[1]]) == [rest]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([5] * 65, "tokens of a sentence: 1 to 64"),
        ([], "tokens of a sentence: 1 to 64"),
        ([5, 10**6], "token ids: 0 to"),
        ([-1, 0], "token ids: 0 to"),
    ],
)
def test_what_would_be_out_of_range_is_refused(
    source: list[int],
    said: str,
    attending: Example,
    served: Callable[..., Backend],
) -> None:
    backend = served(attending.bundle)
    with pytest.raises(torch.jit.Error, match=said):
        backend.execute([[5, 0], source])


def test_another_format_is_refused(onnx_bundle: Path) -> None:
    with pytest.raises(SystemExit, match="format onnx; allowed: torchscript"):
        make_model.make_model(onnx_bundle, -1)


def test_the_configuration_has_the_modules_names(
    attending: Example, served: Callable[..., Backend]
) -> None:
    config = CONFIG.read_text()
    names = re.findall(r'\b(?:name|target_name): "(.+)"', config)
    arguments = served(attending.bundle).names
    assert names == ["translate", *arguments, "translation__0"]
    assert names[0] == CONFIG.parent.name
