"""Attention as products and a softmax: the same numbers, whose bits are a row's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_server.runtime.pytorch.graphs import load_graph
from dragoman_server.runtime.pytorch.unfused import (
    FUSED,
    unfuse_exported,
    unfuse_torchscript,
)
from tests.server.runtime.pytorch.models import CPU
from tests.server.runtime.pytorch.saving import FORMATS, saved, torchscript

ROWS = 66


class Attention(nn.Module):
    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = {"scale": 1.0} | settings

    def forward(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, **self.settings
        )


class Plain(Attention):
    def forward(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        del bias
        return functional.scaled_dot_product_attention(query, key, value, **self.settings)


@pytest.fixture
def inputs() -> tuple[Tensor, ...]:
    torch.manual_seed(5)
    query, key, value = (torch.randn(ROWS, 4, length, 64) for length in (1, 64, 64))
    bias = torch.zeros(ROWS, 1, 1, 64)
    bias[::3, :, :, 40:] = -torch.inf
    return query, key, value, bias


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", FORMATS)
def test_a_row_has_the_same_bits_among_any_with_several_threads(
    name: str, inputs: tuple[Tensor, ...], tmp_path: Path
) -> None:
    """As it has not where they share the work of the fused operator."""
    loaded = load_graph(saved(Attention(), inputs, name, tmp_path), name, CPU)
    with torch.inference_mode():
        whole = loaded(*inputs)
        torch.testing.assert_close(whole, Attention()(*inputs))
        for first, rows in ((0, 16), (1, 17), (5, 40), (30, 20), (49, 17)):
            part = (given[first : first + rows] for given in inputs)
            assert torch.equal(loaded(*part), whole[first : first + rows])


@pytest.mark.parametrize(
    ("module", "count"),
    [(Attention(), 0), (Attention(scale=0.5), 1), (Attention(scale=None), 1), (Plain(), 1)],
    ids=["ours", "scaled", "scaled by width", "without a mask"],
)
def test_only_what_this_projects_graphs_have_is_replaced(
    module: Attention, count: int, inputs: tuple[Tensor, ...], tmp_path: Path
) -> None:
    scripted = torchscript(saved(module, inputs, "torchscript", tmp_path))
    unfuse_torchscript(scripted)
    assert len(scripted.graph.findAllNodes(FUSED)) == count  # type: ignore[attr-defined]
    exported = torch.export.load(saved(module, inputs, "pt2", tmp_path)).module()
    unfuse_exported(exported)
    operator = torch.ops.aten.scaled_dot_product_attention.default
    assert len(exported.graph.find_nodes(op="call_function", target=operator)) == count
