"""What an `If` gives has one order, whichever onnxscript chose."""

import itertools

import onnx
import pytest
from onnx import TensorProto, helper

from dragoman_export.graphs.files import order_branches

NAMES = {"attended": "answer", "new_key": "", "new_value": "value_out"}
"""Outputs of a branch, and what the If calls them; one is not used."""


def graph_with_if(order: tuple[str, ...]) -> onnx.GraphProto:
    def branch(suffix: str) -> onnx.GraphProto:
        values = [
            helper.make_tensor_value_info(name + suffix, TensorProto.FLOAT, [1]) for name in order
        ]
        nodes = [
            helper.make_node("Constant", [], [name + suffix], value_floats=[float(place)])
            for place, name in enumerate(NAMES)
        ]
        return helper.make_graph(nodes, "branch", [], values)

    node = helper.make_node(
        "If",
        ["condition"],
        [NAMES[name] for name in order],
        then_branch=branch(""),
        else_branch=branch("_13"),
    )
    condition = helper.make_tensor_value_info("condition", TensorProto.BOOL, [])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
        for name in NAMES.values()
        if name
    ]
    return helper.make_graph([node], "graph", [condition], outputs)


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)))
def test_the_order_of_what_an_if_gives_is_that_of_its_names(order: tuple[str, ...]) -> None:
    graph = graph_with_if(order)
    order_branches(graph)
    assert graph == graph_with_if(("attended", "new_key", "new_value"))
