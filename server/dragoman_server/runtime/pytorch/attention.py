"""A bundle's graph of attention weights, as AttentionRunner calls it.

Knows names and arrays; knows nothing of texts or translations.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dragoman_server.models import Bundle
from dragoman_server.runtime.pytorch.graphs import load_graph


class AttentionSession:
    """The graph on one device. Any thread may use it."""

    def __init__(self, bundle: Bundle, device: torch.device) -> None:
        """Loads it.

        Raises:
            BundleError: It cannot be loaded.
        """
        manifest = bundle.manifest
        graph = manifest.attention
        self._run = load_graph(bundle.path / graph.path, manifest.format, device)
        self._inputs = [tensor.name for tensor in graph.inputs]
        self._outputs = {tensor.name: index for index, tensor in enumerate(graph.outputs)}
        self._device = device

    def run(
        self, names: Sequence[str], given: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        """Returns the outputs of these names.

        Args:
            names: Of the manifest's outputs.
            given: The manifest's inputs by name.
        """
        torch.set_num_threads(1)  # the caller's own, whose number else is that of the cores
        inputs = [torch.from_numpy(given[name]).to(self._device) for name in self._inputs]
        with torch.inference_mode():
            found = self._run(*inputs)
        outputs = [found] if isinstance(found, torch.Tensor) else list(found)
        return [outputs[self._outputs[name]].cpu().numpy() for name in names]
