"""Weights of linear layers in the order in which oneDNN multiplies with them, on the CPU.

As they come out of a file they are put in order at each product: of few rows that takes longer than
the product. Packed once they are quicker, and a row of the result has the same bits whatever the
number of rows. The operators are those that torch.compile makes of linear layers on the CPU. Knows
the nodes of graphs; knows nothing of rows or caches.
"""

from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

LINEAR, ADDMM = "aten::linear", "aten::addmm"

ADDENDS = 3
"""Operands of either; what follows them are factors, which are 1 in a linear layer."""

ROWS = 64
"""That the order of weights is chosen for; with 1 a single row would get an order of its own."""


def prepack_torchscript(module: torch.jit.ScriptModule) -> None:
    """Changes a frozen TorchScript module, which has not run yet."""
    if not _is_there():
        return
    graph = module.graph
    for kind in (LINEAR, ADDMM):
        for node in graph.findAllNodes(kind):  # type: ignore[attr-defined]
            inputs = list(node.inputs())
            x, weight, bias = _operands(kind, inputs)
            value = weight.toIValue()  # None where it is no constant
            is_scaled = any(factor.toIValue() != 1 for factor in inputs[ADDENDS:])
            if not is_scaled and isinstance(value, Tensor) and _is_packable(value):
                _replace(graph, node, (x, _packed(kind, value), bias))
    torch._C._jit_pass_dce(graph)  # noqa: SLF001 - drops the weights in their former order


def prepack_exported(module: GraphModule) -> None:
    """Changes what torch.export's programs are as a module."""
    if not _is_there():
        return
    kinds = {torch.ops.aten.linear.default: LINEAR, torch.ops.aten.addmm.default: ADDMM}
    for number, node in enumerate(list(module.graph.nodes)):
        kind = kinds.get(node.target)
        if kind is None or node.kwargs or len(node.args) > ADDENDS:
            continue
        x, weight, bias = _operands(kind, [*node.args, None])
        value = _attribute(module, weight)
        if value is None or not _is_packable(value):
            continue
        name = f"packed_{number}"
        module.register_buffer(name, _packed(kind, value))
        with module.graph.inserting_before(node):
            packed = module.graph.get_attr(name)
            new = module.graph.call_function(
                torch.ops.mkldnn._linear_pointwise.default,  # noqa: SLF001 - see above
                (x, packed, bias, "none", [], ""),
            )
        node.replace_all_uses_with(new)
        module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    _drop_unused(module)
    module.recompile()


def _is_there() -> bool:
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _is_packable(weight: Tensor) -> bool:
    return weight.dtype == torch.float32 and weight.dim() == 2  # noqa: PLR2004 - a matrix


def _operands(kind: str, inputs: list[Any]) -> tuple[Any, Any, Any]:
    """Returns x, the weight and the bias."""
    if kind == ADDMM:
        bias, x, weight, *_ = inputs
    else:
        x, weight, bias, *_ = inputs
    return x, weight, bias


def _packed(kind: str, weight: Tensor) -> Tensor:
    """A weight as oneDNN has it: of a linear layer (out, in), of a product (in, out)."""
    laid_out = weight.detach().t().contiguous() if kind == ADDMM else weight.detach()
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(laid_out, ROWS)  # noqa: SLF001
    return packed


def _replace(graph: torch.Graph, node: torch.Node, operands: tuple[Any, Tensor, Any]) -> None:
    """Puts oneDNN's product in the place of a node."""
    x, weight, bias = operands
    with graph.insert_point_guard(node):
        constant = graph.insertNode(graph.create("prim::Constant", [], 1))
        constant.t_("value", weight)
        scalars = graph.insertNode(graph.create("prim::ListConstruct", [], 1))
        scalars.output().setType(
            torch._C.ListType(torch._C.OptionalType(torch._C.NumberType.get()))  # noqa: SLF001
        )
        none, nothing = map(graph.insertConstant, ("none", ""))  # type: ignore[attr-defined]
        inputs = [x, constant.output(), bias, none, scalars.output(), nothing]
        new = graph.insertNode(graph.create("mkldnn::_linear_pointwise", inputs, 1))
    new.output().setType(node.output().type())
    node.output().replaceAllUsesWith(new.output())
    node.destroy()


def _attribute(module: GraphModule, node: object) -> Tensor | None:
    """The tensor that a node gets from the module; None where it gets none."""
    if not isinstance(node, Node) or node.op != "get_attr":
        return None
    owner, _, name = str(node.target).rpartition(".")
    value = getattr(module.get_submodule(owner), name)
    return value if isinstance(value, Tensor) else None


def _drop_unused(module: GraphModule) -> None:
    """Lets go of the weights in their former order."""
    used = {str(node.target) for node in module.graph.nodes if node.op == "get_attr"}
    for path, _ in list(module.named_parameters(remove_duplicate=False)):
        if path not in used:
            owner, _, name = path.rpartition(".")
            delattr(module.get_submodule(owner), name)
