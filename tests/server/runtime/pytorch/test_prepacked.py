"""Weights packed for oneDNN: the same products, in both formats, and nothing kept twice."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dragoman_server.runtime.pytorch.graphs import Graph, load_graph
from dragoman_server.runtime.pytorch.prepacked import prepack_exported, prepack_torchscript
from tests.server.runtime.pytorch.models import CPU
from tests.server.runtime.pytorch.saving import FORMATS, saved, torchscript

PACKED = "mkldnn::_linear_pointwise"


class Products(nn.Module):
    """A layer of either kind, with and without a bias, and products that are no layers."""

    def __init__(self, kind: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.linear = nn.Linear(40, 24, dtype=kind)
        self.bare = nn.Linear(24, 16, bias=False, dtype=kind)
        self.weight = nn.Parameter(torch.randn(16, 32).to(kind))
        self.bias = nn.Parameter(torch.randn(32).to(kind))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.addmm(self.bias, self.bare(self.linear(x)), self.weight)
        halved = torch.addmm(self.bias, y[:, :16], self.weight, beta=0.5, alpha=2)
        return torch.addmm(halved, y[:, :16], y[:16, :32])


def example(kind: torch.dtype = torch.float32) -> tuple[Tensor]:
    return (torch.randn(16, 40).to(kind),)


@pytest.fixture(params=FORMATS)
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> Graph:
    path = saved(Products(), example(), request.param, tmp_path)
    return load_graph(path, request.param, CPU)


def test_products_are_the_same(loaded: Graph) -> None:
    x = torch.randn(48, 40)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x[:32]), Products()(x[:32]))
        torch.testing.assert_close(loaded(x), Products()(x))


def test_a_row_has_the_same_bits_among_any_number_of_rows(tmp_path: Path) -> None:
    """As packed products have, and others have not of fewer than four rows."""
    loaded = load_graph(saved(Layers(), example(), "torchscript", tmp_path), "torchscript", CPU)
    x = torch.randn(64, 40)
    with torch.inference_mode():
        whole = loaded(x)
        for rows in (1, 2, 3, 4, 7, 63):
            assert torch.equal(loaded(x[-rows:].clone()), whole[-rows:])


class Layers(Products):
    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, self.bare(self.linear(x)), self.weight)


def test_layers_alone_are_packed_in_torchscript(tmp_path: Path) -> None:
    module = torchscript(saved(Products(), example(), "torchscript", tmp_path))
    prepack_torchscript(module)
    kinds = [node.kind() for node in module.graph.nodes()]
    assert (kinds.count(PACKED), kinds.count("aten::linear"), kinds.count("aten::addmm")) == (
        3,
        0,
        2,
    )


def test_layers_alone_are_packed_in_an_exported_program(tmp_path: Path) -> None:
    """Those of their weights that nothing else uses are let go of."""
    module = torch.export.load(saved(Products(), example(), "pt2", tmp_path)).module()
    prepack_exported(module)
    called = [str(node.target) for node in module.graph.nodes]
    packed = sum("_linear_pointwise" in name for name in called)
    assert (packed, called.count("aten.linear.default"), called.count("aten.addmm.default")) == (
        3,
        0,
        2,
    )
    assert [name for name, _ in module.named_parameters()] == ["weight", "bias", "linear.bias"]


def test_weights_of_other_types_are_left_as_they_are(tmp_path: Path) -> None:
    half = Products(torch.bfloat16)
    module = torchscript(saved(half, example(torch.bfloat16), "torchscript", tmp_path))
    prepack_torchscript(module)
    assert PACKED not in [node.kind() for node in module.graph.nodes()]
    exported = torch.export.load(saved(half, example(torch.bfloat16), "pt2", tmp_path)).module()
    prepack_exported(exported)
    assert not list(exported.named_buffers())
