"""What runs the graph of attention weights, whatever its format.

Knows the graph's names. Does not know which weights anybody asks for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from dragoman_export.graphs import PLAIN, GraphFormat, attention_contract
from dragoman_export.network import TransformerConfig
from dragoman_export.verification.graph_decoding import cpu_session
from dragoman_export.verification.plain_decoding import load_plain
from dragoman_export.verification.stepwise import Floats


class AttentionGraph(Protocol):
    """As onnxruntime's session runs it."""

    def run(
        self, names: Sequence[str], given: Mapping[str, NDArray[np.generic]]
    ) -> Sequence[Floats]:
        """The outputs of these names, of all inputs by their names; see `attention_contract`."""
        ...


def attention_graph(
    directory: Path, graph_format: GraphFormat, config: TransformerConfig
) -> AttentionGraph:
    """Loads the one in `directory`, to be run on the CPU."""
    file = directory / graph_format.file("attention")
    if graph_format.name in PLAIN:
        return _PlainAttentionGraph(file, graph_format, config)
    session: AttentionGraph = cpu_session(file)
    return session


class _PlainAttentionGraph:
    """In PyTorch, which knows inputs and outputs by their places."""

    def __init__(self, file: Path, graph_format: GraphFormat, config: TransformerConfig) -> None:
        contract = attention_contract(config)
        self._graph = load_plain(file, graph_format)
        self._inputs = [tensor.name for tensor in contract.inputs]
        self._outputs = {tensor.name: place for place, tensor in enumerate(contract.outputs)}

    @torch.no_grad()
    def run(self, names: Sequence[str], given: Mapping[str, NDArray[np.generic]]) -> list[Floats]:
        """See AttentionGraph."""
        weights = self._graph(*(torch.from_numpy(given[name]) for name in self._inputs))
        return [weights[self._outputs[name]].numpy() for name in names]
