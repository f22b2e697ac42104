"""Attention as two products and a softmax, in the place of PyTorch's one operator, on the CPU.

There the operator divides its work among threads in a way that a row's bits depend on, and takes
two to five times as long with half the precision. On a GPU it is as it should be. Knows the nodes
of graphs; knows nothing of rows or caches.
"""

import torch
from torch.fx import GraphModule

FUSED = "aten::scaled_dot_product_attention"

PATTERN = f"""
graph(%query, %key, %value, %bias, %dropout, %causal, %scale, %grouped):
  %attended = {FUSED}(%query, %key, %value, %bias, %dropout, %causal, %scale, %grouped)
  return (%attended)"""

REPLACEMENT = """
graph(%query, %key, %value, %bias, %dropout, %causal, %scale, %grouped):
  %last : int = prim::Constant[value=-1]()
  %before : int = prim::Constant[value=-2]()
  %once : int = prim::Constant[value=1]()
  %same_type : NoneType = prim::Constant()
  %turned : Tensor = aten::transpose(%key, %last, %before)
  %scores : Tensor = aten::matmul(%query, %turned)
  %shown : Tensor = aten::add(%scores, %bias, %once)
  %weights : Tensor = aten::softmax(%shown, %last, %same_type)
  %attended : Tensor = aten::matmul(%weights, %value)
  return (%attended)"""


def unfuse_torchscript(module: torch.jit.ScriptModule) -> None:
    """Changes a frozen TorchScript module, which has not run yet."""
    nodes = module.graph.findAllNodes(FUSED)  # type: ignore[attr-defined]
    for node in nodes:
        _, _, _, bias, *settings = [given.toIValue() for given in node.inputs()]
        has_bias = str(list(node.inputs())[3].type()) == "Tensor"
        if bias is not None or not has_bias or settings != [0.0, False, 1.0, False]:
            return
    torch._C._jit_pass_custom_pattern_based_rewrite_graph(  # noqa: SLF001 - there is no other
        PATTERN, REPLACEMENT, module.graph
    )


def unfuse_exported(module: GraphModule) -> None:
    """Changes what torch.export's programs are as a module."""
    graph, aten = module.graph, torch.ops.aten
    for node in graph.find_nodes(
        op="call_function", target=aten.scaled_dot_product_attention.default
    ):
        if len(node.args) != OPERANDS or node.kwargs != {"scale": 1.0}:
            continue
        query, key, value, bias = node.args
        with graph.inserting_before(node):
            turned = graph.call_function(aten.transpose.int, (key, -1, -2))
            scores = graph.call_function(aten.matmul.default, (query, turned))
            shown = graph.call_function(aten.add.Tensor, (scores, bias))
            weights = graph.call_function(aten.softmax.int, (shown, -1))
            attended = graph.call_function(aten.matmul.default, (weights, value))
        node.replace_all_uses_with(attended)
        graph.erase_node(node)
    module.recompile()


OPERANDS = 4
"""Queries, keys, values and what is added to scores; others have their defaults."""
