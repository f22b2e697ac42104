"""What graphs are made for: the execution provider, and all that differs between two of them."""

from collections.abc import Callable
from typing import NamedTuple

import onnx_ir
from torch import nn

from dragoman_export.graphs import optimise, optimise_cuda, translations, translations_cuda
from dragoman_export.graphs.contract import GraphContract
from dragoman_export.graphs.formats import ONNX_CPU, ONNX_CUDA, GraphFormat
from dragoman_export.graphs.translations import Translations
from dragoman_export.network import DecoderStep, DeviceStep


class Target(NamedTuple):
    """An execution provider, as export sees it."""

    graph_format: GraphFormat

    translations: Callable[[], Translations]

    decoder: Callable[[DecoderStep], nn.Module]
    """The module that is traced as the decoding step."""

    optimise: Callable[[onnx_ir.Model, GraphContract], None]
    """Cleans a traced graph."""


def _as_it_is(decoder: DecoderStep) -> nn.Module:
    return decoder


CPU = Target(ONNX_CPU, translations.translations, _as_it_is, optimise.optimise)

CUDA = Target(
    ONNX_CUDA,
    translations_cuda.translations,
    DeviceStep,
    optimise_cuda.optimise,
)
